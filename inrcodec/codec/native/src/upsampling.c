/* Upsampling by two, borders replicated: with a separable kernel, and with one of 8x8. */

#include "kernels.h"
#include "vectors.h"

#define KEPT 8 /* rows of twice the width that are kept: an output sees 4 */

INLINE int within(int i, int n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }

/* A row of w pixels twice as wide; `line` holds w + 4 floats. */
static void double_row(const float *from, int w, const float *t, float *to, float *line) {
    line[0] = line[1] = from[0];
    memcpy(line + 2, from, (size_t)w * 4);
    line[w + 2] = line[w + 3] = from[w - 1];
    for (int j = 0; j < w; j++) {
        const float *x = line + j;
        to[2 * j] = t[0] * x[0] + t[1] * x[1] + t[2] * x[2] + t[3] * x[3];
        to[2 * j + 1] = t[3] * x[1] + t[2] * x[2] + t[1] * x[3] + t[0] * x[4];
    }
}

void upsample(int32_t h, int32_t w, const float *x, const float *taps, int32_t top, int32_t left,
              int32_t high, int32_t wide, float *out, float *wide_rows, float *line) {
    int made = within(top / 2 - 2, h);
    for (int y = 0; y < high; y++) {
        int i = (y + top) / 2, odd = (y + top) % 2;
        for (; made <= within(i + 2, h); made++)
            double_row(x + (size_t)made * w, w, taps, wide_rows + (size_t)(made % KEPT) * 2 * w, line);
        const float *r[4];
        for (int k = 0; k < 4; k++)
            r[k] = wide_rows + (size_t)(within(odd ? i + 2 - k : i - 2 + k, h) % KEPT) * 2 * w + left;
        float *to = out + (size_t)y * wide;
        for (int c = 0; c < wide; c++)
            to[c] = taps[0] * r[0][c] + taps[1] * r[1][c] + taps[2] * r[2][c] + taps[3] * r[3][c];
    }
}

/* What a source gets of `count` outputs g that see it through taps[which]: into `to`, which holds
   what it got of others; and into the sums of the taps their products with the source. */
INLINE void gather_back(const int count, int n, const float *const *g, const int *which,
                        const float *taps, const float *source, float *to, vec *sums) {
    for (int c = 0; c < n; c += LANES) {
        vec x = load_some(source + c, n - c), sum = load_some(to + c, n - c);
        for (int k = 0; k < count; k++) {
            vec by = load_some(g[k] + c, n - c);
            sum += by * taps[which[k]];
            sums[which[k]] += by * x;
        }
        store_some(to + c, sum, n - c);
    }
}

/* The same for row v, which may lie beyond the border, doubled: its gradient `to` of the output
   rows that see it. */
static void doubled_row_back(int v, int top, int high, int wide, const float *by_out,
                             const float *taps, const float *doubled, float *to, vec *sums) {
    const float *g[8];
    int which[8], count = 0;
    for (int k = 0; k < 4; k++)
        for (int odd = 0; odd < 2; odd++) {
            int y = (odd ? 2 * (v - 2 + k) + 1 : 2 * (v + 2 - k)) - top;
            if (y < 0 || y >= high) continue;
            g[count] = by_out + (size_t)y * wide;
            which[count++] = k;
        }
    static const int all[8] = {0, 0, 1, 1, 2, 2, 3, 3};
    if (count == 8) gather_back(8, wide, g, all, taps, doubled, to, sums);
    else gather_back(count, wide, g, which, taps, doubled, to, sums);
}

#define EDGE 4 /* zeros at both ends of the even and of the odd outputs of a row */

/* A doubled row's gradient g (2 w) to that of the row, whose two replicated ends lie in `line`. */
static void row_back(const float *line, int w, const float *taps, const float *g, float *by, float *even,
                     float *odd, float *by_line, vec *sums) {
    for (int j = 0; j < w; j++) even[EDGE + j] = g[2 * j], odd[EDGE + j] = g[2 * j + 1];
    const float *from[8];
    static const int all[8] = {0, 0, 1, 1, 2, 2, 3, 3};
    for (int k = 0; k < 4; k++) from[2 * k] = even + EDGE - k, from[2 * k + 1] = odd + k;
    memset(by_line, 0, (size_t)(w + 4) * 4);
    gather_back(8, w + 4, from, all, taps, line, by_line, sums);
    by_line[2] += by_line[0] + by_line[1];
    by_line[w + 1] += by_line[w + 2] + by_line[w + 3];
    memcpy(by, by_line + 2, (size_t)w * 4);
}

