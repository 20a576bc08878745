/* Coordinate networks whose layers are computed here, on tiles of positions: SPINR, FOURIER, MFN_FOURIER,
   MFN_GABOR, WIRE and DINER. The others are the kernel of sine layers. */

#include <math.h>

#include "coordinates.h"
#include "../tiles.h"

/* A tile's activations, two sets of `most` rows, and room for what the grid shares. */
typedef struct {
    Grids *g;
    int64_t first;
    int32_t n, most;
    float *one, *two, *shared, *out;
} Tile;

static void row_and_column(const Tile *t, int p, int32_t *row, int32_t *column) {
    int64_t at = t->first + at_most(p, t->n - 1);
    *row = (int32_t)(at / t->g->columns), *column = (int32_t)(at % t->g->columns);
}

static void swap(Tile *t) {
    float *other = t->one;
    t->one = t->two, t->two = other;
}

static void sines(float *rows, int32_t count) {
    vec s, c;
    for (int k = 0; k < count * TILE; k += LANES) {
        sine_and_cosine(load(rows + k), &s, &c);
        store(rows + k, s);
    }
}

/* The next layer of the file on t->one. */
static void layer(Tile *t, int32_t outputs, int32_t inputs, int mode) {
    const float *weight = take(t->g, (int64_t)outputs * inputs), *bias = take(t->g, outputs);
    product(TILE, outputs, inputs, weight, bias, t->one, t->two, mode, NULL);
    swap(t);
}

static void progressive(Tile *t) {
    const inr_decoder *d = t->g->d;
    int32_t w = d->width, c = d->header.channels, inputs = 2 * (1 + 2 * d->frequencies), row, column;
    const float *down = t->shared, *across = t->shared + (int64_t)t->g->rows * w;
    take(t->g, (int64_t)w * (inputs + 1));
    for (int p = 0; p < TILE; p++) {
        row_and_column(t, p, &row, &column);
        for (int32_t o = 0; o < w; o++)
            t->one[o * TILE + p] = down[(int64_t)row * w + o] + across[(int64_t)o * t->g->columns + column];
    }
    for (int i = 0; i < d->found_layers; i++) {
        if (i) layer(t, w, w, PLAIN);
        sines(t->one, w);
        const float *head = take(t->g, (int64_t)c * w);
        const float *bias = i ? NULL : take(t->g, c);
        product(TILE, c, w, head, bias, t->one, t->out, i ? ADD : PLAIN, NULL);
    }
}

static void first_of_spinr(Grids *g, float *shared) {
    int32_t w = g->d->width, inputs = 2 * (1 + 2 * g->d->frequencies);
    first_layer(g, g->next, g->next + (int64_t)w * inputs, w, g->d->frequencies, shared,
                shared + (int64_t)g->rows * w);
}

/* Hidden layers and the output layer of t->one. */
static void dense(Tile *t, int32_t inputs, int rectified) {
    const inr_decoder *d = t->g->d;
    for (int i = 0; i < d->layers; i++) {
        layer(t, d->width, inputs, rectified ? RELU : PLAIN);
        if (!rectified) sines(t->one, d->width);
        inputs = d->width;
    }
    layer(t, d->header.channels, inputs, PLAIN);
    memcpy(t->out, t->one, (size_t)d->header.channels * TILE * 4);
}

/* Sine and cosine of a phase of every row, or column, and neuron: pairs, times a window. */
static void pair(double phase, double window, float *to) {
    to[0] = (float)(sin(phase) * window), to[1] = (float)(cos(phase) * window);
}

static void first_of_fourier(Grids *g, float *shared) {
    int32_t r = g->d->frequencies;
    for (int32_t k = 0; k < g->rows + g->columns; k++) {
        int across = k >= g->rows;
        double c = across ? g->xs[k - g->rows] : g->ys[k];
        for (int32_t o = 0; o < r; o++)
            pair(2 * PI * c * g->next[2 * o + across], 1, shared + 2 * ((int64_t)k * r + o));
    }
}

static void fourier(Tile *t) {
    int32_t r = t->g->d->frequencies, row, column;
    take(t->g, 2 * r);
    for (int p = 0; p < TILE; p++) {
        row_and_column(t, p, &row, &column);
        const float *y = t->shared + 2 * (int64_t)row * r;
        const float *x = t->shared + 2 * (int64_t)(t->g->rows + column) * r;
        for (int32_t o = 0; o < r; o++) {
            float sin_y = y[2 * o], cos_y = y[2 * o + 1], sin_x = x[2 * o], cos_x = x[2 * o + 1];
            t->one[o * TILE + p] = sin_y * cos_x + cos_y * sin_x;
            t->one[(r + o) * TILE + p] = cos_y * cos_x - sin_y * sin_x;
        }
    }
    dense(t, 2 * r, 1);
}

