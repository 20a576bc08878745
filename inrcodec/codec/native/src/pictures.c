/* Residual 3x3 convolutions of three channels, borders replicated. */

#include "kernels.h"
#include "vectors.h"

#define COLOURS 3

/* A row with one replicated pixel on both sides. */
static void pad_row(const float *from, int width, float *to) {
    to[0] = from[0];
    memcpy(to + 1, from, (size_t)width * 4);
    to[width + 1] = from[width - 1];
}

#define AROUND 3
#define LINES (COLOURS * AROUND)

/* Where the line of row `row + k - 1` of channel c is kept: lines around a row serve the next one too. */
INLINE int kept(int row, int c, int k) { return AROUND * c + (row + k) % AROUND; }

/* Rows around a row of each channel, borders replicated, in lines from `to` on, `pitch` apart; those
   of the row before are there unless it is the `first`. `lines` are where they lie. */
INLINE void pad_rows(int height, int width, int row, int first, const float *x, float *to, size_t pitch,
                     float **lines) {
    size_t plane = (size_t)height * width;
    for (int c = 0; c < COLOURS; c++)
        for (int k = 0; k < AROUND; k++) {
            int from = row + k - 1;
            from = from < 0 ? 0 : from >= height ? height - 1 : from;
            lines[AROUND * c + k] = to + kept(row, c, k) * pitch;
            if (k == AROUND - 1 || row == first)
                pad_row(x + c * plane + (size_t)from * width, width, lines[AROUND * c + k]);
        }
}

void residual_convolution(int32_t height, int32_t width, int32_t first, int32_t last, const float *x,
                          const float *weight, const float *bias, float *out, float *room) {
    size_t plane = (size_t)height * width, pitch = width + 2 + ACROSS * LANES;
    float *lines[LINES];
    for (int row = first; row < last; row++) {
        pad_rows(height, width, row, first, x, room, pitch, lines);
        for (int p = 0; p < width; p += ACROSS * LANES) {
            vec sum[COLOURS][ACROSS];
            for (int o = 0; o < COLOURS; o++)
                for (int v = 0; v < ACROSS; v++)
                    sum[o][v] = load(lines[AROUND * o + 1] + p + 1 + v * LANES) + bias[o];
            for (int k = 0; k < LINES; k++)
                for (int j = 0; j < 3; j++) {
                    vec in[ACROSS];
                    for (int v = 0; v < ACROSS; v++) in[v] = in_register(load(lines[k] + p + j + v * LANES));
                    for (int o = 0; o < COLOURS; o++) {
                        vec w = splat(weight[(o * LINES + k) * 3 + j]);
                        for (int v = 0; v < ACROSS; v++) sum[o][v] += in[v] * w;
                    }
                }
            for (int o = 0; o < COLOURS; o++)
                for (int v = 0; v < ACROSS; v++)
                    store_some(out + o * plane + (size_t)row * width + p + v * LANES, sum[o][v],
                               width - p - v * LANES);
        }
    }
}

/* The same of gradients, which are zeros beyond the image: in lines from `to` + 2 on. */
INLINE void spread_rows(int height, int width, int row, int first, const float *by_out, float *to,
                        size_t pitch, float **lines) {
    size_t plane = (size_t)height * width;
    for (int c = 0; c < COLOURS; c++)
        for (int k = 0; k < AROUND; k++) {
            int from = row + k - 1;
            float *line = lines[AROUND * c + k] = to + kept(row, c, k) * pitch + 2;
            if (k < AROUND - 1 && row != first) continue;
            if (from < 0 || from >= height) memset(line, 0, (size_t)width * 4);
            else memcpy(line, by_out + c * plane + (size_t)from * width, (size_t)width * 4);
        }
}

/* A row's share of the gradients of weight and bias, lane by lane. Zeros right of the gradient make
   whole vectors harmless. */
