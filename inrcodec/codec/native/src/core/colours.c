/* Grids -> colours of a window: docs/format.md, "From grids to colours". */

#include "decoder.h"
#include "../vectors.h"

#define COLOURS 3
#define REACH 2 /* symbols of the coarser grid on each side of one that upsampling needs */

static const float BICUBIC[4] = {-0.03515625f, 0.26171875f, 0.87890625f, -0.10546875f};

static int32_t wide(const int32_t *area) { return area[3] - area[2]; }
static int32_t high(const int32_t *area) { return area[1] - area[0]; }
static size_t cells(const int32_t *area) { return (size_t)high(area) * (size_t)wide(area); }

static int32_t half_down(int32_t n) { return n >= 0 ? n / 2 : (n - 1) / 2; }

static int hidden_layers(const inr_decoder *d) { return d->header.family == COOLCHIC_V1 ? 2 : 1; }
static int convolutions(const inr_decoder *d) { return d->header.family == COOLCHIC_V1 ? 0 : 2; }
static int inputs(const inr_decoder *d) { return d->levels + (d->chroma ? 2 : 0); }

static const float *values(const inr_decoder *d, const Plane *plane, int tensor) {
    return plane->values + d->shapes.tensor[tensor].at;
}

/* The area of the grids of every level that a window depends on. */
static void needed(const inr_decoder *d, const int32_t *window, int32_t (*areas)[4]) {
    int reach = convolutions(d);
    for (int level = d->drawn; level < d->levels; level++) {
        const Grid *grid = &d->plane[0].grids[level];
        for (int k = 0; k < 4; k += 2) {
            int32_t first = window[k] - reach, last = window[k + 1] + reach;
            if (level > d->drawn) {
                first = half_down(areas[level - 1][k]) - REACH;
                last = (areas[level - 1][k + 1] + 1) / 2 + REACH;
            }
            areas[level][k] = at_least(0, first);
            areas[level][k + 1] = at_most(k ? grid->columns : grid->rows, last);
        }
    }
}

/* Symbols of an area times a factor, set or added; whether there are any. */
static int symbols(const Grid *grid, const int32_t *area, float factor, int add, float *to) {
    if (!grid->symbols) {
        if (!add) memset(to, 0, cells(area) * 4);
        return 0;
    }
    for (int32_t r = area[0]; r < area[1]; r++) {
        const int16_t *from = grid->symbols + (int64_t)r * grid->columns + area[2];
        if (add) for (int32_t c = 0; c < wide(area); c++) to[c] += from[c] * factor;
        else for (int32_t c = 0; c < wide(area); c++) to[c] = from[c] * factor;
        to += wide(area);
    }
    return 1;
}

/* What upsampling to one level multiplies a constant by. */
static float upsampled(const inr_decoder *d, const Plane *plane, int level) {
    const float *taps = values(d, plane, UP_KERNEL);
    float sum = 0;
    if (d->header.family == COOLCHIC_V1) return 1;
    if (d->header.family == COOLCHIC_V2) {
        for (int k = 0; k < 64; k++) sum += taps[k];
        return sum / 4;
    }
    for (int k = 0; k < 4; k++) sum += taps[4 * level + k];
    return sum * sum;
}

/* What a symbol of a level counts. A draft leaves levels out, but not what they multiply by. */
static float grain(const inr_decoder *d, const Plane *plane, int level) {
    float unit = d->header.family == COOLCHIC ? 1.f / (1 << at_most(level, 2)) : 1.f;
    for (int finer = 0; finer < d->drawn; finer++) unit *= upsampled(d, plane, finer);
    return unit;
}

/* The two chroma grids of a level, times their gains, set or added; bits: which there are. */
static int chroma(const inr_decoder *d, const Plane *plane, int level, const int32_t *area, int add,
                  float *to) {
    int column = level - d->chroma_level, found = 0;
    for (int p = 0; p < 2; p++) {
        float gain = values(d, plane, UP_GAIN)[p * d->chroma + column] * grain(d, plane, level);
        const Grid *grid = &plane->grids[d->levels + p * d->chroma + column];
        found |= symbols(grid, area, gain, add, to + p * cells(area)) << p;
    }
    return found;
}

