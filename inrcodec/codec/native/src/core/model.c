/* The shapes of every family: which tensors a file has, in which order, under which codes. */

#include "decoder.h"

static int within(int32_t value, int32_t low, int32_t high) { return value >= low && value <= high; }

/* One more tensor with a code of its own, in the order of the file. */
static void tensor(Shapes *shapes, int64_t size, int phases) {
    Tensor *t = &shapes->tensor[shapes->tensors++];
    t->at = shapes->parameters, t->size = (int32_t)size, t->group = shapes->groups;
    t->phases = phases;
    shapes->group_size[shapes->groups++] = (int32_t)size;
    shapes->parameters += (int32_t)size;
}

/* Layers of these widths and an output layer. */
static void layers(Shapes *shapes, const int32_t *widths, int32_t n, int64_t inputs, int64_t outputs,
                   int phases) {
    for (int i = 0; i < n; i++) {
        tensor(shapes, widths[i] * inputs, 0);
        tensor(shapes, widths[i], phases);
        inputs = widths[i];
    }
    tensor(shapes, outputs * inputs, 0);
    tensor(shapes, outputs, 0);
}

/* Parameters of layers, before any 32-bit number holds them. */
static int64_t count(const int32_t *widths, int32_t n, int64_t inputs, int64_t outputs) {
    int64_t total = 0;
    for (int i = 0; i < n; i++) total += widths[i] * (inputs + 1), inputs = widths[i];
    return total + outputs * (inputs + 1);
}

static inr_error nif(inr_decoder *d) {
    const int32_t *given = d->header.dimensions;
    int32_t c = d->header.channels, m = given[2], n = d->header.count - 3 - m;
    if (d->header.count < 4) return INR_BAD_HEADER;
    if (!within(given[0], 1, 32) || !within(given[1], 1, 32) || !within(m, 0, 6) || !within(n, 1, 6))
        return INR_OVER_LIMIT;
    for (int i = 0; i < m + n; i++)
        if (!within(given[3 + i], 1, 1024)) return INR_OVER_LIMIT;
    int64_t few = 2 * (1 + 2 * given[1]), many = 2 * (1 + 2 * given[0]);
    int64_t total = m ? count(given + 3, m, few, 1) : 0;
    if (total + count(given + 3 + m, n, many, c) > MOST_PARAMETERS) return INR_OVER_LIMIT;
    if (m) layers(&d->shapes, given + 3, m, few, 1, 1);
    layers(&d->shapes, given + 3 + m, n, many, c, 1);
    return INR_OK;
}

static inr_error dense(inr_decoder *d, int64_t inputs) {
    int32_t c = d->header.channels, widths[16], f = d->header.family;
    int64_t table = f == DINER ? (int64_t)2 * d->header.width * d->header.height : 0;
    if (f == FOURIER) table = 2 * d->frequencies;
    for (int i = 0; i < d->layers; i++) widths[i] = d->width;
    if (table + count(widths, d->layers, inputs, c) > MOST_PARAMETERS) return INR_OVER_LIMIT;
    if (table) tensor(&d->shapes, table, 0);
    layers(&d->shapes, widths, d->layers, inputs, c, f != FOURIER);
    return INR_OK;
}

static inr_error wire(inr_decoder *d) {
    int64_t w = d->width, c = d->header.channels;
    int64_t total = 3 * w + 2 * (d->layers - 1) * w * (w + 1) + 2 * c * w + c;
    if (total > MOST_PARAMETERS) return INR_OVER_LIMIT;
    tensor(&d->shapes, 2 * w, 0), tensor(&d->shapes, w, 0);
    for (int i = 1; i < d->layers; i++) tensor(&d->shapes, 2 * w * w, 0), tensor(&d->shapes, 2 * w, 0);
    tensor(&d->shapes, 2 * c * w, 0), tensor(&d->shapes, c, 0);
    return INR_OK;
}

