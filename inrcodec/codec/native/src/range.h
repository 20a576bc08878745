/* The range decoder of parameters and of grids: 32-bit words, 64-bit state, probabilities of 2^-24. */

#ifndef INRCODEC_RANGE_H
#define INRCODEC_RANGE_H

#include "kernels.h"
#include "vectors.h"

#define TABLE_BITS 24

typedef struct RangeDecoder {
    uint64_t lower, range, point;
    const uint8_t *stream;
    int64_t count, taken; /* words of the stream, and those read so far */
    int32_t valid, covered; /* of all symbols so far: the stream is one; no word beyond its end matters */
} RangeDecoder;

INLINE uint32_t next_word(RangeDecoder *coder) {
    int64_t k = coder->taken++;
    if (k >= coder->count) return 0;
    const uint8_t *p = coder->stream + 4 * k;
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Of a stream of so many bytes, less those of a last word that is cut. */
INLINE RangeDecoder range_open(const uint8_t *stream, size_t size) {
    RangeDecoder coder = {0, UINT64_MAX, 0, stream, (int64_t)(size / 4), 0, 1, 1};
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
