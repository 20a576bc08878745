/* Bits of a grid under its context network, tile by tile: fitting/coolchic/rate.py. */

#include "network.h"

#define PARENTS 4

/* A grid and what its network sees of it. Symbols of a tile are `count` pieces of rows. */
typedef struct {
    int width, neighbours, parents, beside, margin, pitch, coarse_pitch, beside_pitch;
    const int32_t *offsets;
} Context;

typedef struct {
    int row, column, at, length;
} Segment;

/* Nats of the first n symbols, -ln of their Laplace masses: see laplace_nats there. The gradients
   by value and by log scale replace the outputs, mean and log2 scale. */
static double laplace(int n, const float *symbols, float *outputs) {
    float *means = outputs, *scales = outputs + TILE;
    vec sum = splat(0.f);
    for (int p = 0; p < n; p += LANES) {
        vec difference = load(symbols + p) - load(means + p);
        vec log_scale = larger(smaller(load(scales + p), splat(11.875f)), splat(-4.f));
        vec t = exp_of(log_scale * -0.693147181f);
        vec distance = magnitude(difference);
        vec inside = smaller(distance, splat(0.5f));
        vec excess = distance - inside;
        vec far = inside + 0.5f, near = 0.5f - inside;
        vec far_side = expm1_of(-(t * far)), near_side = expm1_of(-(t * near));
        vec twice = -(far_side + near_side);
        sum += masked(excess * t + (0.693147181f - log_of(twice)), p + counting() < n);
        vec inverse = 1.f / twice;
        vec by_distance = (near_side - far_side) * t * inverse;
        vec weighted = (far * far_side + near * near_side + 1.f) * inverse;
        store(scales + p, (excess - weighted) * t * -0.693147181f);
        vec sign = (vec)((ivec)difference & (int32_t)0x80000000);
        store(means + p, (vec)((ivec)by_distance | (ivec)sign));
    }
    return total(sum);
}

/* Fill a tile with pieces of rows from (row, column) on, which move behind them; pieces that do not
   end a row are even. Returns how many symbols they are, and in `count` how many pieces. */
INLINE int fill_tile(int width, int last, int *row, int *column, Segment *segments, int *count) {
    int n = 0;
    *count = 0;
    while (*row < last && n < TILE) {
        int length = width - *column < TILE - n ? width - *column : TILE - n;
        if (*column + length < width && length % 2) length--;
        if (!length) break;
        segments[(*count)++] = (Segment){*row, *column, n, length};
        n += length;
        *column += length;
        if (*column == width) *column = 0, ++*row;
    }
    return n;
}

/* A piece's symbols, and its inputs x, from the grids. */
INLINE void gather(const Context *c, Segment seg, const float *padded, const float *coarser,
                   const float *const *companions, float *symbols, float *x) {
    const float *here = padded + (size_t)(seg.row + c->margin) * c->pitch + seg.column + c->margin;
    size_t bytes = (size_t)seg.length * 4;
    memcpy(symbols + seg.at, here, bytes);
    for (int k = 0; k < c->neighbours; k++)
        memcpy(x + k * TILE + seg.at,
               here + c->offsets[2 * k] * c->pitch + c->offsets[2 * k + 1], bytes);
    for (int v = 0; v < 2 && c->parents; v++) {
        int line = seg.row / 2 + 1 + (v ? (seg.row & 1 ? 1 : -1) : 0);
        const float *from = coarser + (size_t)line * c->coarse_pitch + seg.column / 2 + 1;
        float *own = x + (c->neighbours + v) * TILE + seg.at, *near = own + 2 * TILE;
        int pairs = seg.length / 2;
        for (int j = 0; j < pairs; j++) own[2 * j] = own[2 * j + 1] = from[j];
        for (int j = 0; j < pairs; j++) near[2 * j] = from[j - 1], near[2 * j + 1] = from[j + 1];
        if (seg.length % 2) own[2 * pairs] = from[pairs], near[2 * pairs] = from[pairs - 1];
    }
    for (int k = 0; k < c->beside; k++)
        if (companions[k])
            memcpy(x + (c->neighbours + PARENTS + k) * TILE + seg.at,
                   companions[k] + (size_t)seg.row * c->beside_pitch + seg.column, bytes);
}

