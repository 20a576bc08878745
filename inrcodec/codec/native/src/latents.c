/* Latents of a fit: rounding to learn through, and their step. */

#include <math.h>

#include "kernels.h"
#include "vectors.h"

/* A smooth staircase (fitting/coolchic/synthesis.py, soft_round) of v, and its slope. */
INLINE vec staircase(vec v, float inverse, float half, vec *slope) {
    vec centre = floor_of(v) + 0.5f;
    vec z = v - centre;
    vec e = exp_of(magnitude(z) * (-2.f * inverse)), share = 1.f / (1.f + e);
    vec tanh = (vec)((ivec)((1.f - e) * share) | ((ivec)z & (int32_t)0x80000000));
    *slope = e * share * share * (4.f * half * inverse);
    return centre + half * tanh;
}

/* A 32-bit integer hash with low bias (Wellons, "Prospecting for hash functions", 2018). */
INLINE uvec hashed(uvec x) {
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ (x >> 16);
}

/* Noise of mean 0 and deviation 1 for positions p, p + 1, ..: the sum of four uniform numbers,
   nearly normal, within +-3.46. It depends on seed and position alone, not on threads. */
INLINE vec noise_at(int64_t p, uint32_t seed) {
    uvec counter = ((uvec)counting() + (uint32_t)p) * 2u + seed * 0x9e3779b9u;
    uvec a = hashed(counter ^ seed), b = hashed((counter + 1u) ^ seed);
    uvec sum = (a & 0xffffu) + (a >> 16) + (b & 0xffffu) + (b >> 16);
    return (__builtin_convertvector((ivec)sum, vec) - 131070.f) * (1.7320508f / 65536.f);
}

void soften(int32_t first, int32_t last, int32_t columns, int64_t pitch, const float *y,
            float temperature, float deviation, uint32_t seed, float *soft, float *slope) {
    float inverse = 1.f / temperature, half = 0.5f / tanhf(0.5f / temperature);
    for (int32_t r = first; r < last; r++)
        for (int32_t c = 0; c < columns; c += LANES) {
            int64_t at = (int64_t)r * columns + c;
            vec one, two;
            vec v = staircase(load_some(y + at, columns - c), inverse, half, &one);
            v = staircase(v + noise_at(at, seed) * deviation, inverse, half, &two);
            store_some(soft + r * pitch + c, v, columns - c);
            store_some(slope + at, one * two, columns - c);
        }
}

INLINE vec root_of(vec v) {
    for (int i = 0; i < LANES; i++) v[i] = sqrtf(v[i]);
    return v;
}

double squares_update(int32_t rows, int32_t columns, int64_t pitch, const float *g,
                      float decay, float *squares) {
    double sum = 0;
    for (int r = 0; r < rows; r++, g += columns, squares += pitch) {
        vec part = splat(0.f);
        int c = 0;
        for (; c + LANES <= columns; c += LANES) {
            vec v = load(g + c), s = load(squares + c) * decay + v * v * (1.f - decay);
            store(squares + c, s);
            part += root_of(s);
        }
        for (; c < columns; c++) {
            squares[c] = squares[c] * decay + g[c] * g[c] * (1.f - decay);
            sum += sqrtf(squares[c]);
        }
        sum += total(part);
    }
    return sum;
}

void squares_step(int32_t rows, int32_t columns, int64_t pitch, const float *g,
                  const float *squares, float weight, float extra, float rate,
                  float *latents) {
    for (int r = 0; r < rows; r++, g += columns, squares += pitch, latents += pitch) {
        int c = 0;
        for (; c + LANES <= columns; c += LANES) {
            vec root = root_of(load(squares + c)) * weight + extra;
            store(latents + c, load(latents + c) - load(g + c) * rate / root);
        }
        for (; c < columns; c++)
            latents[c] -= rate * g[c] / (sqrtf(squares[c]) * weight + extra);
    }
}
