/* A view of the image as samples: windows and tiles, other sizes, alpha, rounding. */

#include <math.h>

#include "resampling.h"

#define WINDOW 256       /* most rows and columns of the image, or of the view, at once */
#define TILE_COLUMNS 128 /* samples of a coordinate network at once */
#define TILE_ROWS 32
#define MOST_OVERSAMPLING 8
#define LEAST_ALPHA (1 / 256.f)
#define MOST_PLANES 7

typedef struct {
    inr_layout layout;
    int32_t depth, channels, wide;
    void *out;
} Target;

/* A view on its way, in tiles of `rows` x `columns` samples, `across` of them side by side. */
typedef struct {
    const inr_decoder *d;
    const inr_view *view;
    Target target;
    int32_t rows, columns, across, error;
} Work;

/* Where a tile lies in the view: top, left, how many rows and columns. */
static void tile_area(const Work *work, int32_t tile, int32_t *area) {
    area[0] = tile / work->across * work->rows, area[1] = tile % work->across * work->columns;
    area[2] = at_most(work->rows, work->view->high - area[0]);
    area[3] = at_most(work->columns, work->view->wide - area[1]);
}

static void failed(Work *work, inr_error error) {
    if (error) __atomic_store_n(&work->error, (int32_t)error, __ATOMIC_RELAXED);
}

/* A sample v of 0 .. 1 at a pixel of the view. */
static void put(const Target *target, int32_t row, int32_t column, int32_t channel, double v) {
    double peak = target->depth == 16 ? 65535 : 255;
    int rgba = target->layout == INR_RGBA, channels = rgba ? 4 : target->channels;
    int64_t at = ((int64_t)row * target->wide + column) * channels;
    int32_t value = v > 0 ? (int32_t)((v < 1 ? v : 1) * peak + 0.5) : 0;
    if (!rgba && target->depth == 16) ((uint16_t *)target->out)[at + channel] = (uint16_t)value;
    else if (!rgba) ((uint8_t *)target->out)[at + channel] = (uint8_t)value;
    else {
        uint8_t *pixel = (uint8_t *)target->out + at;
        int gray = target->channels < 3, alpha = target->channels % 2 == 0;
        if (gray && !channel) pixel[0] = pixel[1] = pixel[2] = (uint8_t)value;
        else pixel[alpha && channel == target->channels - 1 ? 3 : channel] = (uint8_t)value;
        if (!alpha) pixel[3] = 255;
    }
}

/* A row of red, green and blue planes to 8 bits, as `put` does without a branch a sample. */
static void put_colours(const Target *target, int32_t row, int32_t column, int32_t count,
                        const float *planes, int64_t pitch) {
    int rgba = target->layout == INR_RGBA, step = rgba ? 4 : 3;
    uint8_t *to = (uint8_t *)target->out + ((int64_t)row * target->wide + column) * step;
    for (int c = 0; c < 3; c++)
        for (int32_t i = 0; i < count; i++) {
            float v = planes[c * pitch + i];
            v = v > 0 ? v : 0;
            to[i * step + c] = (uint8_t)((v < 1 ? v : 1) * 255. + 0.5);
        }
    for (int32_t i = 0; i < count && rgba; i++) to[4 * i + 3] = 255;
}

/* ---- latent families -------------------------------------------------------------------------- */

/* Samples (channels, n) of a window of the image, in 0 .. 1, and colours times alpha if `weighed`. */
static inr_error samples(const inr_decoder *d, const int32_t *window, int weighed, float *out) {
    int32_t channels = d->header.channels, alpha = channels % 2 == 0, colours = channels - alpha;
    size_t n = (size_t)(window[1] - window[0]) * (size_t)(window[3] - window[2]);
    for (int p = 0; p <= alpha; p++) {
        float *to = out + (p ? colours * n : 0);
        void *memory = NULL;
        float *made = d->plane[p].ready ? window_colours(d, &d->plane[p], window, &memory) : NULL;
        if (d->plane[p].ready && !made) return INR_NO_MEMORY;
        for (size_t i = 0; i < n && !made; i++) to[i] = 1; /* opaque */
        if (made && !p && colours == 3) memcpy(to, made, 3 * n * 4);
        else if (made)
            for (size_t i = 0; i < n; i++) to[i] = (made[i] + made[n + i] + made[2 * n + i]) / 3;
        release(memory);
    }
    for (size_t i = 0; i < channels * n; i++) out[i] = out[i] > 0 ? (out[i] < 1 ? out[i] : 1) : 0;
    for (size_t i = 0; i < colours * n && weighed; i++)
        out[channels * n + i] = out[i] * out[colours * n + i % n];
    return INR_OK;
}

