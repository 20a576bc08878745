/* Matrix products on tiles: activations of a few positions, as many as stay in the first-level cache.
   Row o of a tile, its positions of channel o, begins at o * TILE. */

#ifndef INRCODEC_TILES_H
#define INRCODEC_TILES_H

#include "vectors.h"

#define DOWN 6 /* outputs of a register block of a matrix product, which is DOWN x ACROSS vectors */
#define TILE 128 /* positions of a network at a time: activations stay in the first-level cache */

enum { PLAIN = 0, RELU = 1, ADD = 2 };

/* y[o] = bias[o] + sum_i w[o, i] x[i] for `rows` <= DOWN outputs; with ADD to what y holds; RELU
   clips; `gate`, if given, zeroes y where it is not positive. */
INLINE void product_rows(const int rows, int n, int inputs, const float *w, const float *bias,
                         const float *x, float *y, int mode, const float *gate) {
    for (int p = 0; p < n; p += ACROSS * LANES) {
        vec sum[DOWN][ACROSS];
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < ACROSS; v++)
                sum[r][v] = mode & ADD ? load(y + r * TILE + p + v * LANES)
                                       : splat(bias ? bias[r] : 0.f);
        for (int i = 0; i < inputs; i++) {
            vec in[ACROSS];
            for (int v = 0; v < ACROSS; v++) in[v] = load(x + i * TILE + p + v * LANES);
            for (int r = 0; r < rows; r++) {
                vec weight = splat(w[r * inputs + i]);
                for (int v = 0; v < ACROSS; v++) sum[r][v] += weight * in[v];
            }
        }
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < ACROSS; v++) {
                vec s = sum[r][v];
                if (mode & RELU) s = masked(s, s > 0.f);
                if (gate) s = masked(s, load(gate + r * TILE + p + v * LANES) > 0.f);
                store(y + r * TILE + p + v * LANES, s);
            }
    }
}

static inline void product(int n, int outputs, int inputs, const float *w, const float *bias,
                    const float *x, float *y, int mode, const float *gate) {
    for (int o = 0; o < outputs; o += DOWN) {
        const float *row = w + o * inputs, *b = bias ? bias + o : NULL;
        const float *g = gate ? gate + o * TILE : NULL;
        float *to = y + o * TILE;
#define CASE(k) case k: product_rows(k, n, inputs, row, b, x, to, mode, g); break;
        switch (outputs - o) {
            CASE(1) CASE(2) CASE(3) CASE(4) CASE(5)
            default: product_rows(DOWN, n, inputs, row, b, x, to, mode, g);
        }
#undef CASE
    }
}

/* sums[o, i] += g[o] x[i], lane by lane, for a block of outputs and inputs. */
INLINE void outer_block(const int rows, const int columns, int n, int inputs, const float *g,
                        const float *x, vec *sums) {
    vec sum[SQUARE][SQUARE];
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) sum[r][c] = sums[r * inputs + c];
    for (int p = 0; p < n; p += LANES) {
        vec in[SQUARE];
        for (int c = 0; c < columns; c++) in[c] = load(x + c * TILE + p);
        for (int r = 0; r < rows; r++) {
            vec out = load(g + r * TILE + p);
            for (int c = 0; c < columns; c++) sum[r][c] += out * in[c];
        }
    }
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) sums[r * inputs + c] = sum[r][c];
}

INLINE void outer_rows(const int rows, int n, int inputs, const float *g, const float *x, vec *sums) {
    int i = 0;
    for (; i + SQUARE <= inputs; i += SQUARE)
        outer_block(rows, SQUARE, n, inputs, g, x + i * TILE, sums + i);
    for (; i < inputs; i++) outer_block(rows, 1, n, inputs, g, x + i * TILE, sums + i);
}

static inline void outer(int n, int outputs, int inputs, const float *g, const float *x, vec *sums) {
    int o = 0;
    for (; o + SQUARE <= outputs; o += SQUARE)
        outer_rows(SQUARE, n, inputs, g + o * TILE, x, sums + o * inputs);
    for (; o < outputs; o++) outer_rows(1, n, inputs, g + o * TILE, x, sums + o * inputs);
}

static inline void add_up(int n, int outputs, const float *g, vec *sums) {
    for (int o = 0; o < outputs; o++)
        for (int p = 0; p < n; p += LANES) sums[o] += load(g + o * TILE + p);
}

/* A matrix (outputs, inputs) turned. */
static inline void turn(const float *w, int outputs, int inputs, float *turned) {
    for (int o = 0; o < outputs; o++)
        for (int i = 0; i < inputs; i++) turned[i * outputs + o] = w[o * inputs + i];
}

/* Positions rounded up to whole register blocks. */
INLINE int blocks(int n) { return (n + ACROSS * LANES - 1) / (ACROSS * LANES) * (ACROSS * LANES); }

static inline void clear_rest(float *rows, int count, int n) {
    for (int k = 0; k < count; k++)
        memset(rows + k * TILE + n, 0, (size_t)(blocks(n) - n) * 4);
}

#endif
