/* Sine layers on a grid of positions: models/sines.py. */

#include "kernels.h"
#include "memory.h"
#include "tiles.h"

/* `layers` matrices, the last one the output's, behind a sine layer of widths[0] neurons. */
typedef struct {
    int layers, widths[MOST_SINE_LAYERS + 1], rows, columns;
    const float *down, *across, *scale;
    const float *w[MOST_SINE_LAYERS], *b[MOST_SINE_LAYERS];
    float *wt[MOST_SINE_LAYERS], *phase[MOST_SINE_LAYERS], *sine[MOST_SINE_LAYERS];
    float *cosine[MOST_SINE_LAYERS], *g[MOST_SINE_LAYERS], *out, *tile_scale;
    vec *by_w[MOST_SINE_LAYERS], *by_b[MOST_SINE_LAYERS];
    void *memory;
} Sines;

/* The network's sizes and where its parameters lie; returns the bytes that it needs. */
static size_t sines_read(Sines *net, const int32_t *shape, const float *p, int gradients) {
    net->layers = shape[0];
    for (int l = 0; l <= net->layers; l++) net->widths[l] = shape[1 + l];
    size_t need = ALIGNMENT * 2 + (size_t)(net->widths[net->layers] + 1) * TILE * 4;
    for (int l = 0; l < net->layers; l++) {
        int in = net->widths[l], out = net->widths[l + 1];
        net->w[l] = p;
        net->b[l] = p += in * out;
        p += out;
        need += (size_t)3 * in * TILE * 4 + ALIGNMENT * 7;
        if (gradients)
            need += (size_t)out * TILE * 4 + (size_t)(in + 1) * out * (sizeof(vec) + 4);
    }
    return need;
}

/* Returns 0, or 1 if there is no memory for it. `shape`: layers, widths. Only what needs `gradients`
   takes memory for them: a vector for every weight. */
static int sines_open(Sines *net, const int32_t *shape, const float *parameters, int gradients) {
    char *at = net->memory = obtain(sines_read(net, shape, parameters, gradients));
    if (!at) return 1;
    net->out = taken(&at, (size_t)net->widths[net->layers] * TILE * 4);
    net->tile_scale = taken(&at, TILE * 4);
    for (int l = 0; l < net->layers; l++) {
        int in = net->widths[l], out = net->widths[l + 1];
        net->phase[l] = taken(&at, (size_t)in * TILE * 4);
        net->sine[l] = taken(&at, (size_t)in * TILE * 4);
        net->cosine[l] = taken(&at, (size_t)in * TILE * 4);
        if (!gradients) continue;
        net->g[l] = taken(&at, (size_t)out * TILE * 4);
        net->by_w[l] = taken(&at, (size_t)in * out * sizeof(vec));
        net->by_b[l] = taken(&at, (size_t)out * sizeof(vec));
        net->wt[l] = taken(&at, (size_t)in * out * 4);
        turn(net->w[l], out, in, net->wt[l]);
    }
    return 0;
}

/* sin and, if wanted, cos of the phases of layer l, times the scale of each position if there is one. */
INLINE void sines_activate(Sines *net, int l, int n) {
    for (int o = 0; o < net->widths[l]; o++)
        for (int p = 0; p < n; p += LANES) {
            int k = o * TILE + p;
            vec s, c, x = load(net->phase[l] + k);
            if (net->scale) x *= load(net->tile_scale + p);
            sine_and_cosine(x, &s, &c);
            store(net->sine[l] + k, s);
            store(net->cosine[l] + k, c);
        }
}

/* Outputs of n positions from `start` on, row by row, in net->out. */
static void sines_forward(Sines *net, int64_t start, int n) {
    int first = net->widths[0], whole = blocks(n);
    for (int p = 0; p < n;) {
        int64_t row = (start + p) / net->columns, column = (start + p) % net->columns;
        int run = net->columns - column < n - p ? (int)(net->columns - column) : n - p;
        for (int o = 0; o < first; o++) {
            float base = net->down[row * first + o], *to = net->phase[0] + o * TILE + p;
            const float *from = net->across + (int64_t)o * net->columns + column;
            for (int i = 0; i < run; i++) to[i] = base + from[i];
        }
        p += run;
    }
    clear_rest(net->phase[0], first, n);
    if (net->scale) {
        memcpy(net->tile_scale, net->scale + start, (size_t)n * 4);
        clear_rest(net->tile_scale, 1, n);
    }
    for (int l = 0; l < net->layers; l++) {
        int last = l == net->layers - 1;
        sines_activate(net, l, whole);
        product(whole, net->widths[l + 1], net->widths[l], net->w[l], net->b[l], net->sine[l],
                last ? net->out : net->phase[l + 1], PLAIN, NULL);
    }
}

