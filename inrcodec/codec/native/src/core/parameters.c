/* PARAMETERS payloads: a code for each group of tensors, then one stream for all symbols. */

#include <math.h>

#include "decoder.h"
#include "../range.h"

#define CODE_BYTES 8
#define MOST_PER_BYTE 16 /* parameters of a coordinate network */

static uint32_t number16(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8; }

static uint64_t deficit(uint32_t code) {
    return ((uint64_t)(2048 + (code & 2047)) << 20) >> (code >> 11);
}

/* Boundaries of the symbols -M .. M in units of 2^-24, from 0 on; `half` holds M + 1 numbers. */
static void prior(uint32_t magnitude, uint32_t decay, uint32_t curvature, uint64_t *half,
                  int32_t *cumulated) {
    uint64_t ratio = ((uint64_t)1 << 32) - deficit(decay), weight = (uint64_t)1 << 31, total = 0;
    uint64_t shrink = ((uint64_t)1 << 32) - deficit(curvature);
    for (uint32_t k = 0; k <= magnitude; k++) {
        half[k] = weight + (1 << 12);
        total += k ? 2 * half[k] : half[k];
        weight = weight * ratio >> 32;
        ratio = ratio * shrink >> 32;
    }
    uint64_t free_share = ((uint64_t)1 << TABLE_BITS) - (2 * magnitude + 1), given = 0;
    for (uint32_t k = 0; k <= magnitude; k++) {
        half[k] = half[k] * free_share / total;
        given += k ? 2 * half[k] : half[k];
    }
    half[0] += free_share - given;
    int32_t at = 0;
    for (uint32_t s = 0; s <= 2 * magnitude; s++) {
        cumulated[s] = at;
        at += (int32_t)half[s > magnitude ? s - magnitude : magnitude - s] + 1;
    }
    cumulated[2 * magnitude + 1] = at;
}

/* Symbols of one group; 0 if the stream is none. */
static int decode(RangeDecoder *coder, const int32_t *cumulated, int32_t magnitude, int32_t *symbols,
                  int32_t n) {
    for (int32_t i = 0; i < n; i++) {
        int32_t target = range_quantile(coder), low = 0, high = 2 * magnitude + 1;
        if (!coder->valid) return 0;
        while (high - low > 1) {
            int32_t middle = (low + high) / 2;
            if (cumulated[middle] <= target) low = middle;
            else high = middle;
        }
        range_advance(coder, cumulated[low], cumulated[low + 1] - cumulated[low]);
        symbols[i] = low - magnitude;
    }
    return 1;
}

/* Evenly spread angles: entry j of the biases of a sine layer. */
static double phase(int32_t j) {
    double turns = (j + 0.5) * 0.61803398874989484820;
    return (2 * (turns - floor(turns)) - 1) * 3.14159265358979323846;
}

/* What a number of the table counts. */
static double unit(const inr_decoder *d, int32_t group) {
    return d->latent && group <= ARM_BIAS ? 1 / 256. : 1 / 4096.;
}

void dequantize(const inr_decoder *d, Plane *plane, int32_t first, int32_t last) {
    int32_t number = 0;
    for (int t = 0; t < d->shapes.tensors; t++) {
        const Tensor *tensor = &d->shapes.tensor[t];
        if (tensor->group >= first && tensor->group < last) {
            double step = exp2(plane->codes[tensor->group] / 1024. - 40);
            for (int32_t j = 0; j < tensor->size; j++) {
                double value = plane->symbols[tensor->at + j] * step, start = 0;
                if (d->header.initial == INR_TABLE)
                    start = d->initial[number + j] * unit(d, tensor->group);
                if (d->header.initial == INR_PHASES && tensor->phases) start = phase(j);
                plane->values[tensor->at + j] = (float)(value + start);
            }
        }
        number += tensor->size;
    }
}

inr_error read_groups(inr_decoder *d, Plane *plane, int32_t first, int32_t last,
                      const uint8_t *payload, size_t size) {
    int32_t parameters = 0, groups = 0, at = 0, most = 0;
    for (int g = 0; g < d->shapes.groups; g++) {
        if (g < first) at += d->shapes.group_size[g];
        if (g < first || g >= last || !d->shapes.group_size[g]) continue;
        const uint8_t *code = payload + CODE_BYTES * groups++;
        parameters += d->shapes.group_size[g];
        if ((size_t)CODE_BYTES * groups > size) return INR_BAD_PAYLOAD;
        plane->codes[g] = (int32_t)number16(code);
        int32_t magnitude = (int32_t)number16(code + 2);
        if (magnitude > MOST_MAGNITUDE) return INR_OVER_LIMIT;
        most = at_least(most, magnitude);
    }
    if (!d->latent && (size_t)parameters > MOST_PER_BYTE * size) return INR_OVER_LIMIT;
    size_t left = size - (size_t)CODE_BYTES * groups;
    if (left % 4) return INR_BAD_STREAM;
    size_t halves = aligned_size((size_t)(most + 1) * 8);
    size_t boundaries = aligned_size((size_t)(2 * most + 2) * 4);
    char *memory = obtain(halves + boundaries + ALIGNMENT), *room = memory;
    if (!memory) return INR_NO_MEMORY;
    uint64_t *half = taken(&room, halves);
    int32_t *cumulated = taken(&room, boundaries);
    RangeDecoder coder = range_open(payload + (size_t)CODE_BYTES * groups, left);
    int valid = 1;
    const uint8_t *code = payload;
    for (int g = first; g < last && valid; g++) {
        int32_t n = d->shapes.group_size[g], magnitude;
        if (!n) continue;
        magnitude = (int32_t)number16(code + 2);
        if (magnitude) {
            prior(magnitude, number16(code + 4), number16(code + 6), half, cumulated);
            valid = decode(&coder, cumulated, magnitude, plane->symbols + at, n);
        }
        code += CODE_BYTES;
        at += n;
    }
    release(memory);
    if (!valid) return INR_BAD_STREAM;
    dequantize(d, plane, first, last);
    return INR_OK;
}