/* Memory of a window, taken once. */
typedef struct {
    float *stack[2], *rows, *line, *network, *picture[2], *lines;
    void *memory;
} Work;

static inr_error work_open(const inr_decoder *d, int32_t (*areas)[4], Work *work) {
    size_t most[2] = {0, 0}, rows = 0, line = 0, n = cells(areas[d->drawn]), planes = (size_t)inputs(d);
    for (int level = d->drawn; level < d->levels; level++) {
        size_t size = cells(areas[level]);
        if (size > most[level & 1]) most[level & 1] = size;
        if (16 * (size_t)wide(areas[level]) > rows) rows = 16 * (size_t)wide(areas[level]);
        if (4 * size + 2 * (size_t)wide(areas[level]) > rows && d->header.family == COOLCHIC_V2)
            rows = 4 * size + 2 * (size_t)wide(areas[level]);
        if ((size_t)wide(areas[level]) + 4 > line) line = (size_t)wide(areas[level]) + 4;
        size_t padded = ((size_t)high(areas[level]) + 4) * ((size_t)wide(areas[level]) + 4);
        padded += 2 * (size_t)wide(areas[level]);
        if (padded > line && d->header.family == COOLCHIC_V2) line = padded;
    }
    size_t network = (size_t)d->shapes.parameters, lines = 9 * ((size_t)wide(areas[d->drawn]) + 2 + ACROSS * LANES);
    size_t floats = planes * (most[0] + most[1]) + rows + line + network + 2 * COLOURS * n + lines;
    char *at = work->memory = obtain(floats * 4 + 8 * ALIGNMENT);
    if (!at) return INR_NO_MEMORY;
    work->stack[0] = taken(&at, planes * most[0] * 4);
    work->stack[1] = taken(&at, planes * most[1] * 4);
    work->rows = taken(&at, rows * 4);
    work->line = taken(&at, line * 4);
    work->network = taken(&at, network * 4);
    for (int k = 0; k < 2; k++) work->picture[k] = taken(&at, COLOURS * n * 4);
    work->lines = taken(&at, lines * 4);
    return INR_OK;
}

/* One channel of the area above at twice the size, as much as lies in the area of a level. */
static void doubled(const inr_decoder *d, const Plane *plane, int level, const int32_t *above,
                    const int32_t *here, const float *from, float *to, Work *work) {
    int32_t top = here[0] - 2 * above[0], left = here[2] - 2 * above[2];
    if (d->header.family != COOLCHIC_V2) {
        const float *taps = BICUBIC;
        if (d->header.family == COOLCHIC) taps = values(d, plane, UP_KERNEL) + 4 * level;
        upsample(high(above), wide(above), from, taps, top, left, high(here), wide(here), to,
                 work->rows, work->line);
        return;
    }
    upsample_shared(high(above), wide(above), from, values(d, plane, UP_KERNEL), work->rows,
                    work->line);
    size_t pitch = 2 * (size_t)wide(above);
    for (int32_t r = 0; r < high(here); r++)
        memcpy(to + (size_t)r * wide(here), work->rows + (size_t)(r + top) * pitch + left,
               (size_t)wide(here) * 4);
}

/* All grids at the size of the one that is drawn, (channels, rows, columns) of its area; bit k of the
   result: channel k is not all zeros. */
static uint32_t stacked(const inr_decoder *d, const Plane *plane, int32_t (*areas)[4], Work *work) {
    int last = d->levels - 1, channels = 1;
    float *stack = work->stack[last & 1];
    uint32_t found = (uint32_t)symbols(&plane->grids[last], areas[last], grain(d, plane, last), 0, stack);
    if (d->chroma) {
        found |= (uint32_t)chroma(d, plane, last, areas[last], 0, stack + cells(areas[last])) << 1;
        channels += 2;
    }
    for (int level = last - 1; level >= d->drawn; level--) {
        float *joined = work->stack[level & 1];
        size_t n = cells(areas[level]), before = cells(areas[level + 1]);
        uint32_t finest = (uint32_t)symbols(&plane->grids[level], areas[level],
                                           grain(d, plane, level), 0, joined);
        for (int k = 0; k < channels; k++)
            if (found >> k & 1)
                doubled(d, plane, level, areas[level + 1], areas[level], stack + k * before,
                        joined + (k + 1) * n, work);
            else memset(joined + (k + 1) * n, 0, n * 4);
        found = found << 1 | finest;
        channels++;
        stack = joined;
        if (d->chroma && level >= d->chroma_level)
            found |= (uint32_t)chroma(d, plane, level, areas[level], 1, stack + (channels - 2) * n)
                     << (channels - 2);
    }
    return found;
}