static inr_error mfn(inr_decoder *d) {
    int64_t w = d->width, c = d->header.channels, filter = d->header.family == MFN_GABOR ? 6 : 3;
    if (d->layers * filter * w + (d->layers - 1) * w * (w + 1) + c * (w + 1) > MOST_PARAMETERS)
        return INR_OVER_LIMIT;
    for (int i = 0; i < d->layers; i++) {
        tensor(&d->shapes, 2 * w, 0), tensor(&d->shapes, w, 1);
        if (filter == 6) tensor(&d->shapes, 2 * w, 0), tensor(&d->shapes, w, 0);
        if (i) tensor(&d->shapes, w * w, 0), tensor(&d->shapes, w, 0);
    }
    tensor(&d->shapes, c * w, 0), tensor(&d->shapes, c, 0);
    return INR_OK;
}

static inr_error spinr(inr_decoder *d, int64_t inputs) {
    int64_t w = d->width, c = d->header.channels, n = d->layers;
    if (w * (inputs + 1 + c) + c + (n - 1) * w * (w + 1 + c) > MOST_PARAMETERS) return INR_OVER_LIMIT;
    Shapes *shapes = &d->shapes;
    for (int i = 0; i < n; i++) {
        shapes->part_groups[i] = shapes->groups;
        tensor(shapes, w * (i ? w : inputs), 0), tensor(shapes, w, 1), tensor(shapes, c * w, 0);
        if (!i) tensor(shapes, c, 0);
    }
    shapes->parts = (int32_t)n;
    return INR_OK;
}

static inr_error network_shapes(inr_decoder *d) {
    int32_t f = d->header.family, *given = d->header.dimensions, features = 0;
    int32_t expected = f == PE_SIREN || f == SPINR || f == FOURIER ? 3 : 2;
    if (f == NIF) return nif(d);
    if (d->header.count != expected) return INR_BAD_HEADER;
    d->width = given[0], d->layers = given[1];
    if (expected == 3) features = d->frequencies = given[2];
    if (!within(d->width, 1, 1024) || !within(d->layers, 1, 16)) return INR_OVER_LIMIT;
    if (f == FOURIER ? !within(features, 1, 1024) : !within(features, 0, 32)) return INR_OVER_LIMIT;
    if (f == PE_SIREN && !features) return INR_BAD_HEADER;
    if (f == MFN_FOURIER || f == MFN_GABOR) return mfn(d);
    if (f == WIRE) return wire(d);
    if (f == SPINR) return spinr(d, 2 * (1 + 2 * features));
    return dense(d, f == DINER ? 2 : f == FOURIER ? 2 * features : 2 * (1 + 2 * features));
}

/* ---- latent families -------------------------------------------------------------------------- */

/* First and last column of each row of neighbours, from row 0 up; a row of none ends them. */
static const struct {
    int32_t count, rows[4][2];
} NEIGHBOURS[] = {
    {8, {{-2, -1}, {-2, 2}, {0, 0}, {1, 0}}},
    {12, {{-2, -1}, {-2, 2}, {-2, 2}, {1, 0}}},
    {16, {{-3, -1}, {-2, 2}, {-2, 2}, {-1, 1}}},
    {24, {{-3, -1}, {-3, 3}, {-3, 3}, {-3, 3}}},
};

static inr_error find_neighbours(inr_decoder *d) {
    for (int k = 0; k < 4; k++) {
        if (NEIGHBOURS[k].count != d->neighbours) continue;
        int n = 0;
        d->lag = 1;
        for (int c = -1; c >= NEIGHBOURS[k].rows[0][0]; c--) d->offsets[n++][1] = c;
        for (int up = 1; up < 4; up++)
            for (int c = NEIGHBOURS[k].rows[up][0]; c <= NEIGHBOURS[k].rows[up][1]; c++) {
                d->offsets[n][0] = -up, d->offsets[n++][1] = c;
                while (c - d->lag * up >= 0) d->lag++;
            }
        return INR_OK;
    }
    return INR_BAD_HEADER;
}

static void lay_out_grids(inr_decoder *d) {
    d->grids = d->levels + 2 * d->chroma;
    for (int p = 0; p < d->planes; p++)
        for (int g = 0; g < d->grids; g++) {
            Grid *grid = &d->plane[p].grids[g];
            int beyond = g - d->levels;
            grid->level = beyond < 0 ? g : d->chroma_level + beyond % d->chroma;
            grid->rows = ceiling(d->header.height, 1 << grid->level);
            grid->columns = ceiling(d->header.width, 1 << grid->level);
        }
    int n = 0;
    for (int level = d->levels - 1; level >= 0; level--)
        for (int g = 0; g < d->grids; g++)
            if (d->plane[0].grids[g].level == level) d->order[n++] = g;
}

