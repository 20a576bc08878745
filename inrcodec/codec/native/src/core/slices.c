/* Where the symbols of latents lie in a file: heads of sections, slices, their order, which are lost. */

#include "decoder.h"

static int32_t slices_across(const inr_decoder *d, const Grid *grid) {
    return d->header.slice ? ceiling(grid->columns, d->header.slice) : 1;
}

int32_t slice_count(const inr_decoder *d, const Grid *grid) {
    return d->header.slice ? slices_across(d, grid) * ceiling(grid->rows, d->header.slice) : 1;
}

static void slice_area(const inr_decoder *d, const Grid *grid, int32_t slice, int32_t *area) {
    int32_t side = d->header.slice ? d->header.slice : at_least(grid->rows, grid->columns);
    int32_t across = slices_across(d, grid);
    area[0] = slice / across * side, area[1] = at_most(grid->rows, area[0] + side);
    area[2] = slice % across * side, area[3] = at_most(grid->columns, area[2] + side);
}

/* A LEB128 number behind the head so far. */
static inr_error read_number(const uint8_t *payload, size_t size, Head *head, uint64_t *number) {
    *number = 0;
    for (int k = 0; k < 5; k++) {
        if (head->size >= size) return INR_MISSING;
        uint8_t byte = payload[head->size++];
        *number |= (uint64_t)(byte & 127) << 7 * k;
        if (byte < 128) return k && !byte ? INR_BAD_PAYLOAD : INR_OK;
    }
    return INR_BAD_PAYLOAD;
}

/* The grids that a joint section says it holds, each of which must be one slice. */
static inr_error read_joint(const inr_decoder *d, const uint8_t *payload, size_t size, Head *head) {
    int32_t first = payload[0] - JOINT, bytes = ceiling(first, 8);
    if (first < 1 || first > d->grids) return INR_BAD_PAYLOAD;
    if (size < 1 + (size_t)bytes) return INR_MISSING;
    head->size += (size_t)bytes, head->joint = first;
    for (int32_t k = 0; k < 8 * bytes; k++) {
        if (!(payload[1 + k / 8] >> k % 8 & 1)) continue;
        if (k >= first || slice_count(d, &d->plane[0].grids[d->order[k]]) > 1) return INR_BAD_PAYLOAD;
        head->grids[head->count++] = d->order[k];
    }
    return head->count && head->grids[head->count - 1] == d->order[first - 1] ? INR_OK : INR_BAD_PAYLOAD;
}

inr_error read_head(const inr_decoder *d, const uint8_t *payload, size_t size, Head *head) {
    uint64_t number = 0;
    memset(head, 0, sizeof *head);
    if (!size) return INR_MISSING;
    head->size = 1;
    if (payload[0] >= JOINT) return read_joint(d, payload, size, head);
    if (payload[0] >= d->grids) return INR_BAD_PAYLOAD;
    head->grids[head->count++] = payload[0];
    inr_error error = d->header.slice ? read_number(payload, size, head, &number) : INR_OK;
    if (error) return error;
    if (number >= (uint64_t)slice_count(d, &d->plane[0].grids[payload[0]])) return INR_BAD_PAYLOAD;
    head->slice = (int32_t)number;
    return INR_OK;
}

Piece piece_of(const inr_decoder *d, const Head *head, int32_t k) {
    Piece piece = {head->grids[k], head->slice, {0}};
    slice_area(d, &d->plane[0].grids[piece.grid], piece.slice, piece.area);
    return piece;
}

static int32_t position_of(const inr_decoder *d, int32_t grid) {
    for (int k = 0; k < d->grids; k++)
        if (d->order[k] == grid) return k;
    return -1;
}

/* ---- lost slices ------------------------------------------------------------------------------ */

static inr_error lose_slice(const inr_decoder *d, Plane *plane, int32_t grid, int32_t slice) {
    Grid *g = &plane->grids[grid];
    if (!g->lost) g->lost = obtain((size_t)slice_count(d, g));
    if (!g->lost) return INR_NO_MEMORY;
    g->lost[slice] = 1;
    return INR_OK;
}

inr_error lose(const inr_decoder *d, Plane *plane, const Piece *piece) {
    return lose_slice(d, plane, piece->grid, piece->slice);
}

/* The slices of the grid at a position of the coding order that come after the last section and before
   `stop`. */
