/* Networks on a grid of coordinates: what coordinates.c and tiled.c share. */

#ifndef INR_COORDINATES_H
#define INR_COORDINATES_H

#include "decoder.h"

#define PI 3.14159265358979323846

/* What a network is evaluated on and with. */
typedef struct {
    const inr_decoder *d;
    const double *ys, *xs;
    int32_t rows, columns;
    const float *next; /* parameters that are not used yet, in the order of the file */
} Grids;

static inline const float *take(Grids *g, int64_t size) {
    const float *here = g->next;
    g->next += size;
    return here;
}

/* Phases of the first layer: of rows with the bias, down (rows, w), and of columns, across (w, columns). */
void first_layer(const Grids *g, const float *weight, const float *bias, int32_t w,
                 int32_t frequencies, float *down, float *across);

/* tiled.c: all families but SIREN, PE_SIREN and NIF. */
inr_error tiled_colours(Grids *g, float *out);

#endif