/* From the gradient of the phases of the first layer to those of what they are sums of. */
static void first_layer_back(const Sines *net, int64_t start, int n, const float *below,
                             float *by_down, float *by_across) {
    int first = net->widths[0];
    for (int p = 0; p < n;) {
        int64_t row = (start + p) / net->columns, column = (start + p) % net->columns;
        int run = net->columns - column < n - p ? (int)(net->columns - column) : n - p;
        for (int o = 0; o < first; o++) {
            const float *from = below + o * TILE + p;
            float *to = by_across + (int64_t)o * net->columns + column, sum = 0;
            for (int i = 0; i < run; i++) to[i] += from[i];
            int i = 0;
            vec several = splat(0.f);
            for (; i + LANES <= run; i += LANES) several += load(from + i);
            for (; i < run; i++) sum += from[i];
            by_down[row * first + o] += sum + total(several);
        }
        p += run;
    }
}

/* From the gradient of the outputs, in net->g[layers - 1], to those of what the tile is made of. */
static void sines_backward(Sines *net, int64_t start, int n, float *by_down, float *by_across,
                           float *by_scale) {
    int whole = blocks(n);
    float *below = NULL;
    vec by_tile[TILE / LANES];
    memset(by_tile, 0, sizeof by_tile);
    for (int l = net->layers - 1; l >= 0; l--) {
        int in = net->widths[l], out = net->widths[l + 1];
        outer(whole, out, in, net->g[l], net->sine[l], net->by_w[l]);
        add_up(whole, out, net->g[l], net->by_b[l]);
        below = l ? net->g[l - 1] : net->sine[0];
        product(whole, in, out, net->wt[l], NULL, net->g[l], below, PLAIN, NULL);
        for (int o = 0; o < in; o++)
            for (int p = 0; p < whole; p += LANES) {
                int k = o * TILE + p;
                vec g = load(below + k) * load(net->cosine[l] + k);
                if (net->scale) {
                    by_tile[p / LANES] += g * load(net->phase[l] + k);
                    g *= load(net->tile_scale + p);
                }
                store(below + k, g);
            }
    }
    if (net->scale) memcpy(by_scale + start, by_tile, (size_t)n * 4);
    first_layer_back(net, start, n, below, by_down, by_across);
}

int32_t sine_layers(const int32_t *shape, const float *parameters, int32_t rows,
                    int32_t columns, int32_t first, int32_t last, const float *down,
                    const float *across, const float *scale, float *out) {
    Sines net = {.rows = rows, .columns = columns, .down = down, .across = across, .scale = scale};
    if (sines_open(&net, shape, parameters, 0)) return 1;
    int64_t end = (int64_t)last * columns, all = (int64_t)rows * columns;
    for (int64_t p = (int64_t)first * columns; p < end; p += TILE) {
        int n = end - p < TILE ? (int)(end - p) : TILE;
        sines_forward(&net, p, n);
        for (int c = 0; c < net.widths[net.layers]; c++)
            memcpy(out + c * all + p, net.out + c * TILE, (size_t)n * 4);
    }
    release(net.memory);
    return 0;
}

/* Of n outputs from their target, which its gradient replaces. */
INLINE float squared_distance(int n, const float *out, float *target) {
    float sum = 0;
    for (int i = 0; i < n; i++) {
        float off = out[i] - target[i];
        sum += off * off;
        target[i] = 2 * off;
    }
    return sum;
}

int32_t sine_layers_back(const int32_t *shape, const float *parameters, int32_t rows,
                         int32_t columns, int32_t first, int32_t last, const float *down,
                         const float *across, const float *scale, const float *gradient,
                         float *by_down, float *by_across, float *by_scale,
                         float *by_parameters, double *error) {
    Sines net = {.rows = rows, .columns = columns, .down = down, .across = across, .scale = scale};
    if (sines_open(&net, shape, parameters, 1)) return 1;
    int64_t end = (int64_t)last * columns, all = (int64_t)rows * columns;
    int outputs = net.widths[net.layers];
    float *by_out = net.g[net.layers - 1];
    for (int64_t p = (int64_t)first * columns; p < end; p += TILE) {
        int n = end - p < TILE ? (int)(end - p) : TILE;
        sines_forward(&net, p, n);
        for (int c = 0; c < outputs; c++)
            memcpy(by_out + c * TILE, gradient + c * all + p, (size_t)n * 4);
        for (int c = 0; error && c < outputs; c++)
            *error += squared_distance(n, net.out + c * TILE, by_out + c * TILE);
        clear_rest(by_out, outputs, n);
        sines_backward(&net, p, n, by_down, by_across, by_scale);
    }
    for (int l = 0; l < net.layers; l++) {
        int in = net.widths[l], out = net.widths[l + 1];
        for (int k = 0; k < in * out; k++) *by_parameters++ = total(net.by_w[l][k]);
        for (int k = 0; k < out; k++) *by_parameters++ = total(net.by_b[l][k]);
    }
    release(net.memory);
    return 0;
}
