/* A decoder: opened from a header, fed with sections, asked for pictures. */

#include "decoder.h"

#define MOST_WORK 274877906944. /* 2^38 */

static void *given(const inr_allocator *allocator, size_t bytes) {
    size_t size = aligned_size(bytes);
    void *memory = allocator->obtain(allocator->user, size);
    if (memory) memset(memory, 0, size);
    return memory;
}

static inr_error open_planes(inr_decoder *d) {
    size_t n = (size_t)d->shapes.parameters * 4;
    for (int p = 0; p < d->planes; p++) {
        Plane *plane = &d->plane[p];
        plane->last_position = plane->last_slice = -1;
        plane->symbols = obtain(n), plane->values = obtain(n);
        plane->arm = d->latent ? obtain(n) : NULL;
        if (!plane->symbols || !plane->values || (d->latent && !plane->arm)) return INR_NO_MEMORY;
    }
    if (!d->latent) return INR_OK;
    d->cumulated = obtain((size_t)TABLE_ROWS * TABLE_COLUMNS * 4);
    if (!d->cumulated) return INR_NO_MEMORY;
    laplace_boundaries(d->cumulated);
    return INR_OK;
}

inr_decoder *inr_open(const inr_allocator *allocator, const inr_header *header, inr_error *error) {
    if (!allocator) allocator = &host_allocator;
    inr_decoder *d = given(allocator, sizeof *d);
    *error = INR_NO_MEMORY;
    if (!d) return NULL;
    d->allocator = *allocator;
    d->header = *header;
    d->most_work = MOST_WORK;
    *error = model_open(d);
    if (!*error && d->shapes.parameters > MOST_PARAMETERS) *error = INR_OVER_LIMIT;
    const inr_allocator *before = use_allocator(allocator);
    if (!*error) *error = open_planes(d);
    use_allocator(before);
    if (!*error) return d;
    inr_close(d);
    return NULL;
}

void inr_close(inr_decoder *d) {
    if (!d) return;
    inr_allocator allocator = d->allocator;
    const inr_allocator *before = use_allocator(&allocator);
    for (int p = 0; p < 2; p++) {
        Plane *plane = &d->plane[p];
        for (int g = 0; g < MOST_GRIDS; g++) release(plane->grids[g].symbols), release(plane->grids[g].lost);
        release(plane->symbols), release(plane->values), release(plane->arm);
    }
    release(d->cumulated), release(d->initial), release(d);
    use_allocator(before);
}

void inr_allow(inr_decoder *d, double most_work) { d->most_work = most_work; }

/* ---- threads ---------------------------------------------------------------------------------- */

void inr_use_threads(inr_decoder *d, const inr_threads *threads) {
    d->threads = threads ? *threads : (inr_threads){NULL, NULL};
}

typedef struct {
    const inr_decoder *d;
    void (*work)(void *context, int32_t part);
    void *context;
} Shared;

static void on_some_thread(void *context, int32_t part) {
    const Shared *shared = context;
    const inr_allocator *before = use_allocator(&shared->d->allocator);
    shared->work(shared->context, part);
    use_allocator(before);
}

inr_error share(const inr_decoder *d, void (*work)(void *context, int32_t part), void *context,
                int32_t parts) {
    Shared shared = {d, work, context};
    if (d->threads.run)
        return d->threads.run(d->threads.user, on_some_thread, &shared, parts) ? INR_STOPPED : INR_OK;
    for (int32_t part = 0; part < parts; part++) work(context, part);
    return INR_OK;
}

/* ---- networks --------------------------------------------------------------------------------- */

int32_t inr_initial_count(const inr_decoder *d) {
    return d->header.initial == INR_TABLE ? d->shapes.parameters : 0;
}

inr_error inr_initial(inr_decoder *d, const int16_t *numbers, int32_t count) {
    if (d->plane[0].ready) return INR_OUT_OF_ORDER;
    if (d->header.initial != INR_TABLE || count != d->shapes.parameters) return INR_NO_INITIAL;
    const inr_allocator *before = use_allocator(&d->allocator);
    if (!d->initial) d->initial = obtain((size_t)count * 2);
    use_allocator(before);
    if (!d->initial) return INR_NO_MEMORY;
    memcpy(d->initial, numbers, (size_t)count * 2);
    return INR_OK;
}

inr_error inr_parameters(inr_decoder *d, int32_t number, const uint8_t *payload, size_t size) {
    if (number < 0 || number >= d->planes || d->plane[number].ready || (number && !d->plane[0].ready))
        return INR_OUT_OF_ORDER;
    if (d->header.initial == INR_TABLE && !d->initial) return INR_NO_INITIAL;
    Plane *plane = &d->plane[number];
    const inr_allocator *before = use_allocator(&d->allocator);
    inr_error error = read_groups(d, plane, 0, d->shapes.part_groups[1], payload, size);
    use_allocator(before);
    if (!error && d->latent) error = arm_integers(d, plane);
    plane->ready = !error;
    d->found_layers = 1;
    return error;
}

