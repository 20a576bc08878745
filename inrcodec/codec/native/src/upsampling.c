/* Upsampling by two, borders replicated: with a separable kernel, and with one of 8x8. */

#include "kernels.h"
#include "vectors.h"

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
    for (int i = 0; i < h; i++)
        double_row(x + (size_t)i * w, w, taps, wide_rows + (size_t)i * 2 * w, line);
    for (int y = 0; y < high; y++) {
        int i = (y + top) / 2, odd = (y + top) % 2;
        const float *r[4];
        for (int k = 0; k < 4; k++)
            r[k] = wide_rows + (size_t)within(odd ? i + 2 - k : i - 2 + k, h) * 2 * w + left;
        float *to = out + (size_t)y * wide;
        for (int c = 0; c < wide; c++)
            to[c] = taps[0] * r[0][c] + taps[1] * r[1][c] + taps[2] * r[2][c] + taps[3] * r[3][c];
    }
}

static float dot(const float *a, const float *b, int n) {
    vec sum = splat(0.f);
    int i = 0;
    for (; i + LANES <= n; i += LANES) sum += load(a + i) * load(b + i);
    float s = total(sum);
    for (; i < n; i++) s += a[i] * b[i];
    return s;
}

/* A doubled row's gradient g (2 w) to that of the row; sums of the taps add up. `work`: 4 w + 8. */
static void double_row_back(const float *from, int w, const float *taps, const float *g, float *by,
                            double *sums, float *work) {
    float *line = work, *by_line = line + w + 4, *even = by_line + w + 4, *odd = even + w;
    line[0] = line[1] = from[0];
    memcpy(line + 2, from, (size_t)w * 4);
    line[w + 2] = line[w + 3] = from[w - 1];
    for (int j = 0; j < w; j++) even[j] = g[2 * j], odd[j] = g[2 * j + 1];
    memset(by_line, 0, (size_t)(w + 4) * 4);
    for (int k = 0; k < 4; k++) {
        float tap = taps[k];
        sums[k] += dot(even, line + k, w) + dot(odd, line + 4 - k, w);
        for (int j = 0; j < w; j++) by_line[j + k] += tap * even[j];
        for (int j = 0; j < w; j++) by_line[j + 4 - k] += tap * odd[j];
    }
    by_line[2] += by_line[0] + by_line[1];
    by_line[w + 1] += by_line[w + 2] + by_line[w + 3];
    memcpy(by, by_line + 2, (size_t)w * 4);
}

void upsample_back(int32_t h, int32_t w, const float *x, const float *taps, int32_t top,
                   int32_t left, int32_t high, int32_t wide, const float *by_out, float *by_x,
                   float *by_taps, float *work) {
    size_t pitch = 2 * (size_t)w;
    float *rows = work, *by_rows = rows + h * pitch, *line = by_rows + h * pitch;
    memset(by_rows, 0, h * pitch * 4);
    for (int i = 0; i < h; i++) double_row(x + (size_t)i * w, w, taps, rows + i * pitch, line);
    double sums[4] = {0, 0, 0, 0};
    for (int y = 0; y < high; y++) {
        int i = (y + top) / 2, odd = (y + top) % 2;
        const float *g = by_out + (size_t)y * wide;
        for (int k = 0; k < 4; k++) {
            size_t at = within(odd ? i + 2 - k : i - 2 + k, h) * pitch + left;
            sums[k] += dot(g, rows + at, wide);
            float *to = by_rows + at, tap = taps[k];
            for (int c = 0; c < wide; c++) to[c] += tap * g[c];
        }
    }
    for (int i = 0; i < h; i++)
        double_row_back(x + (size_t)i * w, w, taps, by_rows + i * pitch, by_x + (size_t)i * w, sums, line);
    for (int k = 0; k < 4; k++) by_taps[k] += (float)sums[k];
}

/* ---- one 8x8 kernel --------------------------------------------------------------------------- */

#define REACH 2
#define SIDE 8

/* Kernel index of offset d = -2 .. 2 for an even or odd output, or one that does not exist. */
INLINE int tap(int odd, int d) { return odd - 2 * d + 3; }
INLINE int exists(int t) { return t >= 0 && t < SIDE; }

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
