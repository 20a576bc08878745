/* Structural similarity of two images of one channel. */

#include "kernels.h"
#include "vectors.h"

#define SPAN 11 /* taps of the Gaussian window */

/* A vector of sums over the taps along a line. */
INLINE vec along(const float *taps, const float *line) {
    vec sum = splat(0.f);
    for (int k = 0; k < SPAN; k++) sum += taps[k] * load(line + k);
    return sum;
}

/* The windowed sums down the columns of the windows of a row, into 4 lines of `room`: of x, of y, of
   both squares, of their product, all less 1/2. */
INLINE void moments(int32_t width, int32_t row, const float *x, const float *y, const float *taps,
                    float *room, int32_t pitch) {
    for (int32_t c = 0; c < width; c += LANES) {
        vec mean_a = splat(0.f), mean_b = mean_a, squares = mean_a, products = mean_a;
        for (int k = 0; k < SPAN; k++) {
            int64_t at = (int64_t)(row + k) * width + c;
            vec u = load_some(x + at, width - c) - 0.5f, v = load_some(y + at, width - c) - 0.5f;
            vec tu = taps[k] * u, tv = taps[k] * v;
            mean_a += tu, mean_b += tv, squares += tu * u + tv * v, products += tu * v;
        }
        store(room + c, mean_a), store(room + pitch + c, mean_b);
        store(room + 2 * pitch + c, squares), store(room + 3 * pitch + c, products);
    }
}

double similarity(int32_t width, int32_t first, int32_t last, const float *x, const float *y,
                  const float *taps, int32_t whole, float c1, float c2, float *by_mean,
                  float *by_square, float *by_product, float *room) {
    const int32_t across = width - SPAN + 1, pitch = width + LANES + SPAN;
    double sum = 0;
    for (int32_t row = first; row < last; row++) {
        moments(width, row, x, y, taps, room, pitch);
        vec values = splat(0.f);
        for (int32_t c = 0; c < across; c += LANES) {
            int64_t at = (int64_t)row * across + c;
            vec u = along(taps, room + c), v = along(taps, room + pitch + c);
            vec squares = along(taps, room + 2 * pitch + c);
            vec products = along(taps, room + 3 * pitch + c);
            vec inverse = 1.f / (squares - u * u - v * v + c2);
            vec contrast = (2 * (products - u * v) + c2) * inverse;
            vec by_v = 2 * (contrast * v - u) * inverse;
            vec by_s = -contrast * inverse, by_p = 2 * inverse, value = contrast;
            if (whole) {
                vec p = u + 0.5f, q = v + 0.5f, against = 1.f / (p * p + q * q + c1);
                vec luminance = (2 * p * q + c1) * against;
                by_v = luminance * by_v + contrast * 2 * (p - luminance * q) * against;
                by_s *= luminance, by_p *= luminance, value *= luminance;
            }
            store_some(by_mean + at, by_v, across - c);
            store_some(by_square + at, by_s, across - c);
            store_some(by_product + at, by_p, across - c);
            values += masked(value, counting() < across - c);
        }
        sum += total(values);
    }
    return sum;
}

void similarity_back(int32_t height, int32_t width, int32_t first, int32_t last, const float *x,
                     const float *y, const float *taps, const float *by_mean,
                     const float *by_square, const float *by_product, float scale, float *out,
                     float *room) {
    const int32_t across = width - SPAN + 1, down = height - SPAN + 1, edge = SPAN - 1;
    const int32_t pitch = width + LANES + 2 * SPAN;
    const float *maps[3] = {by_mean, by_square, by_product};
    memset(room, 0, sizeof(float) * 3 * (size_t)pitch);
    for (int32_t row = first; row < last; row++) {
        const int from = row < down ? 0 : row - down + 1, to = row < edge ? row : edge;
        for (int q = 0; q < 3; q++) {
            for (int32_t c = 0; c < across; c += LANES) {
                vec sum = splat(0.f);
                for (int k = from; k <= to; k++)
                    sum += taps[k] * load_some(maps[q] + (int64_t)(row - k) * across + c, across - c);
                store_some(room + q * pitch + edge + c, sum, across - c);
            }
        }
        for (int32_t c = 0; c < width; c += LANES) { /* the taps are symmetric */
            int64_t at = (int64_t)row * width + c;
            vec a = load_some(x + at, width - c) - 0.5f, b = load_some(y + at, width - c) - 0.5f;
            vec spread = along(taps, room + c) + 2 * b * along(taps, room + pitch + c);
            spread += a * along(taps, room + 2 * pitch + c);
            store_some(out + at, scale * spread, width - c);
        }
    }
}