/* Of every layer, pairs of rows with the phase and of columns, times the windows of MFN_GABOR. */
static void first_of_mfn(Grids *g, float *shared) {
    int32_t w = g->d->width, gabor = g->d->header.family == MFN_GABOR;
    const float *at = g->next;
    for (int i = 0; i < g->d->layers; i++) {
        const float *frequency = at, *phase = at + 2 * w, *centre = at + 3 * w, *sharp = at + 5 * w;
        at += (gabor ? 6 : 3) * w + (i ? (int64_t)w * (w + 1) : 0);
        for (int32_t k = 0; k < g->rows + g->columns; k++) {
            int across = k >= g->rows;
            double c = across ? g->xs[k - g->rows] : g->ys[k], window = 1;
            for (int32_t o = 0; o < w; o++, shared += 2) {
                if (gabor) {
                    double off = (c - centre[2 * o + across]) * sharp[o];
                    window = exp(-off * off);
                }
                pair(frequency[2 * o + across] * c + (across ? 0 : phase[o]), window, shared);
            }
        }
    }
}

static void mfn(Tile *t) {
    const inr_decoder *d = t->g->d;
    int32_t w = d->width, row, column, filter = d->header.family == MFN_GABOR ? 6 : 3;
    for (int i = 0; i < d->layers; i++) {
        const float *pairs = t->shared + 2 * (int64_t)i * (t->g->rows + t->g->columns) * w;
        take(t->g, filter * w);
        if (i) layer(t, w, w, PLAIN);
        for (int p = 0; p < TILE; p++) {
            row_and_column(t, p, &row, &column);
            const float *y = pairs + 2 * (int64_t)row * w;
            const float *x = pairs + 2 * (int64_t)(t->g->rows + column) * w;
            for (int32_t o = 0; o < w; o++) {
                float gate = y[2 * o] * x[2 * o + 1] + y[2 * o + 1] * x[2 * o];
                t->one[o * TILE + p] = i ? t->one[o * TILE + p] * gate : gate;
            }
        }
    }
    layer(t, d->header.channels, w, PLAIN);
    memcpy(t->out, t->one, (size_t)d->header.channels * TILE * 4);
}

/* Complex matrices of WIRE as real ones of twice the size: [re -im; im re]; of the output the first. */
static void first_of_wire(Grids *g, float *shared) {
    int32_t w = g->d->width, c = g->d->header.channels;
    const float *at = g->next + 3 * w;
    for (int i = 1; i <= g->d->layers; i++) {
        int32_t rows = i < g->d->layers ? w : c, last = i == g->d->layers;
        const float *re = at, *im = at + (int64_t)rows * w;
        at += (int64_t)2 * rows * w + (last ? c : 2 * w);
        for (int32_t half = 0; half < (last ? 1 : 2); half++)
            for (int32_t o = 0; o < rows; o++, shared += 2 * w)
                for (int32_t k = 0; k < w; k++) {
                    float a = re[(int64_t)o * w + k], b = im[(int64_t)o * w + k];
                    shared[k] = half ? b : a, shared[w + k] = half ? a : -b;
                }
    }
}

static void wire(Tile *t) {
    const inr_decoder *d = t->g->d;
    int32_t w = d->width, c = d->header.channels, row, column;
    const float *weight = take(t->g, 2 * w), *bias = take(t->g, w), *matrix = t->shared;
    for (int p = 0; p < TILE; p++) {
        row_and_column(t, p, &row, &column);
        float y = (float)t->g->ys[row], x = (float)t->g->xs[column];
        for (int32_t o = 0; o < w; o++)
            t->one[o * TILE + p] = weight[2 * o] * y + weight[2 * o + 1] * x + bias[o];
    }
    memset(t->one + (int64_t)w * TILE, 0, (size_t)w * TILE * 4);
    for (int i = 1; i <= d->layers; i++) {
        int32_t last = i == d->layers, outputs = last ? c : 2 * w;
        int64_t half = (int64_t)w * TILE;
        wavelets(0, half, 0.25f, t->one, t->one + half, t->two, t->two + half);
        take(t->g, (int64_t)2 * (last ? c : w) * w);
        product(TILE, outputs, 2 * w, matrix, take(t->g, outputs), t->two, last ? t->out : t->one,
                PLAIN, NULL);
        matrix += (int64_t)outputs * 2 * w;
    }
}