/* The tile at (row, column) of the view, from all windows of the image that it needs. */
static inr_error latent_tile(const inr_decoder *d, const Target *target, const Axis *down,
                             const Axis *across, int32_t row, int32_t column) {
    int32_t channels = d->header.channels, mixed = down->weights || across->weights;
    int32_t weighed = channels % 2 == 0 && mixed, planes = weighed ? 2 * channels - 1 : channels;
    int64_t n = (int64_t)down->count * across->count;
    int64_t most = (int64_t)at_most(WINDOW, down->span) * at_most(WINDOW, across->span);
    size_t whole = (size_t)planes * (size_t)n * 4, part = (size_t)planes * (size_t)most * 4;
    char *memory = obtain(whole + part + WINDOW * 4 + 3 * ALIGNMENT), *at = memory;
    if (!memory) return INR_NO_MEMORY;
    float *total = taken(&at, whole), *window_samples = taken(&at, part), *line = taken(&at, WINDOW * 4);
    inr_error error = INR_OK;
    int32_t last_row = down->first + down->span, last_column = across->first + across->span, window[4];
    for (window[0] = down->first; window[0] < last_row && !error; window[0] += WINDOW)
        for (window[2] = across->first; window[2] < last_column && !error; window[2] += WINDOW) {
            window[1] = at_most(last_row, window[0] + WINDOW);
            window[3] = at_most(last_column, window[2] + WINDOW);
            error = samples(d, window, weighed, mixed ? window_samples : total);
            if (!error && mixed) mix(down, across, planes, window, window_samples, line, total);
        }
    int plain = channels == 3 && target->depth == 8;
    for (int32_t r = 0; r < down->count && plain && !error; r++)
        put_colours(target, row + r, column, across->count, total + (int64_t)r * across->count, n);
    for (int c = 0; c < channels && !plain && !error; c++)
        for (int64_t i = 0; i < n; i++) {
            float v = total[c * n + i], alpha = total[(channels - 1) * n + i];
            if (weighed && c < channels - 1 && alpha >= LEAST_ALPHA) v = total[(channels + c) * n + i] / alpha;
            put(target, row + (int32_t)(i / across->count), column + (int32_t)(i % across->count), c, v);
        }
    release(memory);
    return error;
}

/* Samples of the view that about a window of the image becomes. */
static int32_t tile_side(int32_t native, int32_t size) {
    int64_t side = (int64_t)WINDOW * size / native;
    return side < 1 ? 1 : side > WINDOW ? WINDOW : (int32_t)side;
}

/* The size of the image, or of a draft of it. */
static int32_t native_width(const inr_decoder *d) {
    return d->latent ? d->plane[0].grids[d->drawn].columns : d->header.width;
}

static int32_t native_height(const inr_decoder *d) {
    return d->latent ? d->plane[0].grids[d->drawn].rows : d->header.height;
}

static void latent_part(void *context, int32_t tile) {
    Work *work = context;
    const inr_decoder *d = work->d;
    const inr_view *view = work->view;
    int32_t area[4];
    Axis down, across = {0};
    tile_area(work, tile, area);
    inr_error error = axis_open(native_height(d), view->height, view->y + area[0], area[2], &down);
    if (!error) error = axis_open(native_width(d), view->width, view->x + area[1], area[3], &across);
    if (!error) error = latent_tile(d, &work->target, &down, &across, area[0], area[1]);
    release(down.memory), release(across.memory);
    failed(work, error);
}

/* ---- coordinate networks ---------------------------------------------------------------------- */

static int32_t oversampling(int32_t native, int32_t wanted) {
    return bounded(ceiling(native, wanted), 1, MOST_OVERSAMPLING);
}

static void centres(int64_t first, int32_t count, int32_t size, int32_t times, double *at) {
    for (int32_t k = 0; k < count * times; k++)
        at[k] = (2 * (double)(first * times + k) + 1) / ((double)size * times) - 1;
}

/* Pixels of a tile from colours (channels, rows x down, columns x across) in -1 .. 1. */
static void mixed_pixels(const Target *target, int32_t top, int32_t left, int32_t rows, int32_t columns,
                         int32_t down, int32_t across, const float *colours) {
    int32_t channels = target->channels, alpha = channels % 2 == 0, several = down * across > 1;
    int64_t pitch = (int64_t)columns * across, n = pitch * rows * down;
    for (int32_t r = 0; r < rows; r++)
        for (int32_t c = 0; c < columns; c++) {
            double sums[4] = {0}, products[4] = {0}, count = down * across;
            for (int k = 0; k < down * across; k++) {
                int64_t at = ((int64_t)r * down + k / across) * pitch + (int64_t)c * across + k % across;
                double v[4];
                for (int p = 0; p < channels; p++) {
                    float colour = colours[p * n + at];
                    v[p] = ((colour > -1 ? (colour < 1 ? colour : 1) : -1) + 1.) / 2;
                    sums[p] += v[p];
                }
                for (int p = 0; p < channels - 1 && alpha; p++) products[p] += v[p] * v[channels - 1];
            }
            for (int p = 0; p < channels; p++) {
                double v = sums[p] / count, total = sums[channels - 1] / count;
                if (alpha && several && p < channels - 1 && total >= LEAST_ALPHA)
                    v = products[p] / count / total;
                put(target, top + r, left + c, p, v);
            }
        }
}

