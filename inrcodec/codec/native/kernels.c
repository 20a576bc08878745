/* What fitting and rendering spend their time in, for one thread of a CPU.

   Portable C with the vector types of GCC and Clang; hatch_build.py compiles it once for every level
   of the instruction set worth having, and __init__.py loads the best one the machine runs. Where it
   pays, a function does a band of rows, so that threads share the work of a picture (pool.py). Every
   one of them equals a function in torch or numpy, which is what runs without a compiler and on a
   GPU, and which the tests compare it to.

   Channels are planes: (channels, positions). Parameters of a network come as one array
   [W_0, b_0, ..., W_out, b_out, linear], matrices (outputs, inputs) row by row. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__AVX512F__)
#define LANES 16
#define ACROSS 4
#define SQUARE 4
#elif defined(__AVX2__)
#define LANES 8
#define ACROSS 2
#define SQUARE 3
#elif defined(__aarch64__)
#define LANES 4
#define ACROSS 4
#define SQUARE 4
#else
#define LANES 4
#define ACROSS 2
#define SQUARE 3
#endif

#define DOWN 6 /* outputs of a register block of a matrix product, which is DOWN x ACROSS vectors */
#define TILE 128 /* positions of a network at a time: activations stay in the first-level cache */
#define MOST_LAYERS 5
#define MOST_WIDTH 64
#define MARGIN 3
#define PARENTS 4

#define EXPORT __attribute__((visibility("default")))

/* CRC-32 of this file when it was compiled: the loader refuses kernels of another version. */
EXPORT uint32_t source_crc(void) { return SOURCE_CRC; }
#define INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t ivec __attribute__((vector_size(4 * LANES)));

INLINE vec load(const float *p) { vec v; memcpy(&v, p, sizeof v); return v; }
INLINE void store(float *p, vec v) { memcpy(p, &v, sizeof v); }
INLINE vec splat(float x) { return (vec){0} + x; }
INLINE vec masked(vec v, ivec keep) { return (vec)((ivec)v & keep); }
INLINE vec choose(ivec which, vec a, vec b) { return (vec)(((ivec)a & which) | ((ivec)b & ~which)); }
INLINE vec smaller(vec a, vec b) { return choose(a < b, a, b); }
INLINE vec larger(vec a, vec b) { return choose(a > b, a, b); }
INLINE vec magnitude(vec v) { return (vec)((ivec)v & 0x7fffffff); }
INLINE ivec counting(void) { ivec v; for (int i = 0; i < LANES; i++) v[i] = i; return v; }
INLINE float total(vec v) { float s = 0; for (int i = 0; i < LANES; i++) s += v[i]; return s; }

INLINE vec load_some(const float *p, int32_t n) {
    vec v = {0};
    if (n >= LANES) return load(p);
    memcpy(&v, p, sizeof(float) * (size_t)n);
    return v;
}

INLINE void store_some(float *p, vec v, int32_t n) {
    memcpy(p, &v, n >= LANES ? sizeof v : sizeof(float) * (size_t)n);
}

/* ---- elementary functions, to single precision ------------------------------------------------ */

INLINE vec power_of_two(ivec n) { return (vec)((n + 127) << 23); }

/* x = n ln 2 + r: returns exp(r) - 1 and, in `scale`, 2^n, for -87 <= x <= 87. */
INLINE vec reduced_exp(vec x, vec *scale) {
    vec scaled = x * 1.44269504f;
    vec half = (vec)(((ivec)scaled & (int32_t)0x80000000) | (ivec)splat(0.5f));
    ivec n = __builtin_convertvector(scaled + half, ivec);
    vec k = __builtin_convertvector(n, vec);
    vec r = (x - k * 0.693359375f) + k * 2.12194440e-4f;
    vec p = r * (1.f / 5040) + 1.f / 720;
    p = p * r + 1.f / 120;
    p = p * r + 1.f / 24;
    p = p * r + 1.f / 6;
    p = p * r + 0.5f;
    *scale = power_of_two(n);
    return p * r * r + r;
}

INLINE vec exp_of(vec x) {
    vec scale, p = reduced_exp(x, &scale);
    return scale * p + scale;
}

/* exp(x) - 1, exact to rounding near 0 too. */
INLINE vec expm1_of(vec x) {
    vec scale, p = reduced_exp(x, &scale);
    return scale * p + (scale - 1.f);
}

/* ln(x) for positive normal x: twice the area tangent of (m - 1) / (m + 1). */
INLINE vec log_of(vec x) {
    ivec bits = (ivec)x;
    ivec n = ((bits - 0x3f3504f3) >> 23); /* mantissa from sqrt(1/2) to sqrt(2) */
    vec m = (vec)(bits - (n << 23));
    vec s = (m - 1.f) / (m + 1.f), q = s * s;
    vec p = q * (2.f / 9) + 2.f / 7;
    p = p * q + 2.f / 5;
    p = p * q + 2.f / 3;
    p = p * q + 2.f;
    vec k = __builtin_convertvector(n, vec);
    return p * s + k * 0.693147181f;
}

INLINE vec floor_of(vec x) {
    vec t = __builtin_convertvector(__builtin_convertvector(x, ivec), vec);
    return t - masked(splat(1.f), t > x);
}

/* ---- matrix products on tiles ----------------------------------------------------------------- */

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

