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
    inr_decoder *d = given(allocator, sizeof *d);
    *error = INR_NO_MEMORY;
    if (!d) return NULL;
    d->allocator = *allocator;
    d->header = *header;
    d->most_work = MOST_WORK;
    use_allocator(&d->allocator);
    *error = model_open(d);
    if (!*error && d->shapes.parameters > MOST_PARAMETERS) *error = INR_OVER_LIMIT;
    if (!*error) *error = open_planes(d);
    if (!*error) return d;
    inr_close(d);
    return NULL;
}

void inr_close(inr_decoder *d) {
    if (!d) return;
    inr_allocator allocator = d->allocator;
    use_allocator(&allocator);
    for (int p = 0; p < 2; p++) {
        Plane *plane = &d->plane[p];
        for (int g = 0; g < MOST_GRIDS; g++) release(plane->grids[g].symbols), release(plane->grids[g].lost);
        release(plane->symbols), release(plane->values), release(plane->arm);
    }
    release(d->cumulated), release(d->initial), release(d);
}

void inr_allow(inr_decoder *d, double most_work) { d->most_work = most_work; }

int32_t inr_initial_count(const inr_decoder *d) {
    return d->header.initial == INR_TABLE ? d->shapes.parameters : 0;
}

inr_error inr_initial(inr_decoder *d, const int16_t *numbers, int32_t count) {
    use_allocator(&d->allocator);
    if (d->plane[0].ready) return INR_OUT_OF_ORDER;
    if (d->header.initial != INR_TABLE || count != d->shapes.parameters) return INR_NO_INITIAL;
    if (!d->initial) d->initial = obtain((size_t)count * 2);
    if (!d->initial) return INR_NO_MEMORY;
    memcpy(d->initial, numbers, (size_t)count * 2);
    return INR_OK;
}

inr_error inr_parameters(inr_decoder *d, int32_t number, const uint8_t *payload, size_t size) {
    use_allocator(&d->allocator);
    if (number < 0 || number >= d->planes || d->plane[number].ready || (number && !d->plane[0].ready))
        return INR_OUT_OF_ORDER;
    if (d->header.initial == INR_TABLE && !d->initial) return INR_NO_INITIAL;
    Plane *plane = &d->plane[number];
    inr_error error = read_groups(d, plane, 0, d->shapes.part_groups[1], payload, size);
    if (!error && d->latent) error = arm_integers(d, plane);
    plane->ready = !error;
    d->found_layers = 1;
    return error;
}

inr_error inr_layer(inr_decoder *d, const uint8_t *payload, size_t size) {
    use_allocator(&d->allocator);
    if (d->header.family != SPINR || !d->plane[0].ready) return INR_OUT_OF_ORDER;
    int32_t number = size ? payload[0] : 0;
    if (number < 1 || number >= d->shapes.parts || number <= d->last_layer) return INR_OUT_OF_ORDER;
    d->last_layer = number;
    if (number != d->found_layers) return INR_OK; /* behind one that is missing */
    inr_error error = read_groups(d, &d->plane[0], d->shapes.part_groups[number],
                                  d->shapes.part_groups[number + 1], payload + 1, size - 1);
    d->found_layers += !error;
    return error;
}

inr_error inr_end(inr_decoder *d, int32_t complete) {
    if (!d->plane[0].ready) return INR_MISSING;
    if (!complete) return INR_OK;
    if (d->planes == 2 && !d->plane[1].ready) return INR_MISSING;
    return d->header.family == SPINR && d->found_layers < d->shapes.parts ? INR_MISSING : INR_OK;
}

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