static inr_error latent_shapes(inr_decoder *d) {
    const int32_t *given = d->header.dimensions;
    int32_t family = d->header.family, ours = family == COOLCHIC;
    if (d->header.count != 4) return INR_BAD_HEADER;
    if ((int64_t)d->header.width * d->header.height > MOST_LATENT_PIXELS) return INR_OVER_LIMIT;
    d->levels = given[0], d->neighbours = given[1], d->arm_width = given[2];
    d->synthesis_width = given[3];
    if (find_neighbours(d)) return INR_BAD_HEADER;
    if (!within(d->levels, 1, MOST_LEVELS) || !within(d->arm_width, 1, MOST_WIDTH) ||
        !within(d->synthesis_width, 1, MOST_WIDTH))
        return INR_OVER_LIMIT;
    d->chroma_level = at_most(1, d->levels - 1);
    d->chroma = ours ? d->levels - d->chroma_level : 0;
    d->inputs = d->neighbours + (ours ? SIDES : 0);
    lay_out_grids(d);
    int32_t a = d->arm_width, s = d->synthesis_width, v = d->levels + 2 * ours, in = d->inputs;
    int32_t sizes[LATENT_TENSORS] = {
        a * in, a, a * a, a, 2 * a, 2, ours * 2 * in, ours * d->grids * a,
        family == COOLCHIC_V2 ? 64 : ours * 4 * (d->levels - 1), 2 * d->chroma,
        s * v, s, family == COOLCHIC_V1 ? s * s : 0, family == COOLCHIC_V1 ? s : 0, 3 * s, 3,
        ours * 3 * v, 81, 3, 81, 3};
    if (family == COOLCHIC_V1) memset(sizes + CONV_W0, 0, 4 * sizeof *sizes);
    static const uint8_t group[LATENT_TENSORS] = {0, 1, 0, 1, 0, 1, 0, 1, 2, 2, 3,
                                                  4, 3, 4, 3, 4, 3, 5, 5, 5, 5};
    Shapes *shapes = &d->shapes;
    shapes->tensors = LATENT_TENSORS, shapes->groups = GROUPS;
    for (int g = 0; g < GROUPS; g++)
        for (int t = 0; t < LATENT_TENSORS; t++) {
            if (group[t] != g) continue;
            shapes->tensor[t] = (Tensor){shapes->parameters, sizes[t], g, 0};
            shapes->parameters += sizes[t];
            shapes->group_size[g] += sizes[t];
        }
    return INR_OK;
}

inr_error model_open(inr_decoder *d) {
    const inr_header *h = &d->header;
    if (!within(h->width, 1, 1 << 20) || !within(h->height, 1, 1 << 20) ||
        (int64_t)h->width * h->height > MOST_PIXELS)
        return INR_OVER_LIMIT;
    if (!within(h->channels, 1, 4) || (h->depth != 8 && h->depth != 16) || !within(h->count, 0, 16) ||
        !within(h->family, SIREN, SPINR) || !within(h->initial, 0, 2))
        return INR_BAD_HEADER;
    d->latent = h->family == COOLCHIC_V1 || h->family == COOLCHIC_V2 || h->family == COOLCHIC;
    if (h->slice && (!d->latent || !within(h->slice, 8, 4096))) return INR_BAD_HEADER;
    if (h->initial == INR_PHASES && d->latent) return INR_BAD_HEADER;
    for (int i = 0; i < h->count; i++)
        if (!within(h->dimensions[i], 0, 1 << 20)) return INR_OVER_LIMIT;
    d->planes = d->latent && h->channels % 2 == 0 ? 2 : 1;
    d->shapes.parts = 1;
    inr_error error = d->latent ? latent_shapes(d) : network_shapes(d);
    if (d->header.family != SPINR) d->shapes.part_groups[0] = 0;
    d->shapes.part_groups[d->shapes.parts] = d->shapes.groups;
    return error;
}
