/* The range decoder of parameters and of grids: 32-bit words, 64-bit state, probabilities of 2^-24. */

#ifndef INRCODEC_RANGE_H
#define INRCODEC_RANGE_H

#include "vectors.h"

#define TABLE_BITS 24

typedef struct {
    uint64_t lower, range, point;
    const uint32_t *words;
    int64_t count, taken;
    int valid, covered; /* of all symbols so far: the stream is one; no word beyond its end matters */
} RangeDecoder;

INLINE uint32_t next_word(RangeDecoder *coder) {
    uint32_t word = coder->taken < coder->count ? coder->words[coder->taken] : 0;
    coder->taken++;
    return word;
}

INLINE RangeDecoder range_open(const uint32_t *words, int64_t count) {
    RangeDecoder coder = {0, UINT64_MAX, 0, words, count, 0, 1, 1};
    coder.point = (uint64_t)next_word(&coder) << 32;
    coder.point |= next_word(&coder);
    return coder;
}

/* Where of 2^24 the next symbol lies; the stream is invalid if beyond. */
INLINE int32_t range_quantile(RangeDecoder *coder) {
    coder->covered &= coder->taken <= coder->count;
    uint64_t quantile = (coder->point - coder->lower) / (coder->range >> TABLE_BITS);
    coder->valid &= !(quantile >> TABLE_BITS);
    return (int32_t)quantile;
}

INLINE void range_advance(RangeDecoder *coder, int32_t below, int32_t share) {
    uint64_t unit = coder->range >> TABLE_BITS;
    coder->lower += unit * (uint64_t)below;
    coder->range = unit * (uint64_t)share;
    if (coder->range < (uint64_t)1 << 32) {
        coder->lower <<= 32;
        coder->range <<= 32;
        coder->point = coder->point << 32 | next_word(coder);
    }
}

#endif