static void product(int n, int outputs, int inputs, const float *w, const float *bias,
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

static void outer(int n, int outputs, int inputs, const float *g, const float *x, vec *sums) {
    int o = 0;
    for (; o + SQUARE <= outputs; o += SQUARE)
        outer_rows(SQUARE, n, inputs, g + o * TILE, x, sums + o * inputs);
    for (; o < outputs; o++) outer_rows(1, n, inputs, g + o * TILE, x, sums + o * inputs);
}

static void add_up(int n, int outputs, const float *g, vec *sums) {
    for (int o = 0; o < outputs; o++)
        for (int p = 0; p < n; p += LANES) sums[o] += load(g + o * TILE + p);
}

/* ---- a small network on one tile -------------------------------------------------------------- */

/* `layers` matrices, the last one the output's; widths[0] inputs, widths[layers] outputs. */
typedef struct {
    int layers, linear, widths[MOST_LAYERS + 1], size;
    const float *w[MOST_LAYERS], *b[MOST_LAYERS], *straight;
    float *wt[MOST_LAYERS], *straight_t;
    vec *by_w[MOST_LAYERS], *by_b[MOST_LAYERS], *by_straight;
    float *x, *h[MOST_LAYERS], *g[MOST_LAYERS], *by_x;
    void *memory;
} Network;

static void *taken(char **at, size_t bytes) {
    void *here = *at;
    *at += (bytes + 63) / 64 * 64;
    return here;
}

/* Returns 0, or 1 if there is no memory for it. `shape`: layers, linear or not, widths. */
static int network_open(Network *net, const int32_t *shape, const float *parameters) {
    net->layers = shape[0];
    net->linear = shape[1];
    for (int l = 0; l <= net->layers; l++) net->widths[l] = shape[2 + l];
    int first = net->widths[0], last = net->widths[net->layers];
    size_t need = 64 * 8 + (size_t)2 * first * TILE * 4, count = 0;
    const float *p = parameters;
    for (int l = 0; l < net->layers; l++) {
        int in = net->widths[l], out = net->widths[l + 1];
        net->w[l] = p;
        net->b[l] = p += in * out;
        p += out;
        count += (size_t)(in + 1) * out;
        need += (size_t)2 * out * TILE * 4 + 64 * 5;
    }
    net->straight = net->linear ? p : NULL;
    count += (size_t)net->linear * first * last;
    net->size = (int)count;
    need += count * (sizeof(vec) + 4);
    char *at = net->memory = aligned_alloc(64, (need + 63) / 64 * 64);
    if (!at) return 1;
    memset(at, 0, need);
    net->x = taken(&at, (size_t)first * TILE * 4);
    net->by_x = taken(&at, (size_t)first * TILE * 4);
    for (int l = 0; l < net->layers; l++) {
        int in = net->widths[l], out = net->widths[l + 1];
        net->h[l] = taken(&at, (size_t)out * TILE * 4);
        net->g[l] = taken(&at, (size_t)out * TILE * 4);
        net->by_w[l] = taken(&at, (size_t)in * out * sizeof(vec));
        net->by_b[l] = taken(&at, (size_t)out * sizeof(vec));
        net->wt[l] = taken(&at, (size_t)in * out * 4);
        for (int o = 0; o < out; o++)
            for (int i = 0; i < in; i++) net->wt[l][i * out + o] = net->w[l][o * in + i];
    }
    if (net->linear) {
        net->by_straight = taken(&at, (size_t)first * last * sizeof(vec));
        net->straight_t = taken(&at, (size_t)first * last * 4);
        for (int o = 0; o < last; o++)
            for (int i = 0; i < first; i++)
                net->straight_t[i * last + o] = net->straight[o * first + i];
    }
    return 0;
}

/* Outputs of net->x for n positions, a multiple of a block. */
static const float *network_forward(Network *net, int n) {
    const float *source = net->x;
    int last = net->layers - 1;
    for (int l = 0; l <= last; l++) {
        product(n, net->widths[l + 1], net->widths[l], net->w[l], net->b[l], source, net->h[l],
                l < last ? RELU : PLAIN, NULL);
        source = net->h[l];
    }
    if (net->linear)
        product(n, net->widths[net->layers], net->widths[0], net->straight, NULL, net->x,
                net->h[last], ADD, NULL);
    return source;
}

/* From the gradient of the outputs, net->g[layers - 1], to net->by_x; that of parameters adds up. */
static void network_backward(Network *net, int n) {
    int last = net->layers - 1, *widths = net->widths;
    for (int l = last; l >= 0; l--) {
        const float *below = l ? net->h[l - 1] : net->x;
        outer(n, widths[l + 1], widths[l], net->g[l], below, net->by_w[l]);
        add_up(n, widths[l + 1], net->g[l], net->by_b[l]);
        product(n, widths[l], widths[l + 1], net->wt[l], NULL, net->g[l],
                l ? net->g[l - 1] : net->by_x, PLAIN, l ? below : NULL);
    }
    if (net->linear) {
        outer(n, widths[net->layers], widths[0], net->g[last], net->x, net->by_straight);
        product(n, widths[0], widths[net->layers], net->straight_t, NULL, net->g[last], net->by_x,
                ADD, NULL);
    }
}

/* Write the gradients of the parameters, in their order, and give the memory back. */
static void network_close(Network *net, float *gradients) {
    if (gradients) {
        for (int l = 0; l < net->layers; l++) {
            int in = net->widths[l], out = net->widths[l + 1];
            for (int k = 0; k < in * out; k++) *gradients++ = total(net->by_w[l][k]);
            for (int k = 0; k < out; k++) *gradients++ = total(net->by_b[l][k]);
        }
        if (net->linear)
            for (int k = 0; k < net->widths[0] * net->widths[net->layers]; k++)
                *gradients++ = total(net->by_straight[k]);
    }
    free(net->memory);
}

/* Positions rounded up to whole register blocks. */
INLINE int blocks(int n) { return (n + ACROSS * LANES - 1) / (ACROSS * LANES) * (ACROSS * LANES); }

static void clear_rest(float *rows, int count, int n) {
    for (int k = 0; k < count; k++)
        memset(rows + k * TILE + n, 0, (size_t)(blocks(n) - n) * 4);
}

/* ---- sine layers on a grid of positions: models/sines.py -------------------------------------- */

/* Both for |x| up to some thousands: x = k pi + r, |r| <= pi / 2, by Taylor's series of r. Of any
   other x, infinite or no number too, something finite. */
INLINE void sine_and_cosine(vec x, vec *sine, vec *cosine) {
    vec scaled = x * 0.318309886f;
    vec half = (vec)(((ivec)scaled & (int32_t)0x80000000) | (ivec)splat(0.5f));
    ivec n = __builtin_convertvector(scaled + half, ivec);
    vec k = __builtin_convertvector(n, vec);
    vec r = ((x - k * 3.140625f) - k * 9.67502594e-4f) - k * 1.50995799e-7f;
    r = larger(smaller(r, splat(1.6f)), splat(-1.6f));
    vec q = r * r;
    vec s = q * (-1.f / 39916800) + 1.f / 362880;
    s = s * q - 1.f / 5040;
    s = s * q + 1.f / 120;
    s = s * q - 1.f / 6;
    s = s * q * r + r;
    vec c = q * (1.f / 479001600) - 1.f / 3628800;
    c = c * q + 1.f / 40320;
    c = c * q - 1.f / 720;
    c = c * q + 1.f / 24;
    c = c * q - 0.5f;
    c = c * q + 1.f;
    ivec sign = n << 31;
    *sine = (vec)((ivec)s ^ sign);
    *cosine = (vec)((ivec)c ^ sign);
}

#define MOST_SINE_LAYERS 16

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

/* Returns 0, or 1 if there is no memory for it. `shape`: layers, widths. Only what needs `gradients`
   takes memory for them: a vector for every weight. */
static int sines_open(Sines *net, const int32_t *shape, const float *parameters, int gradients) {
    net->layers = shape[0];
    for (int l = 0; l <= net->layers; l++) net->widths[l] = shape[1 + l];
    size_t need = 64 * 4 + (size_t)(net->widths[net->layers] + 1) * TILE * 4;
    const float *p = parameters;
    for (int l = 0; l < net->layers; l++) {
        int in = net->widths[l], out = net->widths[l + 1];
        net->w[l] = p;
        net->b[l] = p += in * out;
        p += out;
        need += (size_t)3 * in * TILE * 4 + 64 * 8;
        if (gradients)
            need += (size_t)out * TILE * 4 + (size_t)(in + 1) * out * (sizeof(vec) + 4);
    }
    char *at = net->memory = aligned_alloc(64, (need + 63) / 64 * 64);
    if (!at) return 1;
    memset(at, 0, need);
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
        for (int o = 0; o < out; o++)
            for (int i = 0; i < in; i++) net->wt[l][i * out + o] = net->w[l][o * in + i];
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

/* From the gradient of the outputs, in net->g[layers - 1], to those of what the tile is made of. */
static void sines_backward(Sines *net, int64_t start, int n, float *by_down, float *by_across,
                           float *by_scale) {
    int whole = blocks(n), first = net->widths[0];
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

/* Rows first .. last - 1 of a grid: outputs as planes (outputs, rows, columns). `down` (rows, w),
   `across` (w, columns) are the phases of the first layer; `scale` (rows, columns) or NULL. */
EXPORT int32_t sine_layers(const int32_t *shape, const float *parameters, int32_t rows,
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
    free(net.memory);
    return 0;
}

/* The gradients by all that `sine_layers` takes, from that by its outputs; or, given `error`, that of
   its squared distance from these outputs, which is added there. Those by `down` (whole) and `across`
   must be 0 before; those by `across` and parameters are this band's share. */
EXPORT int32_t sine_layers_back(const int32_t *shape, const float *parameters, int32_t rows,
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
        for (int c = 0; error && c < outputs; c++) {
            float sum = 0, *here = by_out + c * TILE;
            for (int i = 0; i < n; i++) {
                float off = net.out[c * TILE + i] - here[i];
                sum += off * off;
                here[i] = 2 * off;
            }
            *error += sum;
        }
        clear_rest(by_out, outputs, n);
        sines_backward(&net, p, n, by_down, by_across, by_scale);
    }
    for (int l = 0; l < net.layers; l++) {
        int in = net.widths[l], out = net.widths[l + 1];
        for (int k = 0; k < in * out; k++) *by_parameters++ = total(net.by_w[l][k]);
        for (int k = 0; k < out; k++) *by_parameters++ = total(net.by_b[l][k]);
    }
    free(net.memory);
    return 0;
}

/* ---- complex Gabor wavelets: models/wavelets.py ------------------------------------------------ */

/* exp(j z - |s z|^2) of z = u + j v, `square` = s^2; as FLOOR says in models/wavelets.py. */
INLINE void wavelet(vec u, vec v, float square, vec *real, vec *imaginary) {
    vec sine, cosine, size = -v - (u * u + v * v) * square;
    size = exp_of(larger(smaller(size, splat(87.f)), splat(-40.f)));
    sine_and_cosine(u, &sine, &cosine);
    *real = size * cosine;
    *imaginary = size * sine;
}

INLINE void some_wavelets(int64_t p, int32_t n, float square, const float *u, const float *v,
                          float *real, float *imaginary) {
    vec re, im;
    wavelet(load_some(u + p, n), load_some(v + p, n), square, &re, &im);
    store_some(real + p, re, n);
    store_some(imaginary + p, im, n);
}

/* At positions first .. last - 1. */
EXPORT void wavelets(int64_t first, int64_t last, float square, const float *u, const float *v,
                     float *real, float *imaginary) {
    int64_t p = first;
    for (; p + LANES <= last; p += LANES) some_wavelets(p, LANES, square, u, v, real, imaginary);
    if (p < last) some_wavelets(p, (int32_t)(last - p), square, u, v, real, imaginary);
}

INLINE void some_wavelets_back(int64_t p, int32_t n, float square, const float *u, const float *v,
                               const float *real, const float *imaginary, const float *by_real,
                               const float *by_imaginary, float *by_u, float *by_v) {
    vec re = load_some(real + p, n), im = load_some(imaginary + p, n);
    vec by_re = load_some(by_real + p, n), by_im = load_some(by_imaginary + p, n);
    vec along = by_re * re + by_im * im, steep = along * (-2.f * square);
    store_some(by_u + p, by_im * re - by_re * im + steep * load_some(u + p, n), n);
    store_some(by_v + p, steep * load_some(v + p, n) - along, n);
}

/* The gradient by u and v from that by `real` and `imaginary`, which is what `wavelets` made. */
EXPORT void wavelets_back(int64_t first, int64_t last, float square, const float *u, const float *v,
                          const float *real, const float *imaginary, const float *by_real,
                          const float *by_imaginary, float *by_u, float *by_v) {
    int64_t p = first;
    for (; p + LANES <= last; p += LANES)
        some_wavelets_back(p, LANES, square, u, v, real, imaginary, by_real, by_imaginary, by_u, by_v);
    if (p < last)
        some_wavelets_back(p, (int32_t)(last - p), square, u, v, real, imaginary, by_real, by_imaginary, by_u,
                           by_v);
}

/* ---- bits of a grid under its context network ------------------------------------------------- */

typedef struct {
    int row, column, at, length;
} Segment;

/* Nats of the first n symbols, -ln of their Laplace masses: see context.laplace_nats. The gradients
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

/* Nats of rows first .. last - 1 (first even) of a grid h x w, or a negative number if there is no
   memory. See context.context_bits for what everything is.

   sizes: w, first, last, offsets, parents or not, companions, then the network's shape.
   Gradients, if `by_padded` is given: `by_padded` starts at row `first` of the padded grid,
   `by_coarser` at row first / 2 of the coarser one, the others at the beginning. */
EXPORT double context_bits(const int32_t *sizes, const int32_t *offsets, const float *padded,
                           const float *coarser, const float *const *companions,
                           const float *parameters, float *by_padded, float *by_coarser,
                           float *const *by_companions, float *by_parameters) {
    int width = sizes[0], first = sizes[1], last = sizes[2], neighbours = sizes[3];
    int parents = sizes[4], beside = sizes[5];
    int pitch = width + 2 * MARGIN, coarse_pitch = (width + 1) / 2 + 2;
    Network net;
    if (network_open(&net, sizes + 6, parameters)) return -1;
    int side = neighbours, side_end = net.widths[0];
    Segment segments[TILE];
    float symbols[TILE];
    double nats = 0;
    int row = first, column = 0;
    while (row < last) {
        int n = 0, count = 0;
        while (row < last && n < TILE) { /* pieces of rows that fill the tile */
            int length = width - column < TILE - n ? width - column : TILE - n;
            if (column + length < width && length % 2) length--;
            if (!length) break;
            segments[count++] = (Segment){row, column, n, length};
            n += length;
            column += length;
            if (column == width) column = 0, row++;
        }
        for (int s = 0; s < count; s++) {
            Segment seg = segments[s];
            const float *here = padded + (size_t)(seg.row + MARGIN) * pitch + seg.column + MARGIN;
            size_t bytes = (size_t)seg.length * 4;
            memcpy(symbols + seg.at, here, bytes);
            for (int k = 0; k < neighbours; k++)
                memcpy(net.x + k * TILE + seg.at,
                       here + offsets[2 * k] * pitch + offsets[2 * k + 1], bytes);
            for (int v = 0; v < 2 && parents; v++) {
                int line = seg.row / 2 + 1 + (v ? (seg.row & 1 ? 1 : -1) : 0);
                const float *from = coarser + (size_t)line * coarse_pitch + seg.column / 2 + 1;
                float *own = net.x + (side + v) * TILE + seg.at, *near = own + 2 * TILE;
                int pairs = seg.length / 2;
                for (int j = 0; j < pairs; j++) own[2 * j] = own[2 * j + 1] = from[j];
                for (int j = 0; j < pairs; j++)
                    near[2 * j] = from[j - 1], near[2 * j + 1] = from[j + 1];
                if (seg.length % 2) own[2 * pairs] = from[pairs], near[2 * pairs] = from[pairs - 1];
            }
            for (int k = 0; k < beside; k++)
                if (companions[k])
                    memcpy(net.x + (side + PARENTS + k) * TILE + seg.at,
                           companions[k] + (size_t)seg.row * width + seg.column, bytes);
        }
        clear_rest(net.x, side_end, n);
        memset(symbols + n, 0, (size_t)(blocks(n) - n) * 4);
        float *outputs = (float *)network_forward(&net, blocks(n));
        float *g = net.g[net.layers - 1];
        memcpy(g, outputs, 2 * TILE * 4);
        nats += laplace(n, symbols, g);
        if (!by_padded) continue;
        clear_rest(g, 2, n);
        float by_value[TILE];
        for (int p = 0; p < blocks(n); p++) by_value[p] = g[p], g[p] = -g[p];
        network_backward(&net, blocks(n));
        for (int s = 0; s < count; s++) {
            Segment seg = segments[s];
            float *here = by_padded + (size_t)(seg.row - first + MARGIN) * pitch + seg.column + MARGIN;
            for (int p = 0; p < seg.length; p++) here[p] += by_value[seg.at + p];
            for (int k = 0; k < neighbours; k++) {
                float *to = here + offsets[2 * k] * pitch + offsets[2 * k + 1];
                const float *from = net.by_x + k * TILE + seg.at;
                for (int p = 0; p < seg.length; p++) to[p] += from[p];
            }
            for (int v = 0; v < 2 && parents; v++) {
                int line = seg.row / 2 - first / 2 + 1 + (v ? (seg.row & 1 ? 1 : -1) : 0);
                float *to = by_coarser + (size_t)line * coarse_pitch + seg.column / 2 + 1;
                const float *own = net.by_x + (side + v) * TILE + seg.at, *near = own + 2 * TILE;
                int pairs = seg.length / 2;
                for (int j = 0; j < pairs; j++) to[j] += own[2 * j] + own[2 * j + 1];
                for (int j = 0; j < pairs; j++) to[j - 1] += near[2 * j];
                for (int j = 0; j < pairs; j++) to[j + 1] += near[2 * j + 1];
                if (seg.length % 2) to[pairs] += own[2 * pairs], to[pairs - 1] += near[2 * pairs];
            }
            for (int k = 0; k < beside; k++)
                if (companions[k])
                    memcpy(by_companions[k] + (size_t)seg.row * width + seg.column,
                           net.by_x + (side + PARENTS + k) * TILE + seg.at, (size_t)seg.length * 4);
        }
    }
    network_close(&net, by_padded ? by_parameters : NULL);
    return nats;
}

/* ---- a network on every pixel ----------------------------------------------------------------- */

/* Planes x (C, n), y (outputs, n): positions first .. last - 1. Returns 0, or 1 without memory. */
EXPORT int pixel_network(const int32_t *shape, const float *parameters, int64_t n, int64_t first,
                         int64_t last, const float *x, float *y) {
    Network net;
    if (network_open(&net, shape, parameters)) return 1;
    int inputs = net.widths[0], outputs = net.widths[net.layers];
    for (int64_t at = first; at < last; at += TILE) {
        int count = last - at < TILE ? (int)(last - at) : TILE;
        for (int k = 0; k < inputs; k++) memcpy(net.x + k * TILE, x + k * n + at, (size_t)count * 4);
        clear_rest(net.x, inputs, count);
        const float *out = network_forward(&net, blocks(count));
        for (int k = 0; k < outputs; k++) memcpy(y + k * n + at, out + k * TILE, (size_t)count * 4);
    }
    network_close(&net, NULL);
    return 0;
}

/* Gradients: by_y (outputs, n) -> by_x (C, n) and, for these positions, of the parameters. */
EXPORT int pixel_network_back(const int32_t *shape, const float *parameters, int64_t n,
                              int64_t first, int64_t last, const float *x, const float *by_y,
                              float *by_x, float *by_parameters) {
    Network net;
    if (network_open(&net, shape, parameters)) return 1;
    int inputs = net.widths[0], outputs = net.widths[net.layers];
    float *g = net.g[net.layers - 1];
    for (int64_t at = first; at < last; at += TILE) {
        int count = last - at < TILE ? (int)(last - at) : TILE;
        size_t bytes = (size_t)count * 4;
        for (int k = 0; k < inputs; k++) memcpy(net.x + k * TILE, x + k * n + at, bytes);
        for (int k = 0; k < outputs; k++) memcpy(g + k * TILE, by_y + k * n + at, bytes);
        clear_rest(net.x, inputs, count);
        clear_rest(g, outputs, count);
        network_forward(&net, blocks(count));
        network_backward(&net, blocks(count));
        for (int k = 0; k < inputs; k++) memcpy(by_x + k * n + at, net.by_x + k * TILE, bytes);
    }
    network_close(&net, by_parameters);
    return 0;
}

/* ---- residual 3x3 convolutions of three channels, borders replicated -------------------------- */

#define COLOURS 3

/* A row with one replicated pixel on both sides. */
static void pad_row(const float *from, int width, float *to) {
    to[0] = from[0];
    memcpy(to + 1, from, (size_t)width * 4);
    to[width + 1] = from[width - 1];
}

/* out = x + weight * x + bias for rows first .. last - 1; x, out (3, h, w), weight (3, 3, 3, 3).
   `lines` holds 9 (w + 2 + LANES) floats. */
EXPORT void residual_convolution(int32_t height, int32_t width, int32_t first, int32_t last,
                                 const float *x, const float *weight, const float *bias,
                                 float *out, float *lines) {
    size_t plane = (size_t)height * width, pitch = width + 2 + LANES;
    for (int row = first; row < last; row++) {
        for (int c = 0; c < COLOURS; c++)
            for (int k = 0; k < 3; k++) {
                int from = row + k - 1;
                from = from < 0 ? 0 : from >= height ? height - 1 : from;
                pad_row(x + c * plane + (size_t)from * width, width, lines + (3 * c + k) * pitch);
            }
        for (int p = 0; p < width; p += LANES) {
            vec sum[COLOURS] = {splat(bias[0]), splat(bias[1]), splat(bias[2])};
            for (int c = 0; c < COLOURS; c++)
                for (int k = 0; k < 3; k++)
                    for (int j = 0; j < 3; j++) {
                        vec in = load(lines + (3 * c + k) * pitch + p + j);
                        for (int o = 0; o < COLOURS; o++)
                            sum[o] += in * weight[((o * 3 + c) * 3 + k) * 3 + j];
                    }
            for (int o = 0; o < COLOURS; o++) {
                vec s = sum[o] + load(lines + (3 * o + 1) * pitch + p + 1);
                float *to = out + o * plane + (size_t)row * width + p;
                if (p + LANES <= width) store(to, s);
                else memcpy(to, &s, (size_t)(width - p) * 4);
            }
        }
    }
}

/* by_x for rows first .. last - 1, and their share of by_weight (81) and by_bias (3), added.
   `lines` holds 18 (w + 4 + 2 LANES) floats. */
EXPORT void residual_convolution_back(int32_t height, int32_t width, int32_t first, int32_t last,
                                      const float *x, const float *weight, const float *by_out,
                                      float *by_x, float *by_weight, float *by_bias, float *lines) {
    size_t plane = (size_t)height * width, pitch = width + 4 + 2 * LANES;
    float *in = lines, *spread = lines + 9 * pitch; /* x padded; gradients within two zeros */
    vec sums[COLOURS * 27], sums_bias[COLOURS];
    memset(sums, 0, sizeof sums);
    memset(sums_bias, 0, sizeof sums_bias);
    memset(lines, 0, 18 * pitch * 4);
    for (int row = first; row < last; row++) {
        for (int c = 0; c < COLOURS; c++)
            for (int k = 0; k < 3; k++) {
                int from = row + k - 1;
                from = from < 0 ? 0 : from >= height ? height - 1 : from;
                pad_row(x + c * plane + (size_t)from * width, width, in + (3 * c + k) * pitch);
                float *to = spread + (3 * c + k) * pitch + 2;
                if (row + k - 1 < 0 || row + k - 1 >= height) memset(to, 0, (size_t)width * 4);
                else memcpy(to, by_out + c * plane + (size_t)(row + k - 1) * width, (size_t)width * 4);
            }
        for (int c = 0; c < COLOURS; c++) /* zeros right of the gradient make whole vectors harmless */
            for (int k = 0; k < 3; k++)
                for (int j = 0; j < 3; j++) {
                    vec s0 = splat(0.f), s1 = s0, s2 = s0;
                    const float *from = in + (3 * c + k) * pitch + j;
                    const float *g = spread + pitch + 2;
                    for (int p = 0; p < width; p += LANES) {
                        vec v = load(from + p);
                        s0 += v * load(g + p);
                        s1 += v * load(g + 3 * pitch + p);
                        s2 += v * load(g + 6 * pitch + p);
                    }
                    int at = (c * 3 + k) * 3 + j;
                    sums[at] += s0, sums[27 + at] += s1, sums[54 + at] += s2;
                }
        for (int o = 0; o < COLOURS; o++)
            for (int p = 0; p < width; p += LANES)
                sums_bias[o] += load(spread + (3 * o + 1) * pitch + 2 + p);
        /* column q of the padded picture gets weight[k, j] of the gradient at (row + 1 - k, q - j) */
        for (int c = 0; c < COLOURS; c++) {
            float *to = by_x + c * plane + (size_t)row * width;
            for (int p = 0; p < width; p += LANES) {
                vec sum = load(spread + (3 * c + 1) * pitch + 2 + p);
                for (int o = 0; o < COLOURS; o++)
                    for (int k = 0; k < 3; k++)
                        for (int j = 0; j < 3; j++)
                            sum += load(spread + (3 * o + 2 - k) * pitch + 3 + p - j) *
                                   weight[((o * 3 + c) * 3 + k) * 3 + j];
                if (p + LANES <= width) store(to + p, sum);
                else memcpy(to + p, &sum, (size_t)(width - p) * 4);
            }
            /* what fell on the replicated border belongs to the pixels it was copied from */
            for (int o = 0; o < COLOURS; o++)
                for (int k = 0; k < 3; k++) {
                    const float *w = weight + ((o * 3 + c) * 3 + k) * 3;
                    const float *g = spread + (3 * o + 2 - k) * pitch + 2;
                    to[0] += w[0] * g[0];
                    to[width - 1] += w[2] * g[width - 1];
                    for (int edge = 0; edge < 2; edge++) {
                        if (row != (edge ? height - 1 : 0) || k != (edge ? 2 : 0)) continue;
                        const float *line = spread + (3 * o + 1) * pitch + 2;
                        for (int q = 0; q < width + 2; q++) {
                            float s = 0;
                            for (int j = 0; j < 3; j++)
                                if (q - j >= 0 && q - j < width) s += w[j] * line[q - j];
                            to[q == 0 ? 0 : q > width ? width - 1 : q - 1] += s;
                        }
                    }
                }
        }
    }
    for (int k = 0; k < COLOURS * 27; k++) by_weight[k] += total(sums[k]);
    for (int o = 0; o < COLOURS; o++) by_bias[o] += total(sums_bias[o]);
}

/* ---- upsampling by two with a separable kernel, borders replicated ---------------------------- */

INLINE int within(int i, int n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }

/* A row of w pixels twice as wide; `line` holds w + 4 floats. */
static void double_row(const float *from, int w, const float *t, float *to, float *line) {
    line[0] = line[1] = from[0];
    memcpy(line + 2, from, (size_t)w * 4);
    line[w + 2] = line[w + 3] = from[w - 1];
    for (int j = 0; j < w; j++) {
        const float *x = line + j;
        to[2 * j] = t[0] * x[0] + t[1] * x[1] + t[2] * x[2] + t[3] * x[3];
        to[2 * j + 1] = t[3] * x[1] + t[2] * x[2] + t[1] * x[3] + t[0] * x[4];
    }
}

/* One channel (h, w) doubled, of which `out` (high, wide) starts at `corner`. `wide_rows` holds
   h x 2 w floats, `line` w + 4. */
EXPORT void upsample(int32_t h, int32_t w, const float *x, const float *taps, int32_t top,
                     int32_t left, int32_t high, int32_t wide, float *out, float *wide_rows,
                     float *line) {
    for (int i = 0; i < h; i++) double_row(x + (size_t)i * w, w, taps, wide_rows + (size_t)i * 2 * w, line);
    for (int y = 0; y < high; y++) {
        int i = (y + top) / 2, odd = (y + top) % 2;
        const float *r[4];
        for (int k = 0; k < 4; k++)
            r[k] = wide_rows + (size_t)within(odd ? i + 2 - k : i - 2 + k, h) * 2 * w + left;
        float *to = out + (size_t)y * wide;
        for (int c = 0; c < wide; c++)
            to[c] = taps[0] * r[0][c] + taps[1] * r[1][c] + taps[2] * r[2][c] + taps[3] * r[3][c];
    }
}

static float dot(const float *a, const float *b, int n) {
    vec sum = splat(0.f);
    int i = 0;
    for (; i + LANES <= n; i += LANES) sum += load(a + i) * load(b + i);
    float s = total(sum);
    for (; i < n; i++) s += a[i] * b[i];
    return s;
}

/* The gradient of `upsample`: by_out (high, wide) -> by_x (h, w); by_taps (4) adds up. `work` holds
   2 h 2 w + 4 w + 16 floats. */
EXPORT void upsample_back(int32_t h, int32_t w, const float *x, const float *taps, int32_t top,
                          int32_t left, int32_t high, int32_t wide, const float *by_out,
                          float *by_x, float *by_taps, float *work) {
    size_t pitch = 2 * (size_t)w;
    float *rows = work, *by_rows = rows + h * pitch, *line = by_rows + h * pitch;
    float *by_line = line + w + 4, *even = by_line + w + 4, *odd_part = even + w;
    memset(by_rows, 0, h * pitch * 4);
    for (int i = 0; i < h; i++) double_row(x + (size_t)i * w, w, taps, rows + i * pitch, line);
    double sums[4] = {0, 0, 0, 0};
    for (int y = 0; y < high; y++) {
        int i = (y + top) / 2, odd = (y + top) % 2;
        const float *g = by_out + (size_t)y * wide;
        for (int k = 0; k < 4; k++) {
            size_t at = within(odd ? i + 2 - k : i - 2 + k, h) * pitch + left;
            sums[k] += dot(g, rows + at, wide);
            float *to = by_rows + at, tap = taps[k];
            for (int c = 0; c < wide; c++) to[c] += tap * g[c];
        }
    }
    for (int i = 0; i < h; i++) {
        const float *from = x + (size_t)i * w, *g = by_rows + i * pitch;
        line[0] = line[1] = from[0];
        memcpy(line + 2, from, (size_t)w * 4);
        line[w + 2] = line[w + 3] = from[w - 1];
        for (int j = 0; j < w; j++) even[j] = g[2 * j], odd_part[j] = g[2 * j + 1];
        memset(by_line, 0, (size_t)(w + 4) * 4);
        for (int k = 0; k < 4; k++) {
            float tap = taps[k];
            sums[k] += dot(even, line + k, w) + dot(odd_part, line + 4 - k, w);
            for (int j = 0; j < w; j++) by_line[j + k] += tap * even[j];
            for (int j = 0; j < w; j++) by_line[j + 4 - k] += tap * odd_part[j];
        }
        by_line[2] += by_line[0] + by_line[1];
        by_line[w + 1] += by_line[w + 2] + by_line[w + 3];
        memcpy(by_x + (size_t)i * w, by_line + 2, (size_t)w * 4);
    }
    for (int k = 0; k < 4; k++) by_taps[k] += (float)sums[k];
}

/* ---- upsampling by two with one 8x8 kernel, borders replicated --------------------------------- */

#define REACH 2
#define SIDE 8

/* Kernel index of offset d = -2 .. 2 for an even or odd output, or one that does not exist. */
INLINE int tap(int odd, int d) { return odd - 2 * d + 3; }
INLINE int exists(int t) { return t >= 0 && t < SIDE; }

static void pad_plane(int h, int w, const float *x, float *padded) {
    for (int i = 0; i < h + 2 * REACH; i++) {
        const float *from = x + (size_t)within(i - REACH, h) * w;
        float *to = padded + (size_t)i * (w + 2 * REACH);
        for (int k = 0; k < REACH; k++) to[k] = from[0], to[w + REACH + k] = from[w - 1];
        memcpy(to + REACH, from, (size_t)w * 4);
    }
}

/* One channel (h, w) -> out (2 h, 2 w). `work` holds (h + 4) (w + 4) + 2 w floats. */
EXPORT void upsample_shared(int32_t h, int32_t w, const float *x, const float *kernel, float *out,
                            float *work) {
    size_t pitch = w + 2 * REACH;
    float *padded = work, *lines = work + (h + 2 * REACH) * pitch;
    pad_plane(h, w, x, padded);
    for (int r = 0; r < 2 * h; r++) {
        memset(lines, 0, (size_t)w * 8);
        for (int di = -REACH; di <= REACH; di++) {
            if (!exists(tap(r & 1, di))) continue;
            const float *row = padded + (r / 2 + REACH + di) * pitch + REACH;
            for (int odd = 0; odd < 2; odd++)
                for (int dj = -REACH; dj <= REACH; dj++) {
                    if (!exists(tap(odd, dj))) continue;
                    float k = kernel[tap(r & 1, di) * SIDE + tap(odd, dj)], *to = lines + odd * w;
                    for (int c = 0; c < w; c++) to[c] += k * row[c + dj];
                }
        }
        float *to = out + (size_t)r * 2 * w;
        for (int c = 0; c < w; c++) to[2 * c] = lines[c], to[2 * c + 1] = lines[w + c];
    }
}

/* by_out (2 h, 2 w) -> by_x (h, w); by_kernel (64) adds up. `work` holds 2 (h + 4) (w + 4) + 2 w. */
EXPORT void upsample_shared_back(int32_t h, int32_t w, const float *x, const float *kernel,
                                 const float *by_out, float *by_x, float *by_kernel, float *work) {
    size_t pitch = w + 2 * REACH, plane = (h + 2 * REACH) * pitch;
    float *padded = work, *by_padded = work + plane, *lines = by_padded + plane;
    pad_plane(h, w, x, padded);
    memset(by_padded, 0, plane * 4);
    for (int r = 0; r < 2 * h; r++) {
        const float *g = by_out + (size_t)r * 2 * w;
        for (int c = 0; c < w; c++) lines[c] = g[2 * c], lines[w + c] = g[2 * c + 1];
        for (int di = -REACH; di <= REACH; di++) {
            if (!exists(tap(r & 1, di))) continue;
            size_t at = (r / 2 + REACH + di) * pitch + REACH;
            for (int odd = 0; odd < 2; odd++)
                for (int dj = -REACH; dj <= REACH; dj++) {
                    if (!exists(tap(odd, dj))) continue;
                    int index = tap(r & 1, di) * SIDE + tap(odd, dj);
                    float k = kernel[index], *to = by_padded + at + dj;
                    const float *from = lines + odd * w;
                    by_kernel[index] += dot(from, padded + at + dj, w);
                    for (int c = 0; c < w; c++) to[c] += k * from[c];
                }
        }
    }
    memset(by_x, 0, (size_t)h * w * 4);
    for (int i = 0; i < h + 2 * REACH; i++) {
        const float *from = by_padded + i * pitch;
        float *to = by_x + (size_t)within(i - REACH, h) * w;
        for (int c = 0; c < w; c++) to[c] += from[c + REACH];
        for (int k = 0; k < REACH; k++) to[0] += from[k], to[w - 1] += from[w + REACH + k];
    }
}

/* ---- latents: rounding to learn through, and their step --------------------------------------- */

/* A smooth staircase (kernels.soft_round) of v, and its slope. */
INLINE vec staircase(vec v, float inverse, float half, vec *slope) {
    vec centre = floor_of(v) + 0.5f;
    vec z = v - centre;
    vec e = exp_of(magnitude(z) * (-2.f * inverse)), share = 1.f / (1.f + e);
    vec tanh = (vec)((ivec)((1.f - e) * share) | ((ivec)z & (int32_t)0x80000000));
    *slope = e * share * share * (4.f * half * inverse);
    return centre + half * tanh;
}

typedef uint32_t uvec __attribute__((vector_size(4 * LANES)));

/* A 32-bit integer hash with low bias (Wellons, "Prospecting for hash functions", 2018). */
INLINE uvec hashed(uvec x) {
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ (x >> 16);
}

/* Noise of mean 0 and deviation 1 for positions p, p + 1, ..: the sum of four uniform numbers,
   nearly normal, within +-3.46. It depends on seed and position alone, not on threads. */
INLINE vec noise_at(int64_t p, uint32_t seed) {
    uvec counter = ((uvec)counting() + (uint32_t)p) * 2u + seed * 0x9e3779b9u;
    uvec a = hashed(counter ^ seed), b = hashed((counter + 1u) ^ seed);
    uvec sum = (a & 0xffffu) + (a >> 16) + (b & 0xffffu) + (b >> 16);
    return (__builtin_convertvector((ivec)sum, vec) - 131070.f) * (1.7320508f / 65536.f);
}

/* Positions first .. last - 1: y -> soft = s(s(y) + deviation noise) and slope = d soft / d y. */
EXPORT void soften(int64_t first, int64_t last, const float *y, float temperature, float deviation,
                   uint32_t seed, float *soft, float *slope) {
    float inverse = 1.f / temperature, half = 0.5f / tanhf(0.5f / temperature);
    for (int64_t p = first; p < last; p += LANES) {
        float part[LANES] = {0}, steep[LANES];
        size_t bytes = (size_t)(last - p < LANES ? last - p : LANES) * 4;
        memcpy(part, y + p, bytes);
        vec one, two;
        vec v = staircase(load(part), inverse, half, &one);
        v = staircase(v + noise_at(p, seed) * deviation, inverse, half, &two);
        store(part, v);
        store(steep, one * two);
        memcpy(soft + p, part, bytes);
        memcpy(slope + p, steep, bytes);
    }
}

INLINE vec root_of(vec v) {
    for (int i = 0; i < LANES; i++) v[i] = sqrtf(v[i]);
    return v;
}

/* Mean squares of gradients g (rows, columns) in an area of a grid of that pitch, decayed and
   updated; returns the sum of their roots. */
EXPORT double squares_update(int32_t rows, int32_t columns, int64_t pitch, const float *g,
                             float decay, float *squares) {
    double sum = 0;
    for (int r = 0; r < rows; r++, g += columns, squares += pitch) {
        vec part = splat(0.f);
        int c = 0;
        for (; c + LANES <= columns; c += LANES) {
            vec v = load(g + c), s = load(squares + c) * decay + v * v * (1.f - decay);
            store(squares + c, s);
            part += root_of(s);
        }
        for (; c < columns; c++) {
            squares[c] = squares[c] * decay + g[c] * g[c] * (1.f - decay);
            sum += sqrtf(squares[c]);
        }
        sum += total(part);
    }
    return sum;
}

/* latents -= rate g / (weight root of mean square + extra) in the same area. */
EXPORT void squares_step(int32_t rows, int32_t columns, int64_t pitch, const float *g,
                         const float *squares, float weight, float extra, float rate,
                         float *latents) {
    for (int r = 0; r < rows; r++, g += columns, squares += pitch, latents += pitch) {
        int c = 0;
        for (; c + LANES <= columns; c += LANES) {
            vec root = root_of(load(squares + c)) * weight + extra;
            store(latents + c, load(latents + c) - load(g + c) * rate / root);
        }
        for (; c < columns; c++)
            latents[c] -= rate * g[c] / (sqrtf(squares[c]) * weight + extra);
    }
}

/* ---- exact integers: the context network of arm.py and the range decoder of wavefront.py ------- */

#define MOST_INPUT 1023
#define MOST_ACTIVATION 32767
#define MOST_MEAN (32767 << 4)
#define SCALES 128
#define MOST_VECTORS (MOST_WIDTH / LANES)
#define TABLE_BITS 24
#define ENTRIES 65
#define ESCAPE 64
#define ESCAPE_BITS 16
#define FIRST_ENTRY 32

typedef struct {
    int layers, inputs, widths[MOST_LAYERS], vectors[MOST_LAYERS], linear, known;
    int32_t *w[MOST_LAYERS], *b[MOST_LAYERS]; /* hidden: by input, rounded up to vectors */
    int32_t *out, *direct, out_bias[2];       /* rows of outputs, likewise */
    int32_t mean, scale;                      /* where all inputs are 0 */
    void *memory;
} IntegerArm;

INLINE int vectors_of(int n) { return (n + LANES - 1) / LANES; }

/* `shape`: layers (the output's included), linear or not, inputs, widths. `parameters`: weight and
   bias of every layer, the linear matrix. Returns 0, or 1 if there is no memory. */
static int arm_open(IntegerArm *arm, const int32_t *shape, const int32_t *parameters) {
    memset(arm, 0, sizeof *arm);
    arm->layers = shape[0], arm->linear = shape[1], arm->inputs = shape[2];
    size_t need = 64 * (2 * MOST_LAYERS + 4);
    int in = arm->inputs;
    for (int l = 0; l < arm->layers; l++) {
        int out = arm->widths[l] = shape[3 + l];
        arm->vectors[l] = vectors_of(out);
        need += (size_t)(in + 1) * arm->vectors[l] * sizeof(ivec);
        in = out;
    }
    need += (size_t)4 * (MOST_VECTORS + 1) * sizeof(ivec);
    char *at = arm->memory = aligned_alloc(64, (need + 63) / 64 * 64);
    if (!at) return 1;
    memset(at, 0, need);
    const int32_t *p = parameters;
    in = arm->inputs;
    arm->out = taken(&at, 2 * MOST_VECTORS * sizeof(ivec));
    arm->direct = taken(&at, 2 * MOST_VECTORS * sizeof(ivec));
    for (int l = 0; l < arm->layers; l++) {
        int out = arm->widths[l], pitch = arm->vectors[l] * LANES;
        if (l == arm->layers - 1) {
            int32_t *to = l ? arm->out : arm->direct;
            for (int o = 0; o < 2; o++)
                for (int i = 0; i < in; i++) to[o * MOST_WIDTH + i] = p[o * in + i];
            p += 2 * in;
            arm->out_bias[0] = 32 * p[0], arm->out_bias[1] = 32 * p[1];
            p += 2;
            break;
        }
        arm->w[l] = taken(&at, (size_t)in * pitch * 4);
        arm->b[l] = taken(&at, (size_t)pitch * 4);
        for (int o = 0; o < out; o++)
            for (int i = 0; i < in; i++) arm->w[l][i * pitch + o] = p[o * in + i];
        p += in * out;
        for (int o = 0; o < out; o++) arm->b[l][o] = 32 * p[o] + 128;
        p += out;
        in = out;
    }
    for (int k = 0; k < 2 * arm->inputs && arm->linear; k++)
        arm->direct[k / arm->inputs * MOST_WIDTH + k % arm->inputs] += p[k];
    return 0;
}

INLINE ivec iload(const int32_t *p) { ivec v; memcpy(&v, p, sizeof v); return v; }
INLINE void istore(int32_t *p, ivec v) { memcpy(p, &v, sizeof v); }
INLINE int32_t itotal(ivec v) { int32_t s = 0; for (int i = 0; i < LANES; i++) s += v[i]; return s; }

INLINE void arm_layer(const int vectors, int inputs, const int32_t *w, const int32_t *b,
                      const int32_t *x, int32_t *h) {
    ivec sum[MOST_VECTORS];
    for (int v = 0; v < vectors; v++) sum[v] = iload(b + v * LANES);
    for (int i = 0; i < inputs; i++) {
        if (!x[i]) continue;
        for (int v = 0; v < vectors; v++) sum[v] += iload(w + (i * vectors + v) * LANES) * x[i];
    }
    for (int v = 0; v < vectors; v++) {
        ivec s = sum[v] >> 8, most = (ivec){0} + MOST_ACTIVATION;
        s &= s > 0;
        ivec over = s > most;
        istore(h + v * LANES, (s & ~over) | (most & over));
    }
}

INLINE int32_t clamped(int32_t v, int32_t low, int32_t high) {
    return v < low ? low : v > high ? high : v;
}

/* Mean in sixteenths and scale index of the symbol at `here`, whose inputs lie at `offsets`. */
static void arm_run(IntegerArm *arm, const int16_t *here, const int64_t *offsets, int32_t *mean,
                    int32_t *scale) {
    int32_t x[MOST_WIDTH + LANES] = {0}, h[2][MOST_WIDTH + LANES], *source = x;
    int any = 0;
    for (int i = 0; i < arm->inputs; i++) {
        int32_t v = here[offsets[i]];
        any |= v;
        x[i] = clamped(v, -MOST_INPUT, MOST_INPUT) * 32;
    }
    if (!any && arm->known) { /* most of a picture at low rates */
        *mean = arm->mean, *scale = arm->scale;
        return;
    }
    int inputs = arm->inputs;
    for (int l = 0; l < arm->layers - 1; l++) {
        int32_t *to = h[l % 2];
        switch (arm->vectors[l]) {
            case 1: arm_layer(1, inputs, arm->w[l], arm->b[l], source, to); break;
            case 2: arm_layer(2, inputs, arm->w[l], arm->b[l], source, to); break;
            case 3: arm_layer(3, inputs, arm->w[l], arm->b[l], source, to); break;
            default: arm_layer(arm->vectors[l], inputs, arm->w[l], arm->b[l], source, to);
        }
        source = to;
        inputs = arm->widths[l];
    }
    int32_t sums[2];
    for (int o = 0; o < 2; o++) {
        ivec sum = {0};
        for (int v = 0; v < vectors_of(arm->inputs); v++)
            sum += iload(arm->direct + o * MOST_WIDTH + v * LANES) * iload(x + v * LANES);
        for (int v = 0; v < vectors_of(inputs) && arm->layers > 1; v++)
            sum += iload(arm->out + o * MOST_WIDTH + v * LANES) * iload(source + v * LANES);
        sums[o] = itotal(sum) + arm->out_bias[o];
    }
    *mean = clamped((sums[0] + 256) >> 9, -MOST_MEAN, MOST_MEAN);
    *scale = clamped(((sums[1] + 512) >> 10) + 32, 0, SCALES - 1);
    if (!any) arm->known = 1, arm->mean = *mean, arm->scale = *scale;
}

INLINE int low_bits(int scale) { return scale < 49 ? 0 : (scale - 41) >> 3; }

/* Of every symbol in order of waves: its rounded mean, and its row of the tables. Returns 0, or 1
   if there is no memory. */
EXPORT int distributions(const int32_t *shape, const int32_t *parameters, const int16_t *flat,
                         const int64_t *offsets, int64_t waves, const int64_t *starts,
                         const int64_t *counts, int64_t step, int32_t *centres, int32_t *rows) {
    IntegerArm arm;
    if (arm_open(&arm, shape, parameters)) return 1;
    for (int64_t wave = 0; wave < waves; wave++)
        for (int64_t k = 0; k < counts[wave]; k++) {
            int32_t mean, scale;
            arm_run(&arm, flat + starts[wave] + k * step, offsets, &mean, &scale);
            *centres++ = (mean + 8) >> 4;
            *rows++ = scale * 16 + ((mean + 8) & 15);
        }
    free(arm.memory);
    return 0;
}

typedef struct {
    uint64_t lower, range, point;
    const uint32_t *words;
    int64_t count, taken;
} RangeDecoder;

INLINE uint32_t next_word(RangeDecoder *coder) {
    uint32_t word = coder->taken < coder->count ? coder->words[coder->taken] : 0;
    coder->taken++;
    return word;
}

INLINE void range_advance(RangeDecoder *coder, uint64_t unit, uint64_t below, uint64_t share) {
    coder->lower += unit * below;
    coder->range = unit * share;
    if (coder->range < (uint64_t)1 << 32) {
        coder->lower <<= 32;
        coder->range <<= 32;
        coder->point = coder->point << 32 | next_word(coder);
    }
}

/* Decode the waves of a grid into `flat`; `words` may be cut short if `prefix`. `cumulated` are the
   tables, 66 boundaries a row. Returns how many symbols were decoded, or -1 - that many where the
   stream is invalid, or INT64_MIN if there is no memory. With `prefix` a wave that a word beyond the
   end could change, or that is invalid, ends the decoding and stays 0. */
EXPORT int64_t decode_waves(const int32_t *shape, const int32_t *parameters, int16_t *flat,
                            const int64_t *offsets, int64_t waves, const int64_t *starts,
                            const int64_t *counts, int64_t step, const uint32_t *words,
                            int64_t word_count, const int32_t *cumulated, int32_t prefix) {
    IntegerArm arm;
    int64_t longest = 1, decoded = 0;
    for (int64_t w = 0; w < waves; w++) longest = counts[w] > longest ? counts[w] : longest;
    int32_t *centres = malloc((size_t)longest * 12), *entries = centres + longest;
    int32_t *shifts = entries + longest;
    if (!centres) return INT64_MIN;
    if (arm_open(&arm, shape, parameters)) { free(centres); return INT64_MIN; }
    RangeDecoder coder = {0, UINT64_MAX, 0, words, word_count, 0};
    coder.point = (uint64_t)next_word(&coder) << 32;
    coder.point |= next_word(&coder);
    int valid = 1, covered = 1;
    for (int64_t w = 0; w < waves; w++) {
        int64_t n = counts[w];
        int raw = 0, escapes = 0;
        int16_t *first = flat + starts[w];
        for (int64_t k = 0; k < n && valid; k++) {
            int32_t mean, scale;
            arm_run(&arm, first + k * step, offsets, &mean, &scale);
            const int32_t *row = cumulated + (size_t)(scale * 16 + ((mean + 8) & 15)) * (ENTRIES + 1);
            covered &= coder.taken <= coder.count;
            uint64_t unit = coder.range >> TABLE_BITS;
            uint64_t quantile = (coder.point - coder.lower) / unit;
            if (quantile >> TABLE_BITS) { valid = 0; break; }
            int32_t target = (int32_t)quantile;
            int entry = FIRST_ENTRY;
            while (row[entry] > target) entry--;
            while (row[entry + 1] <= target) entry++;
            range_advance(&coder, unit, (uint64_t)row[entry], (uint64_t)(row[entry + 1] - row[entry]));
            centres[k] = (mean + 8) >> 4;
            entries[k] = entry;
            shifts[k] = low_bits(scale);
            raw |= shifts[k], escapes |= entry == ESCAPE;
        }
        for (int pass = 0; pass < 2 && valid; pass++) { /* low bits, then escapes */
            if (!(pass ? escapes : raw)) continue;
            for (int64_t k = 0; k < n; k++) {
                int escaped = entries[k] == ESCAPE, bits = pass ? ESCAPE_BITS : shifts[k];
                if (escaped != pass || !bits) continue;
                covered &= coder.taken <= coder.count;
                uint64_t unit = coder.range >> TABLE_BITS;
                uint64_t quantile = (coder.point - coder.lower) / unit;
                if (quantile >> TABLE_BITS) { valid = 0; break; }
                uint64_t value = quantile >> (TABLE_BITS - bits);
                range_advance(&coder, unit, value << (TABLE_BITS - bits),
                              (uint64_t)1 << (TABLE_BITS - bits));
                if (pass) centres[k] = (int32_t)value - (1 << (ESCAPE_BITS - 1));
                else centres[k] += (int32_t)value;
            }
        }
        if (!valid || (prefix && !covered)) break;
        for (int64_t k = 0; k < n; k++) {
            int32_t coarse = entries[k] == ESCAPE ? 0 : (entries[k] - FIRST_ENTRY) * (1 << shifts[k]);
            first[k * step] = (int16_t)(uint16_t)(uint32_t)(centres[k] + coarse);
        }
        decoded += n;
    }
    free(centres);
    free(arm.memory);
    return valid ? decoded : -1 - decoded;
}

/* ---- structural similarity -------------------------------------------------------------------- */

#define SPAN 11 /* taps of the Gaussian window */

/* A vector of sums over the taps along a line. */
INLINE vec along(const float *taps, const float *line) {
    vec sum = splat(0.f);
    for (int k = 0; k < SPAN; k++) sum += taps[k] * load(line + k);
    return sum;
}

/* Rows `first` to `last` of the (height - 10) x (width - 10) windows of two pictures of one channel.
   Returns the sum of contrast-structure (times luminance if `whole`), and its derivatives by the
   windowed means of y, of y^2 and of x y, second moments about 1/2. `room`: 4 lines, each longer by
   LANES + SPAN. */
EXPORT double similarity(int32_t width, int32_t first, int32_t last, const float *x, const float *y,
                         const float *taps, int32_t whole, float c1, float c2, float *by_mean,
                         float *by_square, float *by_product, float *room) {
    const int32_t across = width - SPAN + 1, pitch = width + LANES + SPAN;
    double sum = 0;
    for (int32_t row = first; row < last; row++) {
        for (int32_t c = 0; c < width; c += LANES) {
            vec mean_a = splat(0.f), mean_b = mean_a, squares = mean_a, products = mean_a;
            for (int k = 0; k < SPAN; k++) {
                int64_t at = (int64_t)(row + k) * width + c;
                vec u = load_some(x + at, width - c) - 0.5f, v = load_some(y + at, width - c) - 0.5f;
                vec tu = taps[k] * u, tv = taps[k] * v;
                mean_a += tu, mean_b += tv, squares += tu * u + tv * v, products += tu * v;
            }
            store(room + c, mean_a), store(room + pitch + c, mean_b);
            store(room + 2 * pitch + c, squares), store(room + 3 * pitch + c, products);
        }
        vec values = splat(0.f);
        for (int32_t c = 0; c < across; c += LANES) {
            int64_t at = (int64_t)row * across + c;
            vec u = along(taps, room + c), v = along(taps, room + pitch + c);
            vec squares = along(taps, room + 2 * pitch + c);
            vec products = along(taps, room + 3 * pitch + c);
            vec inverse = 1.f / (squares - u * u - v * v + c2);
            vec contrast = (2 * (products - u * v) + c2) * inverse;
            vec by_v = 2 * (contrast * v - u) * inverse;
            vec by_s = -contrast * inverse, by_p = 2 * inverse, value = contrast;
            if (whole) {
                vec p = u + 0.5f, q = v + 0.5f, against = 1.f / (p * p + q * q + c1);
                vec luminance = (2 * p * q + c1) * against;
                by_v = luminance * by_v + contrast * 2 * (p - luminance * q) * against;
                by_s *= luminance, by_p *= luminance, value *= luminance;
            }
            store_some(by_mean + at, by_v, across - c);
            store_some(by_square + at, by_s, across - c);
            store_some(by_product + at, by_p, across - c);
            values += masked(value, counting() < across - c);
        }
        sum += total(values);
    }
    return sum;
}

/* Rows `first` to `last` of the gradient of y, times `scale`, from the derivatives above. `room`:
   3 lines, each longer by LANES + 2 SPAN. */
EXPORT void similarity_back(int32_t height, int32_t width, int32_t first, int32_t last,
                            const float *x, const float *y, const float *taps,
                            const float *by_mean, const float *by_square, const float *by_product,
                            float scale, float *out, float *room) {
    const int32_t across = width - SPAN + 1, down = height - SPAN + 1, edge = SPAN - 1;
    const int32_t pitch = width + LANES + 2 * SPAN;
    const float *maps[3] = {by_mean, by_square, by_product};
    memset(room, 0, sizeof(float) * 3 * (size_t)pitch);
    for (int32_t row = first; row < last; row++) {
        const int from = row < down ? 0 : row - down + 1, to = row < edge ? row : edge;
        for (int q = 0; q < 3; q++) {
            for (int32_t c = 0; c < across; c += LANES) {
                vec sum = splat(0.f);
                for (int k = from; k <= to; k++)
                    sum += taps[k] * load_some(maps[q] + (int64_t)(row - k) * across + c, across - c);
                store_some(room + q * pitch + edge + c, sum, across - c);
            }
        }
        for (int32_t c = 0; c < width; c += LANES) { /* the taps are symmetric */
            int64_t at = (int64_t)row * width + c;
            vec a = load_some(x + at, width - c) - 0.5f, b = load_some(y + at, width - c) - 0.5f;
            vec spread = along(taps, room + c) + 2 * b * along(taps, room + pitch + c);
            spread += a * along(taps, room + 2 * pitch + c);
            store_some(out + at, scale * spread, width - c);
        }
    }
}
