/* Complex Gabor wavelets: models/wavelets.py. */

#include "kernels.h"
#include "vectors.h"

/* exp(j z - |s z|^2) of z = u + j v, `square` = s^2; as FLOOR says in models/wavelets.py. */
INLINE void wavelet(vec u, vec v, float square, vec *real, vec *imaginary) {
    vec sine, cosine, size = -v - (u * u + v * v) * square;
    size = exp_of(larger(smaller(size, splat(87.f)), splat(-40.f)));
    sine_and_cosine(u, &sine, &cosine);
    *real = size * cosine;
    *imaginary = size * sine;
}

INLINE void some_wavelets(int64_t p, int32_t n, float square, const float *u, const float *v,
                          float *real, float *imaginary) {
    vec re, im;
    wavelet(load_some(u + p, n), load_some(v + p, n), square, &re, &im);
    store_some(real + p, re, n);
    store_some(imaginary + p, im, n);
}

void wavelets(int64_t first, int64_t last, float square, const float *u, const float *v,
              float *real, float *imaginary) {
    int64_t p = first;
    for (; p + LANES <= last; p += LANES) some_wavelets(p, LANES, square, u, v, real, imaginary);
    if (p < last) some_wavelets(p, (int32_t)(last - p), square, u, v, real, imaginary);
}

INLINE void some_wavelets_back(int64_t p, int32_t n, float square, const float *u, const float *v,
                               const float *real, const float *imaginary, const float *by_real,
                               const float *by_imaginary, float *by_u, float *by_v) {
    vec re = load_some(real + p, n), im = load_some(imaginary + p, n);
    vec by_re = load_some(by_real + p, n), by_im = load_some(by_imaginary + p, n);
    vec along = by_re * re + by_im * im, steep = along * (-2.f * square);
    store_some(by_u + p, by_im * re - by_re * im + steep * load_some(u + p, n), n);
    store_some(by_v + p, steep * load_some(v + p, n) - along, n);
}

void wavelets_back(int64_t first, int64_t last, float square, const float *u, const float *v,
                   const float *real, const float *imaginary, const float *by_real,
                   const float *by_imaginary, float *by_u, float *by_v) {
    int64_t p = first;
    for (; p + LANES <= last; p += LANES)
        some_wavelets_back(p, LANES, square, u, v, real, imaginary, by_real, by_imaginary, by_u, by_v);
    if (p < last)
        some_wavelets_back(p, (int32_t)(last - p), square, u, v, real, imaginary, by_real, by_imaginary, by_u,
                           by_v);
}
