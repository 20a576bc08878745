/* Grids of symbols and their range coder streams, in the order of waves: wavefront.py. */

#include "arm.h"
#include "range.h"

#define ENTRIES 65
#define ESCAPE 64
#define ESCAPE_BITS 16
#define FIRST_ENTRY 32

INLINE int low_bits(int scale) { return scale < 49 ? 0 : (scale - 41) >> 3; }

int32_t distributions(const int32_t *shape, const int32_t *parameters, const int16_t *flat,
                      const int64_t *offsets, int64_t waves, const int64_t *starts,
                      const int64_t *counts, int64_t step, int32_t *centres, int32_t *rows) {
    IntegerArm arm;
    if (arm_open(&arm, shape, parameters)) return 1;
    for (int64_t wave = 0; wave < waves; wave++)
        for (int64_t k = 0; k < counts[wave]; k++) {
            int32_t mean, scale;
            arm_run(&arm, flat + starts[wave] + k * step, offsets, &mean, &scale);
            *centres++ = (mean + 8) >> 4;
            *rows++ = scale * 16 + ((mean + 8) & 15);
        }
    release(arm.memory);
    return 0;
}

/* What is known of the symbols of a wave before all of it is decoded. */
typedef struct {
    int32_t *centres, *entries, *shifts;
    int raw, escapes; /* whether any symbol has low bits; whether any escapes */
} Wave;

/* The table entries of n symbols of a wave, `step` apart. */
INLINE void decode_entries(RangeDecoder *coder, IntegerArm *arm, const int16_t *first,
                           const int64_t *offsets, int64_t step, int64_t n,
                           const int32_t *cumulated, Wave *wave) {
    wave->raw = wave->escapes = 0;
    for (int64_t k = 0; k < n; k++) {
        int32_t mean, scale;
        arm_run(arm, first + k * step, offsets, &mean, &scale);
        const int32_t *row = cumulated + (size_t)(scale * 16 + ((mean + 8) & 15)) * (ENTRIES + 1);
        int32_t target = range_quantile(coder);
        if (!coder->valid) return;
        int entry = FIRST_ENTRY;
        while (row[entry] > target) entry--;
        while (row[entry + 1] <= target) entry++;
        range_advance(coder, row[entry], row[entry + 1] - row[entry]);
        wave->centres[k] = (mean + 8) >> 4;
        wave->entries[k] = entry;
        wave->shifts[k] = low_bits(scale);
        wave->raw |= wave->shifts[k], wave->escapes |= entry == ESCAPE;
    }
}

/* What follows the entries of a wave: the low bits of symbols that have some, or, in the second
   pass, the symbols that escaped, which replace their centres. */
INLINE void decode_bits(RangeDecoder *coder, int64_t n, int pass, Wave *wave) {
    for (int64_t k = 0; k < n; k++) {
        int escaped = wave->entries[k] == ESCAPE, bits = pass ? ESCAPE_BITS : wave->shifts[k];
        if (escaped != pass || !bits) continue;
        int32_t value = range_quantile(coder) >> (TABLE_BITS - bits);
        if (!coder->valid) return;
        range_advance(coder, value << (TABLE_BITS - bits), 1 << (TABLE_BITS - bits));
        if (pass) wave->centres[k] = value - (1 << (ESCAPE_BITS - 1));
        else wave->centres[k] += value;
    }
}

int32_t range_begin(RangeDecoder *coder, const uint8_t *stream, int64_t size) {
    if (coder) *coder = range_open(stream, (size_t)size);
    return sizeof *coder;
}

int64_t decode_waves(const int32_t *shape, const int32_t *parameters, int16_t *flat,
                     const int64_t *offsets, int64_t waves, const int64_t *starts,
                     const int64_t *counts, int64_t step, RangeDecoder *coder,
                     const int32_t *cumulated, int32_t prefix) {
    IntegerArm arm;
    int64_t longest = 1, decoded = 0;
    for (int64_t w = 0; w < waves; w++) longest = counts[w] > longest ? counts[w] : longest;
    int32_t *room = obtain((size_t)longest * 12);
    if (!room) return INT64_MIN;
    if (arm_open(&arm, shape, parameters)) { release(room); return INT64_MIN; }
    Wave wave = {room, room + longest, room + 2 * longest, 0, 0};
    for (int64_t w = 0; w < waves; w++) {
        int64_t n = counts[w];
        int16_t *first = flat + starts[w];
        decode_entries(coder, &arm, first, offsets, step, n, cumulated, &wave);
        if (coder->valid && wave.raw) decode_bits(coder, n, 0, &wave);
        if (coder->valid && wave.escapes) decode_bits(coder, n, 1, &wave);
        if (!coder->valid || (prefix && !coder->covered)) break;
        for (int64_t k = 0; k < n; k++) {
            int escaped = wave.entries[k] == ESCAPE;
            int32_t coarse = escaped ? 0 : (wave.entries[k] - FIRST_ENTRY) * (1 << wave.shifts[k]);
            first[k * step] = (int16_t)(uint16_t)(uint32_t)(wave.centres[k] + coarse);
        }
        decoded += n;
    }
    release(room);
    release(arm.memory);
    return coder->valid ? decoded : -1 - decoded;
}
