/* Coordinate networks -> colours: docs/format.md, "Coordinate networks". Positions are a grid of rows
   and columns; what a row or a column shares is computed once for it. */

#include <math.h>

#include "coordinates.h"

#define BASE 1.4
#define MOST_FEATURES 66

/* f(c) of one coordinate. */
static void encoded(double c, int32_t frequencies, double *features) {
    double phase = PI * c;
    features[0] = c;
    for (int i = 0; i < frequencies; i++, phase *= BASE) {
        features[1 + i] = sin(phase);
        features[1 + frequencies + i] = cos(phase);
    }
}

void first_layer(const Grids *g, const float *weight, const float *bias, int32_t w,
                 int32_t frequencies, float *down, float *across) {
    double features[MOST_FEATURES];
    int32_t half = 1 + 2 * frequencies;
    for (int32_t r = 0; r < g->rows; r++) {
        encoded(g->ys[r], frequencies, features);
        for (int32_t o = 0; o < w; o++) {
            double sum = bias[o];
            for (int32_t k = 0; k < half; k++) sum += weight[(int64_t)o * 2 * half + k] * features[k];
            down[(int64_t)r * w + o] = (float)sum;
        }
    }
    for (int32_t c = 0; c < g->columns; c++) {
        encoded(g->xs[c], frequencies, features);
        for (int32_t o = 0; o < w; o++) {
            double sum = 0;
            for (int32_t k = 0; k < half; k++)
                sum += weight[(int64_t)o * 2 * half + half + k] * features[k];
            across[(int64_t)o * g->columns + c] = (float)sum;
        }
    }
}

/* A network of sine layers behind an encoding; phases are times `scale`, if there is one. */
static inr_error sine_network(Grids *g, const int32_t *widths, int32_t n, int32_t frequencies,
                              int32_t outputs, const float *scale, float *out) {
    int32_t w = widths[0], shape[MOST_SINE_LAYERS + 2] = {n}, inputs = 2 * (1 + 2 * frequencies);
    size_t rows = (size_t)g->rows * (size_t)w * 4, columns = (size_t)g->columns * (size_t)w * 4;
    char *memory = obtain(rows + columns + 2 * ALIGNMENT), *at = memory;
    if (!memory) return INR_NO_MEMORY;
    float *down = taken(&at, rows), *across = taken(&at, columns);
    const float *weight = take(g, (int64_t)w * inputs), *bias = take(g, w), *rest = g->next;
    first_layer(g, weight, bias, w, frequencies, down, across);
    for (int i = 0; i < n; i++) {
        shape[1 + i] = widths[i];
        int32_t to = i + 1 < n ? widths[i + 1] : outputs;
        take(g, (int64_t)to * (widths[i] + 1));
    }
    shape[1 + n] = outputs;
    int32_t failed = sine_layers(shape, rest, g->rows, g->columns, 0, g->rows, down, across, scale, out);
    release(memory);
    return failed ? INR_NO_MEMORY : INR_OK;
}

static inr_error siren(Grids *g, float *out) {
    int32_t widths[16];
    for (int i = 0; i < g->d->layers; i++) widths[i] = g->d->width;
    return sine_network(g, widths, g->d->layers, g->d->frequencies, g->d->header.channels, NULL, out);
}

static inr_error nif(Grids *g, float *out) {
    const int32_t *given = g->d->header.dimensions;
    int32_t m = given[2], n = g->d->header.count - 3 - m, positions = g->rows * g->columns;
    float *scale = NULL;
    inr_error error = INR_OK;
    if (m) {
        scale = obtain((size_t)positions * 4);
        if (!scale) return INR_NO_MEMORY;
        error = sine_network(g, given + 3, m, given[1], 1, NULL, scale);
        for (int32_t p = 0; p < positions; p++) scale[p] += 1;
    }
    if (!error)
        error = sine_network(g, given + 3 + m, n, given[0], g->d->header.channels, scale, out);
    release(scale);
    return error;
}

inr_error network_colours(const inr_decoder *d, const double *ys, int32_t rows, const double *xs,
                          int32_t columns, float *out) {
    Grids g = {d, ys, xs, rows, columns, d->plane[0].values};
    if (d->header.family == NIF) return nif(&g, out);
    if (d->header.family == SIREN || d->header.family == PE_SIREN) return siren(&g, out);
    return tiled_colours(&g, out);
}

double network_work(const inr_decoder *d) {
    double table = d->header.family == DINER ? 2. * d->header.width * d->header.height : 0;
    double each = d->shapes.parameters - table + 20. * (d->width ? d->width * d->layers : 1024);
    return d->header.family == WIRE ? 2 * each : d->header.family == DINER ? 4 * each : each;
}
