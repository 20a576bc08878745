/* The tables of symbols: docs/format.md, "Distribution", from constants that are written down. */

#include "decoder.h"

static const uint32_t EXPONENTIALS[128 * 3] = {
#include "../../../data/laplace_exponentials.csv"
};

#define BITS 31
#define ENTRIES 65

static uint64_t product(uint64_t a, uint64_t b) { return a * b >> BITS; }

void laplace_boundaries(int32_t *cumulated) {
    uint64_t near[17], far[33];
    for (int scale = 0; scale < 128; scale++) {
        near[0] = far[0] = (uint64_t)1 << BITS;
        for (int n = 0; n < 16; n++) near[n + 1] = product(near[n], EXPONENTIALS[3 * scale]);
        for (int n = 0; n < 32; n++) far[n + 1] = product(far[n], EXPONENTIALS[3 * scale + 1]);
        for (int g = 0; g < 16; g++) {
            uint64_t above = product(EXPONENTIALS[3 * scale + 2], near[16 - g]), before = 0, left;
            int32_t *row = cumulated + (scale * 16 + g) * (ENTRIES + 1);
            row[0] = 0;
            for (int q = -32; q <= 32; q++) {
                left = q <= 0 ? near[g] * far[-q] >> (BITS + 1)
                              : ((uint64_t)1 << BITS) - (above * far[q - 1] >> (BITS + 1));
                uint64_t here = product(left, (1 << 24) - ENTRIES);
                if (q > -32) row[q + 32] = row[q + 31] + (int32_t)(here - before) + 1;
                before = here;
            }
            row[ENTRIES] = 1 << 24;
        }
    }
}
