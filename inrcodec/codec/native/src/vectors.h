/* Vectors as long as the machine's, in the vector types of GCC and Clang, and elementary functions
   of them, to single precision. */

#ifndef INRCODEC_VECTORS_H
#define INRCODEC_VECTORS_H

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define LANES 16
#define ACROSS 4
#define SQUARE 4
#elif defined(__AVX2__)
#define LANES 8
#define ACROSS 2
#define SQUARE 3
#elif defined(__aarch64__)
#define LANES 4
#define ACROSS 4
#define SQUARE 4
#else
#define LANES 4
#define ACROSS 2
#define SQUARE 3
#endif

#define INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t ivec __attribute__((vector_size(4 * LANES)));
typedef uint32_t uvec __attribute__((vector_size(4 * LANES)));

INLINE vec load(const float *p) { vec v; memcpy(&v, p, sizeof v); return v; }
INLINE void store(float *p, vec v) { memcpy(p, &v, sizeof v); }

/* The same, loaded once: compilers would read it again for each of its uses. */
#if defined(__x86_64__)
INLINE vec in_register(vec v) { __asm__("" : "+v"(v)); return v; }
#else
INLINE vec in_register(vec v) { return v; }
#endif

INLINE vec splat(float x) { return (vec){0} + x; }
INLINE vec masked(vec v, ivec keep) { return (vec)((ivec)v & keep); }
INLINE vec choose(ivec which, vec a, vec b) { return (vec)(((ivec)a & which) | ((ivec)b & ~which)); }
INLINE vec smaller(vec a, vec b) { return choose(a < b, a, b); }
INLINE vec larger(vec a, vec b) { return choose(a > b, a, b); }
INLINE vec magnitude(vec v) { return (vec)((ivec)v & 0x7fffffff); }
INLINE ivec counting(void) { ivec v; for (int i = 0; i < LANES; i++) v[i] = i; return v; }
INLINE float total(vec v) { float s = 0; for (int i = 0; i < LANES; i++) s += v[i]; return s; }

INLINE vec load_some(const float *p, int32_t n) {
    vec v = {0};
    if (n >= LANES) return load(p);
    memcpy(&v, p, sizeof(float) * (size_t)n);
    return v;
}

INLINE void store_some(float *p, vec v, int32_t n) {
    if (n >= LANES) store(p, v);
    else if (n > 0) memcpy(p, &v, sizeof(float) * (size_t)n);
}

INLINE vec power_of_two(ivec n) { return (vec)((n + 127) << 23); }

/* x = n ln 2 + r: returns exp(r) - 1 and, in `scale`, 2^n, for -87 <= x <= 87. */
INLINE vec reduced_exp(vec x, vec *scale) {
    vec scaled = x * 1.44269504f;
    vec half = (vec)(((ivec)scaled & (int32_t)0x80000000) | (ivec)splat(0.5f));
    ivec n = __builtin_convertvector(scaled + half, ivec);
    vec k = __builtin_convertvector(n, vec);
    vec r = (x - k * 0.693359375f) + k * 2.12194440e-4f;
    vec p = r * (1.f / 5040) + 1.f / 720;
    p = p * r + 1.f / 120;
    p = p * r + 1.f / 24;
    p = p * r + 1.f / 6;
    p = p * r + 0.5f;
    *scale = power_of_two(n);
    return p * r * r + r;
}

INLINE vec exp_of(vec x) {
    vec scale, p = reduced_exp(x, &scale);
    return scale * p + scale;
}

/* exp(x) - 1, exact to rounding near 0 too. */
INLINE vec expm1_of(vec x) {
    vec scale, p = reduced_exp(x, &scale);
    return scale * p + (scale - 1.f);
}

/* ln(x) for positive normal x: twice the area tangent of (m - 1) / (m + 1). */
INLINE vec log_of(vec x) {
    ivec bits = (ivec)x;
    ivec n = ((bits - 0x3f3504f3) >> 23); /* mantissa from sqrt(1/2) to sqrt(2) */
    vec m = (vec)(bits - (n << 23));
    vec s = (m - 1.f) / (m + 1.f), q = s * s;
    vec p = q * (2.f / 9) + 2.f / 7;
    p = p * q + 2.f / 5;
    p = p * q + 2.f / 3;
    p = p * q + 2.f;
    vec k = __builtin_convertvector(n, vec);
    return p * s + k * 0.693147181f;
}

INLINE vec floor_of(vec x) {
    vec t = __builtin_convertvector(__builtin_convertvector(x, ivec), vec);
    return t - masked(splat(1.f), t > x);
}

/* Both for |x| up to some thousands: x = k pi + r, |r| <= pi / 2, by Taylor's series of r. Of any
   other x, infinite or no number too, something finite. */
INLINE void sine_and_cosine(vec x, vec *sine, vec *cosine) {
    vec scaled = x * 0.318309886f;
    vec half = (vec)(((ivec)scaled & (int32_t)0x80000000) | (ivec)splat(0.5f));
    ivec n = __builtin_convertvector(scaled + half, ivec);
    vec k = __builtin_convertvector(n, vec);
    vec r = ((x - k * 3.140625f) - k * 9.67502594e-4f) - k * 1.50995799e-7f;
    r = larger(smaller(r, splat(1.6f)), splat(-1.6f));
    vec q = r * r;
    vec s = q * (-1.f / 39916800) + 1.f / 362880;
    s = s * q - 1.f / 5040;
    s = s * q + 1.f / 120;
    s = s * q - 1.f / 6;
    s = s * q * r + r;
    vec c = q * (1.f / 479001600) - 1.f / 3628800;
    c = c * q + 1.f / 40320;
    c = c * q - 1.f / 720;
    c = c * q + 1.f / 24;
    c = c * q - 0.5f;
    c = c * q + 1.f;
    ivec sign = n << 31;
    *sine = (vec)((ivec)s ^ sign);
    *cosine = (vec)((ivec)c ^ sign);
}

#endif