/* The synthesis of the channels that are not all zeros, which are moved together. Those of grids finer
   than the one that is drawn are not among them. */
static inr_error synthesis(const inr_decoder *d, const Plane *plane, size_t n, uint32_t found,
                           Work *work) {
    int hidden = hidden_layers(d), all = inputs(d), s = d->synthesis_width, there = 0, from[16];
    float *stack = work->stack[d->drawn & 1], *to = work->network;
    for (int k = 0; k < all - d->drawn; k++) {
        if (!(found >> k & 1)) continue;
        if (k != there) memcpy(stack + there * n, stack + k * n, n * 4);
        from[there++] = k + d->drawn;
    }
    if (!there) from[there++] = d->drawn;
    int linear = d->shapes.tensor[SYN_LINEAR].size > 0;
    const float *first = values(d, plane, SYN_W0);
    int32_t shape[8] = {hidden + 1, linear, there, s, s, s};
    shape[2 + hidden + 1] = COLOURS;
    for (int o = 0; o < s; o++)
        for (int k = 0; k < there; k++)
            *to++ = first[o * all + from[k]] + (residual(d) && s == all && o == from[k] ? 1.f : 0.f);
    for (int t = SYN_B0; t <= SYN_BO; t++) {
        const float *w = values(d, plane, t);
        for (int k = 0; k < d->shapes.tensor[t].size; k++)
            *to++ = w[k] + (t == SYN_W1 && k % (s + 1) == 0 ? 1.f : 0.f);
    }
    const float *straight = values(d, plane, SYN_LINEAR);
    for (int o = 0; o < COLOURS && linear; o++)
        for (int k = 0; k < there; k++) *to++ = straight[o * all + from[k]];
    return pixel_network(shape, work->network, (int64_t)n, 0, (int64_t)n, stack, work->picture[0])
               ? INR_NO_MEMORY
               : INR_OK;
}

float *window_colours(const inr_decoder *d, const Plane *plane, const int32_t *window, void **memory) {
    int32_t areas[MOST_LEVELS][4] = {{0}};
    Work work;
    *memory = NULL;
    needed(d, window, areas);
    if (work_open(d, areas, &work)) return NULL;
    const int32_t *area = areas[d->drawn];
    size_t n = cells(area);
    uint32_t found = stacked(d, plane, areas, &work);
    if (synthesis(d, plane, n, found, &work)) {
        release(work.memory);
        return NULL;
    }
    int32_t rows = high(area), columns = wide(area);
    for (int i = 0; i < convolutions(d); i++)
        residual_convolution(rows, columns, 0, rows, work.picture[i & 1],
                             values(d, plane, CONV_W0 + 2 * i), values(d, plane, CONV_B0 + 2 * i),
                             work.picture[1 - (i & 1)], work.lines);
    float *from = work.picture[0], *out = work.picture[1]; /* 0 or 2 convolutions */
    for (int c = 0; c < COLOURS; c++)
        for (int32_t r = window[0]; r < window[1]; r++) {
            const float *row = from + c * n + (size_t)(r - area[0]) * columns - area[2];
            for (int32_t x = window[2]; x < window[3]; x++) *out++ = row[x] + 0.5f;
        }
    *memory = work.memory;
    return work.picture[1];
}

double window_work(const inr_decoder *d) {
    int s = d->synthesis_width, v = inputs(d);
    double network = s * v + 3 * s + 3 * v + (hidden_layers(d) - 1) * s * s;
    return d->planes * (network + 81 * convolutions(d) + 16 * v + 60);
}