inr_error inr_layer(inr_decoder *d, const uint8_t *payload, size_t size) {
    if (d->header.family != SPINR || !d->plane[0].ready) return INR_OUT_OF_ORDER;
    int32_t number = size ? payload[0] : 0;
    if (number < 1 || number >= d->shapes.parts || number <= d->last_layer) return INR_OUT_OF_ORDER;
    d->last_layer = number;
    if (number != d->found_layers) return INR_OK; /* behind one that is missing */
    const inr_allocator *before = use_allocator(&d->allocator);
    inr_error error = read_groups(d, &d->plane[0], d->shapes.part_groups[number],
                                  d->shapes.part_groups[number + 1], payload + 1, size - 1);
    use_allocator(before);
    d->found_layers += !error;
    return error;
}

int32_t inr_layers(const inr_decoder *d) { return d->found_layers; }

inr_error inr_end(inr_decoder *d, int32_t complete, int32_t gap) {
    if (gap) d->plane[0].gap = d->plane[1].gap = 1;
    if (!d->plane[0].ready) return INR_MISSING;
    if (!complete) return INR_OK;
    if (d->planes == 2 && !d->plane[1].ready) return INR_MISSING;
    return d->header.family == SPINR && d->found_layers < d->shapes.parts ? INR_MISSING : INR_OK;
}

/* ---- what is stored --------------------------------------------------------------------------- */

int64_t inr_symbols(const inr_decoder *d, int32_t *symbols, int64_t room) {
    int64_t n = 0, end;
    for (int p = 0; p < d->planes; p++) {
        const Plane *plane = &d->plane[p];
        if (!plane->ready) continue;
        end = d->shapes.parameters;
        for (int64_t i = 0; i < end; i++, n++)
            if (n < room) symbols[n] = plane->symbols[i];
        for (int g = 0; g < d->grids; g++) {
            const Grid *grid = &plane->grids[g];
            end = (int64_t)grid->rows * grid->columns;
            for (int64_t i = 0; i < end; i++, n++)
                if (n < room) symbols[n] = grid->symbols ? grid->symbols[i] : 0;
        }
    }
    return n;
}

/* Symbols of one grid; INR_OVER_LIMIT for some beyond 16 bits. */
static inr_error put_grid(Grid *grid, const int32_t *symbols) {
    int64_t size = (int64_t)grid->rows * grid->columns;
    int32_t any = 0;
    for (int64_t i = 0; i < size; i++) {
        if (symbols[i] != (int16_t)symbols[i]) return INR_OVER_LIMIT;
        any |= symbols[i];
    }
    if (!grid->symbols && any) grid->symbols = obtain((size_t)size * 2);
    if (!grid->symbols) return any ? INR_NO_MEMORY : INR_OK;
    for (int64_t i = 0; i < size; i++) grid->symbols[i] = (int16_t)symbols[i];
    return INR_OK;
}

inr_error inr_put_symbols(inr_decoder *d, const int32_t *symbols, int64_t count) {
    inr_error error = count == inr_symbols(d, NULL, 0) ? INR_OK : INR_BAD_PAYLOAD;
    const inr_allocator *before = use_allocator(&d->allocator);
    for (int p = 0; p < d->planes && !error; p++) {
        Plane *plane = &d->plane[p];
        if (!plane->ready) continue;
        memcpy(plane->symbols, symbols, (size_t)d->shapes.parameters * 4);
        dequantize(d, plane, 0, d->shapes.part_groups[d->found_layers]);
        symbols += d->shapes.parameters;
        for (int g = 0; g < d->grids && !error; g++) {
            error = put_grid(&plane->grids[g], symbols);
            symbols += (int64_t)plane->grids[g].rows * plane->grids[g].columns;
        }
    }
    use_allocator(before);
    return error;
}

int32_t inr_values(const inr_decoder *d, int32_t plane, float *values, int32_t room) {
    int32_t n = d->shapes.parameters;
    if (plane < 0 || plane >= d->planes || !d->plane[plane].ready) return 0;
    if (room > 0) memcpy(values, d->plane[plane].values, (size_t)at_most(n, room) * 4);
    return n;
}

inr_error inr_put_values(inr_decoder *d, int32_t plane, const float *values, int32_t count) {
    if (plane < 0 || plane >= d->planes || !d->plane[plane].ready) return INR_MISSING;
    if (count != d->shapes.parameters) return INR_BAD_PAYLOAD;
    memcpy(d->plane[plane].values, values, (size_t)count * 4);
    return INR_OK;
}
