/* Cubic interpolation along an axis, averaged when shrinking: as inrcodec/codec/resampling.py. */

#include <math.h>

#include "resampling.h"

static double cubic(double d) {
    d = fabs(d);
    if (d <= 1) return (1.5 * d - 2.5) * d * d + 1;
    return d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0;
}

inr_error axis_open(int32_t native, int32_t size, int32_t start, int32_t count, Axis *axis) {
    memset(axis, 0, sizeof *axis);
    axis->first = start, axis->span = axis->count = count;
    if (native == size) return INR_OK;
    int32_t k = ceiling(native, size), last = 0;
    double spacing = native / ((double)size * k);
    axis->most = (int32_t)(k * spacing) + 6;
    char *at = axis->memory = obtain((size_t)count * ((size_t)axis->most + 1) * 4 + 2 * ALIGNMENT);
    if (!at) return INR_NO_MEMORY;
    axis->begin = taken(&at, (size_t)count * 4);
    axis->weights = taken(&at, (size_t)count * (size_t)axis->most * 4);
    for (int32_t j = 0; j < count; j++) {
        double from = ((double)(start + (int64_t)j) * k + 0.5) * spacing - 0.5;
        int32_t begin = bounded((int32_t)floor(from) - 1, 0, native - 1);
        axis->begin[j] = begin;
        if (!j) axis->first = begin;
        for (int32_t i = 0; i < k; i++) {
            double p = from + i * spacing, base = floor(p);
            for (int tap = -1; tap < 3; tap++) {
                int32_t index = bounded((int32_t)base + tap, 0, native - 1);
                axis->weights[(int64_t)j * axis->most + index - begin] += (float)(cubic(p - base - tap) / k);
                last = at_least(last, index);
            }
        }
    }
    axis->span = last + 1 - axis->first;
    return INR_OK;
}

void mix(const Axis *down, const Axis *across, int planes, const int32_t *window, const float *from,
         float *line, float *total) {
    int32_t rows = window[1] - window[0], columns = window[3] - window[2];
    for (int p = 0; p < planes; p++, from += (int64_t)rows * columns)
        for (int32_t r = 0; r < down->count; r++, total += across->count) {
            const float *source = from + (int64_t)r * columns;
            if (down->weights) {
                const float *w = down->weights + (int64_t)r * down->most;
                int32_t begin = down->begin[r] - window[0];
                memset(line, 0, (size_t)columns * 4);
                for (int32_t k = at_least(0, -begin); k < down->most && begin + k < rows; k++) {
                    const float *row = from + (int64_t)(begin + k) * columns;
                    if (w[k] != 0)
                        for (int32_t c = 0; c < columns; c++) line[c] += w[k] * row[c];
                }
                source = line;
            }
            for (int32_t c = 0; c < across->count; c++) {
                if (!across->weights) {
                    total[c] += source[c];
                    continue;
                }
                const float *w = across->weights + (int64_t)c * across->most;
                int32_t begin = across->begin[c] - window[2];
                float sum = 0;
                for (int32_t k = at_least(0, -begin); k < across->most && begin + k < columns; k++)
                    sum += w[k] * source[begin + k];
                total[c] += sum;
            }
        }
}
