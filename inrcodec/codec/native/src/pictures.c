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

/* Three rows of each channel around a row, borders replicated, into 9 lines. */
static void pad_rows(int height, int width, int row, const float *x, float *lines, size_t pitch) {
    size_t plane = (size_t)height * width;
    for (int c = 0; c < COLOURS; c++)
        for (int k = 0; k < 3; k++) {
            int from = row + k - 1;
            from = from < 0 ? 0 : from >= height ? height - 1 : from;
            pad_row(x + c * plane + (size_t)from * width, width, lines + (3 * c + k) * pitch);
        }
}

void residual_convolution(int32_t height, int32_t width, int32_t first, int32_t last, const float *x,
                          const float *weight, const float *bias, float *out, float *lines) {
    size_t plane = (size_t)height * width, pitch = width + 2 + LANES;
    for (int row = first; row < last; row++) {
        pad_rows(height, width, row, x, lines, pitch);
        for (int p = 0; p < width; p += LANES) {
            vec sum[COLOURS] = {splat(bias[0]), splat(bias[1]), splat(bias[2])};
            for (int c = 0; c < COLOURS; c++)
                for (int k = 0; k < 3; k++)
                    for (int j = 0; j < 3; j++) {
                        vec in = load(lines + (3 * c + k) * pitch + p + j);
                        for (int o = 0; o < COLOURS; o++)
                            sum[o] += in * weight[((o * 3 + c) * 3 + k) * 3 + j];
                    }
            for (int o = 0; o < COLOURS; o++) {
                vec s = sum[o] + load(lines + (3 * o + 1) * pitch + p + 1);
                store_some(out + o * plane + (size_t)row * width + p, s, width - p);
            }
        }
    }
}

/* Three rows of gradients of each channel around a row, zeros around them, into 9 lines from 2 on. */
INLINE void spread_rows(int height, int width, int row, const float *by_out, float *lines,
                        size_t pitch) {
    size_t plane = (size_t)height * width;
    for (int c = 0; c < COLOURS; c++)
        for (int k = 0; k < 3; k++) {
            int from = row + k - 1;
            float *to = lines + (3 * c + k) * pitch + 2;
            if (from < 0 || from >= height) memset(to, 0, (size_t)width * 4);
            else memcpy(to, by_out + c * plane + (size_t)from * width, (size_t)width * 4);
        }
}

/* A row's share of the gradients of weight and bias, lane by lane. Zeros right of the gradient make
   whole vectors harmless. */
INLINE void add_weights(int width, const float *in, const float *spread, size_t pitch, vec *sums,
                        vec *sums_bias) {
    const float *g = spread + pitch + 2;
    for (int c = 0; c < COLOURS; c++)
        for (int k = 0; k < 3; k++)
            for (int j = 0; j < 3; j++) {
                vec s0 = splat(0.f), s1 = s0, s2 = s0;
                const float *from = in + (3 * c + k) * pitch + j;
                for (int p = 0; p < width; p += LANES) {
                    vec v = load(from + p);
                    s0 += v * load(g + p);
                    s1 += v * load(g + 3 * pitch + p);
                    s2 += v * load(g + 6 * pitch + p);
                }
                int at = (c * 3 + k) * 3 + j;
                sums[at] += s0, sums[27 + at] += s1, sums[54 + at] += s2;
            }
    for (int o = 0; o < COLOURS; o++)
        for (int p = 0; p < width; p += LANES) sums_bias[o] += load(g + 3 * o * pitch + p);
}

/* A row of the gradient of channel c: column q of the padded image gets weight[k, j] of the gradient
   at (row + 1 - k, q - j). */
INLINE void row_back(int width, int c, const float *weight, const float *spread, size_t pitch,
                     float *to) {
    for (int p = 0; p < width; p += LANES) {
        vec sum = load(spread + (3 * c + 1) * pitch + 2 + p);
        for (int o = 0; o < COLOURS; o++)
            for (int k = 0; k < 3; k++)
                for (int j = 0; j < 3; j++)
                    sum += load(spread + (3 * o + 2 - k) * pitch + 3 + p - j) *
                           weight[((o * 3 + c) * 3 + k) * 3 + j];
        store_some(to + p, sum, width - p);
    }
}

/* What fell on the replicated border belongs to the pixels it was copied from: those of the `first`
   and `last` row too. */
INLINE void border_back(int width, int c, int first, int last, const float *weight,
                        const float *spread, size_t pitch, float *to) {
    for (int o = 0; o < COLOURS; o++)
        for (int k = 0; k < 3; k++) {
            const float *w = weight + ((o * 3 + c) * 3 + k) * 3;
            const float *g = spread + (3 * o + 2 - k) * pitch + 2;
            to[0] += w[0] * g[0];
            to[width - 1] += w[2] * g[width - 1];
            for (int edge = 0; edge < 2; edge++) {
                if (!(edge ? last : first) || k != (edge ? 2 : 0)) continue;
                const float *line = spread + (3 * o + 1) * pitch + 2;
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
                               float *by_x, float *by_weight, float *by_bias, float *lines) {
    size_t plane = (size_t)height * width, pitch = width + 4 + 2 * LANES;
    float *in = lines, *spread = lines + 9 * pitch; /* x padded; gradients within two zeros */
    vec sums[COLOURS * 27], sums_bias[COLOURS];
    memset(sums, 0, sizeof sums);
    memset(sums_bias, 0, sizeof sums_bias);
    memset(lines, 0, 18 * pitch * 4);
    for (int row = first; row < last; row++) {
        pad_rows(height, width, row, x, in, pitch);
        spread_rows(height, width, row, by_out, spread, pitch);
        add_weights(width, in, spread, pitch, sums, sums_bias);
        for (int c = 0; c < COLOURS; c++) {
            float *to = by_x + c * plane + (size_t)row * width;
            row_back(width, c, weight, spread, pitch, to);
            border_back(width, c, row == 0, row == height - 1, weight, spread, pitch, to);
        }
    }
    for (int k = 0; k < COLOURS * 27; k++) by_weight[k] += total(sums[k]);
    for (int o = 0; o < COLOURS; o++) by_bias[o] += total(sums_bias[o]);
}