void upsample_back(int32_t h, int32_t w, const float *x, const float *taps, int32_t top,
                   int32_t left, int32_t high, int32_t wide, const float *by_out, float *by_x,
                   float *by_taps, float *work) {
    float *doubled = work, *by_doubled = doubled + 2 * w, *line = by_doubled + 2 * w;
    float *by_line = line + w + 4, *even = by_line + w + 4, *odd = even + w + 2 * EDGE;
    memset(even, 0, (size_t)2 * (w + 2 * EDGE) * 4);
    vec sums[4];
    for (int k = 0; k < 4; k++) sums[k] = splat(0.f);
    for (int i = 0; i < h; i++) {
        vec rows[4] = {splat(0.f), splat(0.f), splat(0.f), splat(0.f)};
        double_row(x + (size_t)i * w, w, taps, doubled, line);
        memset(by_doubled, 0, (size_t)2 * w * 4);
        for (int v = i ? i : -2; v == i || (i == h - 1 && v < h + 2) || v < i; v++)
            doubled_row_back(v, top, high, wide, by_out, taps, doubled + left, by_doubled + left, rows);
        row_back(line, w, taps, by_doubled, by_x + (size_t)i * w, even, odd, by_line, rows);
        for (int k = 0; k < 4; k++) sums[k] += rows[k];
    }
    for (int k = 0; k < 4; k++) by_taps[k] += total(sums[k]);
}

/* ---- one 8x8 kernel --------------------------------------------------------------------------- */

#define REACH 2
#define SIDE 8

/* Kernel index of offset d = -2 .. 2 for an even or odd output, or one that does not exist. */
INLINE int tap(int odd, int d) { return odd - 2 * d + 3; }
INLINE int exists(int t) { return t >= 0 && t < SIDE; }

static float dot(const float *a, const float *b, int n) {
    vec sum = splat(0.f);
    int i = 0;
    for (; i + LANES <= n; i += LANES) sum += load(a + i) * load(b + i);
    float s = total(sum);
    for (; i < n; i++) s += a[i] * b[i];
    return s;
}

static void pad_plane(int h, int w, const float *x, float *padded) {
    for (int i = 0; i < h + 2 * REACH; i++) {
        const float *from = x + (size_t)within(i - REACH, h) * w;
        float *to = padded + (size_t)i * (w + 2 * REACH);
        for (int k = 0; k < REACH; k++) to[k] = from[0], to[w + REACH + k] = from[w - 1];
        memcpy(to + REACH, from, (size_t)w * 4);
    }
}

void upsample_shared(int32_t h, int32_t w, const float *x, const float *kernel, float *out,
                     float *work) {
    size_t pitch = w + 2 * REACH;
    float *padded = work, *lines = work + (h + 2 * REACH) * pitch;
    pad_plane(h, w, x, padded);
    for (int r = 0; r < 2 * h; r++) {
        memset(lines, 0, (size_t)w * 8);
        for (int di = -REACH; di <= REACH; di++) {
            if (!exists(tap(r & 1, di))) continue;
            const float *row = padded + (r / 2 + REACH + di) * pitch + REACH;
            for (int odd = 0; odd < 2; odd++)
                for (int dj = -REACH; dj <= REACH; dj++) {
                    if (!exists(tap(odd, dj))) continue;
                    float k = kernel[tap(r & 1, di) * SIDE + tap(odd, dj)], *to = lines + odd * w;
                    for (int c = 0; c < w; c++) to[c] += k * row[c + dj];
                }
        }
        float *to = out + (size_t)r * 2 * w;
        for (int c = 0; c < w; c++) to[2 * c] = lines[c], to[2 * c + 1] = lines[w + c];
    }
}

void upsample_shared_back(int32_t h, int32_t w, const float *x, const float *kernel,
                          const float *by_out, float *by_x, float *by_kernel, float *work) {
    size_t pitch = w + 2 * REACH, plane = (h + 2 * REACH) * pitch;
    float *padded = work, *by_padded = work + plane, *lines = by_padded + plane;
    pad_plane(h, w, x, padded);
    memset(by_padded, 0, plane * 4);
    for (int r = 0; r < 2 * h; r++) {
        const float *g = by_out + (size_t)r * 2 * w;
        for (int c = 0; c < w; c++) lines[c] = g[2 * c], lines[w + c] = g[2 * c + 1];
        for (int di = -REACH; di <= REACH; di++) {
            if (!exists(tap(r & 1, di))) continue;
            size_t at = (r / 2 + REACH + di) * pitch + REACH;
            for (int odd = 0; odd < 2; odd++)
                for (int dj = -REACH; dj <= REACH; dj++) {
                    if (!exists(tap(odd, dj))) continue;
                    int index = tap(r & 1, di) * SIDE + tap(odd, dj);
                    float k = kernel[index], *to = by_padded + at + dj;
                    const float *from = lines + odd * w;
                    by_kernel[index] += dot(from, padded + at + dj, w);
                    for (int c = 0; c < w; c++) to[c] += k * from[c];
                }
        }
    }
    memset(by_x, 0, (size_t)h * w * 4);
    for (int i = 0; i < h + 2 * REACH; i++) {
        const float *from = by_padded + i * pitch;
        float *to = by_x + (size_t)within(i - REACH, h) * w;
        for (int c = 0; c < w; c++) to[c] += from[c + REACH];
        for (int k = 0; k < REACH; k++) to[0] += from[k], to[w - 1] += from[w + REACH + k];
    }
}