INLINE void add_weights(int width, float *const *in, float *const *by, vec *sums, vec *sums_bias) {
    for (int k = 0; k < LINES; k++) {
        vec sum[COLOURS][3];
        for (int o = 0; o < COLOURS; o++)
            for (int j = 0; j < 3; j++) sum[o][j] = sums[(o * LINES + k) * 3 + j];
        for (int p = 0; p < width; p += LANES) {
            vec v[3];
            for (int j = 0; j < 3; j++) v[j] = in_register(load(in[k] + p + j));
            for (int o = 0; o < COLOURS; o++) {
                vec g = in_register(load(by[AROUND * o + 1] + p));
                for (int j = 0; j < 3; j++) sum[o][j] += v[j] * g;
            }
        }
        for (int o = 0; o < COLOURS; o++)
            for (int j = 0; j < 3; j++) sums[(o * LINES + k) * 3 + j] = sum[o][j];
    }
    for (int o = 0; o < COLOURS; o++)
        for (int p = 0; p < width; p += LANES) sums_bias[o] += load(by[AROUND * o + 1] + p);
}

/* A row of the gradient, its channels a plane apart: column q of the padded image gets weight[k, j] of
   the gradient at (row + 1 - k, q - j). */
INLINE void row_back(int width, size_t plane, const float *weight, float *const *by, float *to) {
    for (int p = 0; p < width; p += ACROSS * LANES) {
        vec sum[COLOURS][ACROSS];
        for (int c = 0; c < COLOURS; c++)
            for (int v = 0; v < ACROSS; v++) sum[c][v] = load(by[AROUND * c + 1] + p + v * LANES);
        for (int o = 0; o < COLOURS; o++)
            for (int k = 0; k < AROUND; k++)
                for (int j = 0; j < 3; j++) {
                    vec g[ACROSS];
                    for (int v = 0; v < ACROSS; v++)
                        g[v] = in_register(load(by[AROUND * o + 2 - k] + p + 1 - j + v * LANES));
                    for (int c = 0; c < COLOURS; c++) {
                        vec w = splat(weight[((o * COLOURS + c) * AROUND + k) * 3 + j]);
                        for (int v = 0; v < ACROSS; v++) sum[c][v] += g[v] * w;
                    }
                }
        for (int c = 0; c < COLOURS; c++)
            for (int v = 0; v < ACROSS; v++)
                store_some(to + c * plane + p + v * LANES, sum[c][v], width - p - v * LANES);
    }
}

/* What fell on the replicated border belongs to the pixels it was copied from: those of the `first`
   and `last` row too. */
INLINE void border_back(int width, int c, int first, int last, const float *weight,
                        float *const *by, float *to) {
    for (int o = 0; o < COLOURS; o++)
        for (int k = 0; k < AROUND; k++) {
            const float *w = weight + ((o * COLOURS + c) * AROUND + k) * 3;
            const float *g = by[AROUND * o + 2 - k], *line = by[AROUND * o + 1];
            to[0] += w[0] * g[0];
            to[width - 1] += w[2] * g[width - 1];
            for (int edge = 0; edge < 2; edge++) {
                if (!(edge ? last : first) || k != (edge ? 2 : 0)) continue;
                for (int q = 0; q < width + 2; q++) {
                    float s = 0;
                    for (int j = 0; j < 3; j++)
                        if (q - j >= 0 && q - j < width) s += w[j] * line[q - j];
                    to[q == 0 ? 0 : q > width ? width - 1 : q - 1] += s;
                }
            }
        }
}

void residual_convolution_back(int32_t height, int32_t width, int32_t first, int32_t last,
                               const float *x, const float *weight, const float *by_out,
                               float *by_x, float *by_weight, float *by_bias, float *room) {
    size_t plane = (size_t)height * width, pitch = width + 4 + (ACROSS + 1) * LANES;
    float *in[LINES], *by[LINES]; /* x padded; gradients within two zeros */
    vec sums[COLOURS * 27], sums_bias[COLOURS];
    memset(sums, 0, sizeof sums);
    memset(sums_bias, 0, sizeof sums_bias);
    memset(room, 0, 2 * LINES * pitch * 4);
    for (int row = first; row < last; row++) {
        pad_rows(height, width, row, first, x, room, pitch, in);
        spread_rows(height, width, row, first, by_out, room + LINES * pitch, pitch, by);
        add_weights(width, in, by, sums, sums_bias);
        float *to = by_x + (size_t)row * width;
        row_back(width, plane, weight, by, to);
        for (int c = 0; c < COLOURS; c++)
            border_back(width, c, row == 0, row == height - 1, weight, by, to + c * plane);
    }
    for (int k = 0; k < COLOURS * 27; k++) by_weight[k] += total(sums[k]);
    for (int o = 0; o < COLOURS; o++) by_bias[o] += total(sums_bias[o]);
}
