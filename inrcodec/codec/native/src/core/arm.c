/* The context network as integers in units of 2^-8, and the bounds within which 32 bits hold it. */

#include "decoder.h"

#define MOST_ROW 65280
#define MOST_VALUE (512 * 256)
#define MOST_BIAS (1 << 17)

static int64_t size_of(int64_t v) { return v < 0 ? -v : v; }

static const Tensor *at_tensor(const inr_decoder *d, int t) { return &d->shapes.tensor[t]; }

/* Sum of the magnitudes of a row of a matrix. */
static int64_t row_sum(const int32_t *matrix, int32_t row, int32_t columns) {
    int64_t sum = 0;
    for (int i = 0; i < columns; i++) sum += size_of(matrix[row * columns + i]);
    return sum;
}

/* Symbols and initial values as exact integers; those of residual layers with their diagonal. */
static inr_error exact(const inr_decoder *d, Plane *plane) {
    int32_t number = 0;
    for (int t = ARM_W0; t <= ARM_LEVEL; number += at_tensor(d, t++)->size) {
        const Tensor *tensor = at_tensor(d, t);
        int32_t code = plane->codes[tensor->group], power = code / 1024 - 32;
        if (!tensor->size) continue;
        if (code % 1024 || power < 0 || power > 12) return INR_BAD_ARM;
        for (int32_t j = 0; j < tensor->size; j++) {
            int64_t value = (int64_t)plane->symbols[tensor->at + j] * (1 << power);
            if (d->header.initial == INR_TABLE) value += d->initial[number + j];
            if (size_of(value) > MOST_VALUE) return INR_WIDE_ARM;
            plane->arm[tensor->at + j] = (int32_t)value;
        }
    }
    int32_t a = d->arm_width;
    for (int t = ARM_W0; t <= ARM_W1 && residual(d); t += 2)
        for (int i = 0; i < a && (t == ARM_W1 || a == d->inputs); i++)
            plane->arm[at_tensor(d, t)->at + i * a + i] += 256;
    return INR_OK;
}

inr_error arm_integers(const inr_decoder *d, Plane *plane) {
    inr_error error = exact(d, plane);
    if (error) return error;
    const int32_t *t[LATENT_TENSORS];
    for (int k = 0; k <= ARM_LEVEL; k++) t[k] = plane->arm + at_tensor(d, k)->at;
    int32_t a = d->arm_width, ours = at_tensor(d, ARM_LEVEL)->size > 0;
    for (int o = 0; o < a; o++) {
        if (row_sum(t[ARM_W0], o, d->inputs) > MOST_ROW || row_sum(t[ARM_W1], o, a) > MOST_ROW)
            return INR_WIDE_ARM;
        for (int g = 0; g < d->grids && ours; g++)
            if (size_of((int64_t)t[ARM_B0][o] + t[ARM_LEVEL][g * a + o]) > MOST_BIAS)
                return INR_WIDE_ARM;
    }
    for (int o = 0; o < 2; o++) {
        int64_t sum = row_sum(t[ARM_WO], o, a);
        if (ours) sum += row_sum(t[ARM_LINEAR], o, d->inputs);
        if (sum > MOST_ROW) return INR_WIDE_ARM;
    }
    return INR_OK;
}
