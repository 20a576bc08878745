/* Side inputs of the context network: docs/format.md, "Inputs of the ARM". */

#include "decoder.h"

#define PARENTS 4

/* The row and the column nearest in the next coarser grid, then those next to them. */
static void nearest(int32_t i, int32_t *pair) {
    pair[0] = i >> 1, pair[1] = pair[0] + (i & 1 ? 1 : -1);
}

static void parents(const Grid *coarser, const int32_t *area, int16_t *planes, int64_t size,
                    int64_t pitch) {
    for (int32_t r = area[0]; r < area[1]; r++) {
        int32_t rows[2];
        nearest(r, rows);
        for (int k = 0; k < PARENTS; k++) {
            int32_t row = rows[k & 1], last = coarser->columns;
            int16_t *to = planes + k * size + (r - area[0]) * pitch;
            if (row < 0 || row >= coarser->rows) continue;
            const int16_t *from = coarser->symbols + (int64_t)row * last;
            for (int32_t c = area[2]; c < area[3]; c++) {
                int32_t columns[2];
                nearest(c, columns);
                int32_t column = columns[k >> 1];
                if (column >= 0 && column < last) to[c - area[2]] = from[column];
            }
        }
    }
}

static void companion(const Grid *grid, const int32_t *area, int16_t *plane, int64_t pitch) {
    if (!grid->symbols) return;
    for (int32_t r = area[0]; r < area[1]; r++) {
        const int16_t *from = grid->symbols + (int64_t)r * grid->columns;
        memcpy(plane + (r - area[0]) * pitch, from + area[2], (size_t)(area[3] - area[2]) * 2);
    }
}

void side_inputs(const inr_decoder *d, const Plane *plane, int32_t grid, const int32_t *area,
                 int16_t *planes, int64_t size, int64_t pitch) {
    const Grid *grids = plane->grids;
    if (d->header.family != COOLCHIC) return;
    if (grids[grid].level < d->levels - 1 && grids[grid + 1].symbols)
        parents(&grids[grid + 1], area, planes, size, pitch);
    if (grid < d->levels) return;
    companion(&grids[grids[grid].level], area, planes + PARENTS * size, pitch);
    if (grid >= d->levels + d->chroma)
        companion(&grids[grid - d->chroma], area, planes + (PARENTS + 1) * size, pitch);
}
