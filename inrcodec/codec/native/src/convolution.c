/* Convolutions of many channels, as those of the analysis network. */

#include "kernels.h"
#include "vectors.h"

/* `outputs` of a row at `ACROSS` vectors of positions from column c on. `lines` holds `span` rows of
   every channel with span / 2 zeros before and behind them, `pitch` floats apart. */
INLINE void tile(const int outputs, int32_t channels, int32_t span, int32_t pitch, int32_t c,
                 int32_t left, int64_t plane, const float *lines, const float *weight,
                 const float *bias, int32_t rectified, const float *added, float *out) {
    const int64_t stride = (int64_t)channels * span * span;
    vec sums[SQUARE][ACROSS];
    for (int d = 0; d < outputs; d++)
        for (int v = 0; v < ACROSS; v++) sums[d][v] = splat(bias[d]);
    for (int32_t line = 0; line < channels * span; line++) {
        const float *x = lines + (int64_t)line * pitch + c, *w = weight + (int64_t)line * span;
        for (int32_t k = 0; k < span; k++) {
            vec values[ACROSS];
            for (int v = 0; v < ACROSS; v++) values[v] = load(x + k + v * LANES);
            for (int d = 0; d < outputs; d++)
                for (int v = 0; v < ACROSS; v++) sums[d][v] += w[d * stride + k] * values[v];
        }
    }
    for (int d = 0; d < outputs; d++) {
        for (int v = 0; v < ACROSS && v * LANES < left; v++) {
            const int64_t at = d * plane + c + v * LANES;
            const int32_t n = left - v * LANES;
            vec sum = sums[d][v];
            if (added) sum += load_some(added + at, n);
            if (rectified) sum = larger(sum, splat(0.f));
            store_some(out + at, sum, n);
        }
    }
}

void convolution(const int32_t *shape, int32_t first, int32_t last, const float *x,
                 const float *weight, const float *bias, const float *added, float *out,
                 float *lines) {
    const int32_t channels = shape[0], outputs = shape[1], span = shape[2], height = shape[3];
    const int32_t width = shape[4], rectified = shape[5], reach = span / 2;
    const int32_t pitch = width + 2 * reach + ACROSS * LANES;
    const int64_t plane = (int64_t)height * width, stride = (int64_t)channels * span * span;
    memset(lines, 0, sizeof(float) * (size_t)pitch * (size_t)(channels * span));
    for (int32_t row = first; row < last; row++) {
        for (int32_t line = 0; line < channels * span; line++) {
            const int32_t from = row + line % span - reach;
            float *to = lines + (int64_t)line * pitch + reach;
            const float *source = x + (line / span) * plane + (int64_t)from * width;
            if (from < 0 || from >= height) memset(to, 0, sizeof(float) * (size_t)width);
            else memcpy(to, source, sizeof(float) * (size_t)width);
        }
        const int64_t start = (int64_t)row * width;
        for (int32_t c = 0; c < width; c += ACROSS * LANES) {
            for (int32_t d = 0; d < outputs; d += SQUARE) {
                const float *w = weight + d * stride, *a = added ? added + d * plane + start : 0;
                float *o = out + d * plane + start;
                const int32_t left = width - c;
#define OF_SPAN(n, s) tile(n, channels, s, pitch, c, left, plane, lines, w, bias + d, rectified, a, o)
#define TILE(n) do { if (span == 3) OF_SPAN(n, 3); else OF_SPAN(n, span); } while (0)
                switch (outputs - d) {
                case 1: TILE(1); break;
                case 2: TILE(2); break;
                case 3: TILE(3); break;
                default: TILE(SQUARE);
                }
            }
        }
    }
}