static void between(const inr_decoder *d, const Plane *plane, int32_t position, int32_t stop,
                    int32_t *low, int32_t *high) {
    *low = position == plane->last_position ? plane->last_slice + 1 : 0;
    *high = at_most(stop, slice_count(d, &plane->grids[d->order[position]]));
}

/* Every slice after the last section, up to a position in coding order and a slice there. */
static inr_error lose_until(const inr_decoder *d, Plane *plane, int32_t position, int32_t slice) {
    for (int k = at_least(0, plane->last_position); k <= position; k++) {
        int32_t low, high;
        between(d, plane, k, k == position ? slice : INT32_MAX, &low, &high);
        for (int32_t s = low; s < high; s++)
            if (lose_slice(d, plane, d->order[k], s)) return INR_NO_MEMORY;
    }
    return INR_OK;
}

inr_error take_section(inr_decoder *d, Plane *plane, const Head *head, int32_t gap) {
    int32_t position = head->joint ? head->joint - 1 : position_of(d, head->grids[0]);
    if (gap) d->gaps = d->plane[0].gap = d->plane[1].gap = 1;
    if (head->joint && plane->last_position >= 0) return INR_OUT_OF_ORDER;
    if (position < plane->last_position ||
        (position == plane->last_position && head->slice <= plane->last_slice))
        return INR_OUT_OF_ORDER;
    /* a joint section names the grids of zeros before it */
    if (plane->gap && !head->joint && lose_until(d, plane, position, head->slice)) return INR_NO_MEMORY;
    plane->gap = 0;
    plane->last_position = position, plane->last_slice = head->slice;
    return INR_OK;
}

int32_t inr_lost(const inr_decoder *d, int32_t number) {
    if (!d->latent || number < 0 || number >= d->planes) return 0;
    const Plane *plane = &d->plane[number];
    int32_t lost = 0, low, high;
    for (int g = 0; g < d->grids; g++)
        for (int32_t s = 0; plane->grids[g].lost && s < slice_count(d, &plane->grids[g]); s++)
            lost += plane->grids[g].lost[s];
    for (int k = at_least(0, plane->last_position); k < d->grids && plane->gap; k++) {
        between(d, plane, k, INT32_MAX, &low, &high);
        lost += at_least(0, high - low);
    }
    return lost;
}

/* Whether an area of a grid has lost symbols. */
static int has_lost(const inr_decoder *d, const Grid *grid, const int32_t *area) {
    int32_t side = d->header.slice, across = slices_across(d, grid);
    if (!grid->lost || area[0] >= area[1] || area[2] >= area[3]) return 0;
    if (!side) return grid->lost[0];
    int32_t bottom = at_most(area[1], grid->rows), right = at_most(area[3], grid->columns);
    for (int32_t r = area[0] / side; r * side < bottom; r++)
        for (int32_t c = area[2] / side; c * side < right; c++)
            if (grid->lost[r * across + c]) return 1;
    return 0;
}

int sees_lost(const inr_decoder *d, const Plane *plane, const Piece *piece) {
    const Grid *grids = plane->grids;
    const int32_t *area = piece->area;
    int32_t seen[4], level = grids[piece->grid].level;
    if (d->header.family != COOLCHIC) return 0;
    for (int k = 0; k < 4; k += 2) {
        int32_t first = area[k], last = area[k + 1] - 1;
        seen[k] = at_least(0, (first >> 1) - !(first & 1));
        seen[k + 1] = (last >> 1) + 1 + (last & 1);
    }
    if (level < d->levels - 1 && has_lost(d, &grids[piece->grid + 1], seen)) return 1;
    if (piece->grid >= d->levels && has_lost(d, &grids[level], area)) return 1;
    return piece->grid >= d->levels + d->chroma && has_lost(d, &grids[piece->grid - d->chroma], area);
}

double inr_share(const inr_decoder *d) {
    if (!d->latent) return (double)d->found_layers / d->shapes.parts;
    const Plane *plane = &d->plane[0];
    double there = 0, all = 0;
    for (int k = 0; k < d->grids; k++) {
        const Grid *grid = &plane->grids[d->order[k]];
        double size = (double)grid->rows * grid->columns;
        int32_t slices = slice_count(d, grid), lost = 0;
        for (int s = 0; s < slices && grid->lost; s++) lost += grid->lost[s];
        int32_t found = k < plane->last_position ? slices : k > plane->last_position ? 0
                                                          : plane->last_slice + 1;
        all += size, there += size * (double)at_least(0, found - lost) / slices;
    }
    return there / all;
}