/* The pixel before a coordinate and the share of the one behind it; at a pixel, that share is 0. */
static int32_t before(double c, int32_t size, double *behind) {
    double at = ((c + 1) * size - 1) / 2, nearest = floor(at + 0.5);
    if (fabs(at - nearest) < 1e-6) at = nearest;
    *behind = at - floor(at);
    return (int32_t)floor(at);
}

static void diner(Tile *t) {
    const inr_decoder *d = t->g->d;
    int32_t w = d->header.width, h = d->header.height, c = d->header.channels, row, column;
    const float *table = take(t->g, (int64_t)2 * w * h), *network = t->g->next;
    float total[4 * TILE] = {0}, share[TILE];
    for (int corner = 0; corner < 4; corner++) {
        int any = 0;
        for (int p = 0; p < TILE; p++) {
            double down, across;
            row_and_column(t, p, &row, &column);
            int32_t y = before(t->g->ys[row], h, &down) + (corner >> 1);
            int32_t x = before(t->g->xs[column], w, &across) + (corner & 1);
            const float *entry = table + 2 * ((int64_t)bounded(y, 0, h - 1) * w + bounded(x, 0, w - 1));
            t->one[p] = entry[0], t->one[TILE + p] = entry[1];
            share[p] = (float)((corner >> 1 ? down : 1 - down) * (corner & 1 ? across : 1 - across));
            any |= share[p] > 0;
        }
        if (!any) continue;
        t->g->next = network;
        dense(t, 2, 0);
        for (int k = 0; k < c * TILE; k++)
            if (share[k % TILE] > 0) total[k] += share[k % TILE] * t->out[k];
    }
    memcpy(t->out, total, (size_t)c * TILE * 4);
}

/* Floats that the whole grid shares in these families, and rows of activations. */
static int64_t shared_size(const Grids *g, int32_t *most) {
    const inr_decoder *d = g->d;
    int64_t w = d->width, lines = g->rows + g->columns, layers = d->layers;
    *most = d->width;
    switch (d->header.family) {
        case SPINR: return lines * w;
        case FOURIER: *most = at_least(*most, 2 * d->frequencies); return 2 * lines * d->frequencies;
        case MFN_FOURIER: case MFN_GABOR: return 2 * lines * layers * w;
        case WIRE: *most *= 2; return (layers - 1) * 4 * w * w + 2 * w * d->header.channels;
        default: *most = at_least(*most, 2); return 0;
    }
}

inr_error tiled_colours(Grids *g, float *out) {
    int32_t family = g->d->header.family, c = g->d->header.channels, most;
    int64_t shared = shared_size(g, &most), all = (int64_t)g->rows * g->columns;
    size_t rows = (size_t)at_least(most, 4) * TILE * 4;
    const float *parameters = g->next;
    char *memory = obtain(2 * rows + 4 * TILE * 4 + (size_t)shared * 4 + 4 * ALIGNMENT), *at = memory;
    if (!memory) return INR_NO_MEMORY;
    Tile t = {.g = g, .most = most};
    t.one = taken(&at, rows), t.two = taken(&at, rows);
    t.out = taken(&at, 4 * TILE * 4), t.shared = taken(&at, (size_t)shared * 4);
    if (family == SPINR) first_of_spinr(g, t.shared);
    if (family == FOURIER) first_of_fourier(g, t.shared);
    if (family == MFN_FOURIER || family == MFN_GABOR) first_of_mfn(g, t.shared);
    if (family == WIRE) first_of_wire(g, t.shared);
    for (t.first = 0; t.first < all; t.first += TILE) {
        t.n = all - t.first < TILE ? (int32_t)(all - t.first) : TILE;
        g->next = parameters;
        if (family == SPINR) progressive(&t);
        else if (family == FOURIER) fourier(&t);
        else if (family == WIRE) wire(&t);
        else if (family == DINER) diner(&t);
        else mfn(&t);
        for (int k = 0; k < c; k++)
            memcpy(out + k * all + t.first, t.out + k * TILE, (size_t)t.n * 4);
    }
    release(memory);
    return INR_OK;
}