static void network_part(void *context, int32_t tile) {
    Work *work = context;
    const inr_view *view = work->view;
    int32_t down = oversampling(work->d->header.height, view->height), area[4];
    int32_t across = oversampling(work->d->header.width, view->width);
    tile_area(work, tile, area);
    size_t rows = (size_t)area[2] * down, columns = (size_t)area[3] * across;
    char *memory = obtain((rows * columns * 4 * 4) + (rows + columns) * 8 + 4 * ALIGNMENT), *at = memory;
    if (!memory) {
        failed(work, INR_NO_MEMORY);
        return;
    }
    float *colours = taken(&at, rows * columns * 4 * 4);
    double *ys = taken(&at, rows * 8), *xs = taken(&at, columns * 8);
    centres((int64_t)view->y + area[0], area[2], view->height, down, ys);
    centres((int64_t)view->x + area[1], area[3], view->width, across, xs);
    inr_error error = network_colours(work->d, ys, (int32_t)rows, xs, (int32_t)columns, colours);
    if (!error)
        mixed_pixels(&work->target, area[0], area[1], area[2], area[3], down, across, colours);
    release(memory);
    failed(work, error);
}

/* ---- what a caller sees ----------------------------------------------------------------------- */

static int valid(const inr_view *view) {
    return view->width > 0 && view->height > 0 && view->x >= 0 && view->y >= 0 && view->wide > 0 &&
           view->high > 0 && (int64_t)view->x + view->wide <= view->width &&
           (int64_t)view->y + view->high <= view->height &&
           (int64_t)view->wide * view->high <= MOST_PIXELS;
}

/* Multiply-accumulates of a view. */
static double work(const inr_decoder *d, const inr_view *view) {
    double width = native_width(d), height = native_height(d);
    double down = oversampling(native_height(d), view->height);
    double across = oversampling(native_width(d), view->width), out = (double)view->wide * view->high;
    if (!d->latent) return out * down * across * network_work(d);
    double rows = view->high * height / view->height + 4, columns = view->wide * width / view->width + 4;
    double tiles = ceil(view->high / (double)tile_side(native_height(d), view->height)) *
                   ceil(view->wide / (double)tile_side(native_width(d), view->width));
    return (rows * columns + tiles * 20 * (WINDOW + 4)) * window_work(d) + out * 50 + rows * columns * 10;
}

int32_t inr_band(const inr_decoder *d, const inr_view *view) {
    if (!valid(view)) return 1;
    int32_t side = d->latent ? tile_side(native_height(d), view->height) : TILE_ROWS;
    int64_t rows = (1 << 22) / (int64_t)view->wide / side * side; /* of at most 4 megapixels */
    return rows < side ? side : rows > view->high ? view->high : (int32_t)rows;
}

size_t inr_size(const inr_decoder *d, const inr_view *view, inr_layout layout, int32_t depth) {
    size_t pixel = layout == INR_RGBA ? 4 : (size_t)d->header.channels * (depth == 16 ? 2 : 1);
    return valid(view) ? (size_t)view->wide * (size_t)view->high * pixel : 0;
}

inr_error inr_render(inr_decoder *d, const inr_view *view, inr_layout layout, int32_t depth, void *out) {
    if (!valid(view) || (depth != 8 && depth != 16) || (layout == INR_RGBA && depth != 8))
        return INR_BAD_VIEW;
    if (!d->plane[0].ready) return INR_MISSING;
    if (work(d, view) > d->most_work) return INR_TOO_MUCH_WORK;
    Work whole = {d, view, {layout, depth, d->header.channels, view->wide, out}, 0, 0, 0, INR_OK};
    if (d->latent) {
        whole.rows = tile_side(native_height(d), view->height);
        whole.columns = tile_side(native_width(d), view->width);
    } else {
        whole.rows = at_least(1, TILE_ROWS / oversampling(d->header.height, view->height));
        whole.columns = at_least(1, TILE_COLUMNS / oversampling(d->header.width, view->width));
    }
    whole.across = ceiling(view->wide, whole.columns);
    const inr_allocator *before = use_allocator(&d->allocator);
    inr_error error = share(d, d->latent ? latent_part : network_part, &whole,
                            whole.across * ceiling(view->high, whole.rows));
    use_allocator(before);
    return error ? error : (inr_error)whole.error;
}

int32_t inr_empty_levels(const inr_decoder *d) {
    int32_t empty = d->latent ? at_most(3, d->levels - 1) : 0;
    for (int g = 0; g < d->grids; g++)
        if (d->plane[0].grids[g].symbols || d->plane[1].grids[g].symbols)
            empty = at_most(empty, d->plane[0].grids[g].level);
    return empty;
}

inr_error inr_draft(inr_decoder *d, int32_t levels, const inr_view *view, inr_layout layout,
                    int32_t depth, void *out) {
    if (levels < 0 || levels > inr_empty_levels(d)) return INR_BAD_VIEW;
    d->drawn = levels;
    inr_error error = inr_render(d, view, layout, depth, out);
    d->drawn = 0;
    return error;
}