/* The gradients of a piece's symbols and inputs to those of the grids, which begin with row `first`
   and have no gaps between their rows. */
INLINE void scatter(const Context *c, Segment seg, int first, const float *by_value,
                    const float *by_x, float *by_padded, float *by_coarser,
                    float *const *by_companions) {
    float *here = by_padded + (size_t)(seg.row - first + c->margin) * c->pitch + seg.column + c->margin;
    for (int p = 0; p < seg.length; p++) here[p] += by_value[seg.at + p];
    for (int k = 0; k < c->neighbours; k++) {
        float *to = here + c->offsets[2 * k] * c->pitch + c->offsets[2 * k + 1];
        const float *from = by_x + k * TILE + seg.at;
        for (int p = 0; p < seg.length; p++) to[p] += from[p];
    }
    for (int v = 0; v < 2 && c->parents; v++) {
        int line = seg.row / 2 - first / 2 + 1 + (v ? (seg.row & 1 ? 1 : -1) : 0);
        float *to = by_coarser + (size_t)line * ((c->width + 1) / 2 + 2) + seg.column / 2 + 1;
        const float *own = by_x + (c->neighbours + v) * TILE + seg.at, *near = own + 2 * TILE;
        int pairs = seg.length / 2;
        for (int j = 0; j < pairs; j++) to[j] += own[2 * j] + own[2 * j + 1];
        for (int j = 0; j < pairs; j++) to[j - 1] += near[2 * j];
        for (int j = 0; j < pairs; j++) to[j + 1] += near[2 * j + 1];
        if (seg.length % 2) to[pairs] += own[2 * pairs], to[pairs - 1] += near[2 * pairs];
    }
    for (int k = 0; k < c->beside; k++)
        if (by_companions[k])
            memcpy(by_companions[k] + (size_t)seg.row * c->width + seg.column,
                   by_x + (c->neighbours + PARENTS + k) * TILE + seg.at, (size_t)seg.length * 4);
}

double context_bits(const int32_t *sizes, const int32_t *offsets, const float *padded,
                    const float *coarser, const float *const *companions, const float *parameters,
                    float *by_padded, float *by_coarser, float *const *by_companions,
                    float *by_parameters) {
    const int first = sizes[1], last = sizes[2];
    const Context c = {.width = sizes[0], .neighbours = sizes[3], .parents = sizes[4],
                       .beside = sizes[5], .margin = sizes[6], .offsets = offsets,
                       .pitch = sizes[0] + 2 * sizes[6], .coarse_pitch = sizes[7],
                       .beside_pitch = sizes[8]};
    Network net;
    if (network_open(&net, sizes + 9, parameters)) return -1;
    Segment segments[TILE];
    float symbols[TILE], by_value[TILE], *g = net.g[net.layers - 1];
    double nats = 0;
    int row = first, column = 0, count;
    while (row < last) {
        int n = fill_tile(c.width, last, &row, &column, segments, &count), whole = blocks(n);
        for (int s = 0; s < count; s++)
            gather(&c, segments[s], padded, coarser, companions, symbols, net.x);
        clear_rest(net.x, net.widths[0], n);
        memset(symbols + n, 0, (size_t)(whole - n) * 4);
        memcpy(g, network_forward(&net, whole), 2 * TILE * 4);
        nats += laplace(n, symbols, g);
        if (!by_padded) continue;
        clear_rest(g, 2, n);
        for (int p = 0; p < whole; p++) by_value[p] = g[p], g[p] = -g[p];
        network_backward(&net, whole);
        for (int s = 0; s < count; s++)
            scatter(&c, segments[s], first, by_value, net.by_x, by_padded, by_coarser, by_companions);
    }
    network_close(&net, by_padded ? by_parameters : NULL);
    return nats;
}
