/* The context network of grids in exact integers: arm.py, symbol by symbol. */

#ifndef INRCODEC_ARM_H
#define INRCODEC_ARM_H

#include "kernels.h"
#include "memory.h"
#include "vectors.h"

#define MOST_INPUT 1023
#define MOST_ACTIVATION 32767
#define MOST_MEAN (32767 << 4)
#define SCALES 128
#define MOST_VECTORS (MOST_WIDTH / LANES)

typedef struct {
    int layers, inputs, widths[MOST_LAYERS], vectors[MOST_LAYERS], linear, known;
    int32_t *w[MOST_LAYERS], *b[MOST_LAYERS]; /* hidden: by input, rounded up to vectors */
    int32_t *out, *direct, out_bias[2];       /* rows of outputs, likewise */
    int32_t mean, scale;                      /* where all inputs are 0 */
    void *memory;
} IntegerArm;

INLINE int vectors_of(int n) { return (n + LANES - 1) / LANES; }

/* Sizes from `shape`: layers (the output's included), linear or not, inputs, widths. Returns the
   bytes that it needs. */
static inline size_t arm_read(IntegerArm *arm, const int32_t *shape) {
    memset(arm, 0, sizeof *arm);
    arm->layers = shape[0], arm->linear = shape[1], arm->inputs = shape[2];
    size_t need = ALIGNMENT * (2 * MOST_LAYERS + 2) + (size_t)4 * MOST_VECTORS * sizeof(ivec);
    for (int l = 0, in = arm->inputs; l < arm->layers; l++) {
        int out = arm->widths[l] = shape[3 + l];
        arm->vectors[l] = vectors_of(out);
        need += (size_t)(in + 1) * arm->vectors[l] * sizeof(ivec);
        in = out;
    }
    return need;
}

/* A network of `parameters`: weight and bias of every layer, the linear matrix. Returns 0, or 1 if
   there is no memory. */
static inline int arm_open(IntegerArm *arm, const int32_t *shape, const int32_t *parameters) {
    char *at = arm->memory = obtain(arm_read(arm, shape));
    if (!at) return 1;
    const int32_t *p = parameters;
    int in = arm->inputs;
    arm->out = taken(&at, 2 * MOST_VECTORS * sizeof(ivec));
    arm->direct = taken(&at, 2 * MOST_VECTORS * sizeof(ivec));
    for (int l = 0; l < arm->layers - 1; l++) {
        int out = arm->widths[l], pitch = arm->vectors[l] * LANES;
        arm->w[l] = taken(&at, (size_t)in * pitch * 4);
        arm->b[l] = taken(&at, (size_t)pitch * 4);
        for (int o = 0; o < out; o++)
            for (int i = 0; i < in; i++) arm->w[l][i * pitch + o] = p[o * in + i];
        p += in * out;
        for (int o = 0; o < out; o++) arm->b[l][o] = 32 * p[o] + 128;
        p += out;
        in = out;
    }
    int32_t *rows = arm->layers > 1 ? arm->out : arm->direct;
    for (int k = 0; k < 2 * in; k++) rows[k / in * MOST_WIDTH + k % in] = p[k];
    p += 2 * in;
    for (int o = 0; o < 2; o++) arm->out_bias[o] = 32 * p[o];
    p += 2;
    for (int k = 0; k < 2 * arm->inputs && arm->linear; k++)
        arm->direct[k / arm->inputs * MOST_WIDTH + k % arm->inputs] += p[k];
    return 0;
}

INLINE ivec iload(const int32_t *p) { ivec v; memcpy(&v, p, sizeof v); return v; }
INLINE void istore(int32_t *p, ivec v) { memcpy(p, &v, sizeof v); }
INLINE int32_t itotal(ivec v) { int32_t s = 0; for (int i = 0; i < LANES; i++) s += v[i]; return s; }

INLINE void arm_layer(const int vectors, int inputs, const int32_t *w, const int32_t *b,
                      const int32_t *x, int32_t *h) {
    ivec sum[MOST_VECTORS];
    for (int v = 0; v < vectors; v++) sum[v] = iload(b + v * LANES);
    for (int i = 0; i < inputs; i++) {
        if (!x[i]) continue;
        for (int v = 0; v < vectors; v++) sum[v] += iload(w + (i * vectors + v) * LANES) * x[i];
    }
    for (int v = 0; v < vectors; v++) {
        ivec s = sum[v] >> 8, most = (ivec){0} + MOST_ACTIVATION;
        s &= s > 0;
        ivec over = s > most;
        istore(h + v * LANES, (s & ~over) | (most & over));
    }
}

INLINE int32_t clamped(int32_t v, int32_t low, int32_t high) {
    return v < low ? low : v > high ? high : v;
}

/* Mean in sixteenths and scale index of the symbol at `here`, whose inputs lie at `offsets`. */
static inline void arm_run(IntegerArm *arm, const int16_t *here, const int64_t *offsets,
                           int32_t *mean, int32_t *scale) {
    int32_t x[MOST_WIDTH + LANES] = {0}, h[2][MOST_WIDTH + LANES], *source = x;
    int any = 0;
    for (int i = 0; i < arm->inputs; i++) {
        int32_t v = here[offsets[i]];
        any |= v;
        x[i] = clamped(v, -MOST_INPUT, MOST_INPUT) * 32;
    }
    if (!any && arm->known) { /* most of an image at low rates */
        *mean = arm->mean, *scale = arm->scale;
        return;
    }
    int inputs = arm->inputs;
    for (int l = 0; l < arm->layers - 1; l++) {
        int32_t *to = h[l % 2];
        switch (arm->vectors[l]) {
            case 1: arm_layer(1, inputs, arm->w[l], arm->b[l], source, to); break;
            case 2: arm_layer(2, inputs, arm->w[l], arm->b[l], source, to); break;
            case 3: arm_layer(3, inputs, arm->w[l], arm->b[l], source, to); break;
            default: arm_layer(arm->vectors[l], inputs, arm->w[l], arm->b[l], source, to);
        }
        source = to;
        inputs = arm->widths[l];
    }
    int32_t sums[2];
    for (int o = 0; o < 2; o++) {
        ivec sum = {0};
        for (int v = 0; v < vectors_of(arm->inputs); v++)
            sum += iload(arm->direct + o * MOST_WIDTH + v * LANES) * iload(x + v * LANES);
        for (int v = 0; v < vectors_of(inputs) && arm->layers > 1; v++)
            sum += iload(arm->out + o * MOST_WIDTH + v * LANES) * iload(source + v * LANES);
        sums[o] = itotal(sum) + arm->out_bias[o];
    }
    *mean = clamped((sums[0] + 256) >> 9, -MOST_MEAN, MOST_MEAN);
    *scale = clamped(((sums[1] + 512) >> 10) + 32, 0, SCALES - 1);
    if (!any) arm->known = 1, arm->mean = *mean, arm->scale = *scale;
}

#endif
