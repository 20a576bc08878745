/* Sections of latents: where their symbols lie, whether they may be decoded, and their decoding. */

#include "decoder.h"

#define MOST_PER_BYTE (1 << 15)
#define SLACK 8
#define SYMBOL_WORK 200 /* of a symbol beside its network, in multiply-accumulates */

/* One section: which slice of which grid, and the bytes before its stream. */
typedef struct {
    int32_t grid, slice, area[4];
    size_t head;
} Piece;

static int32_t slices_across(const inr_decoder *d, const Grid *grid) {
    return d->header.slice ? ceiling(grid->columns, d->header.slice) : 1;
}

static int32_t slice_count(const inr_decoder *d, const Grid *grid) {
    return d->header.slice ? slices_across(d, grid) * ceiling(grid->rows, d->header.slice) : 1;
}

static void slice_area(const inr_decoder *d, const Grid *grid, int32_t slice, int32_t *area) {
    int32_t side = d->header.slice ? d->header.slice : at_least(grid->rows, grid->columns);
    int32_t across = slices_across(d, grid);
    area[0] = slice / across * side, area[1] = at_most(grid->rows, area[0] + side);
    area[2] = slice % across * side, area[3] = at_most(grid->columns, area[2] + side);
}

/* The head of a payload; INR_MISSING if it is cut. */
static inr_error read_head(const inr_decoder *d, const uint8_t *payload, size_t size, Piece *piece) {
    if (!size) return INR_MISSING;
    piece->grid = payload[0], piece->slice = 0, piece->head = 1;
    if (piece->grid >= d->grids) return INR_BAD_PAYLOAD;
    const Grid *grid = &d->plane[0].grids[piece->grid];
    uint64_t number = 0;
    for (int k = 0; d->header.slice; k++) {
        if (k == 5) return INR_BAD_PAYLOAD;
        if (piece->head >= size) return INR_MISSING;
        uint8_t byte = payload[piece->head++];
        number |= (uint64_t)(byte & 127) << 7 * k;
        if (byte >= 128) continue;
        if (k && !byte) return INR_BAD_PAYLOAD;
        break;
    }
    if (number >= (uint64_t)slice_count(d, grid)) return INR_BAD_PAYLOAD;
    piece->slice = (int32_t)number;
    slice_area(d, grid, piece->slice, piece->area);
    return INR_OK;
}

static int32_t position_of(const inr_decoder *d, int32_t grid) {
    for (int k = 0; k < d->grids; k++)
        if (d->order[k] == grid) return k;
    return -1;
}

/* ---- lost slices ------------------------------------------------------------------------------ */

static inr_error lose(const inr_decoder *d, Plane *plane, int32_t grid, int32_t slice) {
    Grid *g = &plane->grids[grid];
    if (!g->lost) g->lost = obtain((size_t)slice_count(d, g));
    if (!g->lost) return INR_NO_MEMORY;
    g->lost[slice] = 1;
    return INR_OK;
}

/* Every slice after the last section, up to a position in coding order and a slice there. */
static inr_error lose_until(const inr_decoder *d, Plane *plane, int32_t position, int32_t slice) {
    for (int k = at_least(0, plane->last_position); k <= position && k < d->grids; k++) {
        int32_t grid = d->order[k], low = k == plane->last_position ? plane->last_slice + 1 : 0;
        int32_t high = k == position ? slice : slice_count(d, &plane->grids[grid]);
        for (int32_t s = low; s < high; s++)
            if (lose(d, plane, grid, s)) return INR_NO_MEMORY;
    }
    return INR_OK;
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

/* Whether a piece has inputs from other grids that are lost. */
static int sees_lost(const inr_decoder *d, const Plane *plane, const Piece *piece) {
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

void inr_gap(inr_decoder *d) {
    d->gaps = d->plane[0].gap = d->plane[1].gap = 1;
}

/* ---- decoding --------------------------------------------------------------------------------- */

/* Symbols of a piece within zeros, side inputs behind them, and the order in which they are coded:
   what `decode_waves` takes. */
typedef struct {
    int32_t rows, columns, top, left;
    int64_t pitch, size, step, waves, offsets[MOST_NEIGHBOURS + SIDES];
    int16_t *flat;
    int64_t *starts, *counts;
    uint32_t *words;
    int32_t *arm;
    void *memory;
} Room;

static inr_error room_open(const inr_decoder *d, const Piece *piece, size_t stream, Room *room) {
    int32_t sides = d->inputs - d->neighbours, right = 0;
    memset(room, 0, sizeof *room);
    room->rows = piece->area[1] - piece->area[0], room->columns = piece->area[3] - piece->area[2];
    for (int k = 0; k < d->neighbours; k++) {
        room->top = at_least(room->top, -d->offsets[k][0]);
        room->left = at_least(room->left, -d->offsets[k][1]);
        right = at_least(right, d->offsets[k][1]);
    }
    room->pitch = (int64_t)room->left + room->columns + right;
    room->size = ((int64_t)room->top + room->rows) * room->pitch;
    room->step = room->pitch - d->lag > 1 ? room->pitch - d->lag : 1;
    int64_t times = room->columns + (int64_t)d->lag * (room->rows - 1);
    size_t flat = (size_t)(1 + sides) * (size_t)room->size * 2;
    size_t network = (size_t)d->shapes.parameters * 4;
    char *at = room->memory =
        obtain(flat + (size_t)times * 16 + stream + network + 5 * ALIGNMENT);
    if (!at) return INR_NO_MEMORY;
    room->flat = taken(&at, flat);
    room->starts = taken(&at, (size_t)times * 8);
    room->counts = taken(&at, (size_t)times * 8);
    room->words = taken(&at, stream);
    room->arm = taken(&at, network);
    for (int k = 0; k < d->neighbours; k++)
        room->offsets[k] = d->offsets[k][0] * room->pitch + d->offsets[k][1];
    for (int k = 0; k < sides; k++) room->offsets[d->neighbours + k] = room->size * (1 + k);
    for (int64_t t = 0; t < times; t++) {
        int64_t first = t - room->columns + d->lag < 0 ? 0 : (t - room->columns + d->lag) / d->lag;
        int64_t last = t / d->lag < room->rows - 1 ? t / d->lag : room->rows - 1;
        if (last < first) continue;
        room->counts[room->waves] = last - first + 1;
        room->starts[room->waves++] =
            (first + room->top) * room->pitch + room->left + t - d->lag * first;
    }
    return INR_OK;
}

/* The network of a grid as the kernel takes it. */
static void network_of(const inr_decoder *d, const Plane *plane, int32_t grid, int32_t *shape,
                       int32_t *parameters) {
    static const uint8_t ORDER[] = {ARM_W0, ARM_B0, ARM_W1, ARM_B1, ARM_WO, ARM_BO, ARM_LINEAR};
    const Tensor *levels = &d->shapes.tensor[ARM_LEVEL];
    int32_t linear = d->shapes.tensor[ARM_LINEAR].size > 0, a = d->arm_width;
    const int32_t sizes[] = {3, linear, d->inputs, a, a, 2};
    memcpy(shape, sizes, sizeof sizes);
    for (size_t k = 0; k < sizeof ORDER; k++) {
        const Tensor *t = &d->shapes.tensor[ORDER[k]];
        for (int i = 0; i < t->size; i++) parameters[i] = plane->arm[t->at + i];
        for (int i = 0; i < a && ORDER[k] == ARM_B0 && levels->size; i++)
            parameters[i] += plane->arm[levels->at + grid * a + i];
        parameters += t->size;
    }
}

static inr_error decode(const inr_decoder *d, Plane *plane, const Piece *piece, const uint8_t *stream,
                        size_t size, int whole) {
    Grid *grid = &plane->grids[piece->grid];
    Room room;
    if (room_open(d, piece, size, &room)) return INR_NO_MEMORY;
    int64_t inside = room.top * room.pitch + room.left;
    inr_error error = INR_OK;
    side_inputs(d, plane, piece->grid, piece->area, room.flat + room.size + inside, room.size,
                room.pitch);
    size_t all = (size_t)grid->rows * (size_t)grid->columns * 2;
    if (!grid->symbols && !(grid->symbols = obtain(all))) error = INR_NO_MEMORY;
    if (!error) {
        int32_t shape[6];
        network_of(d, plane, piece->grid, shape, room.arm);
        for (size_t k = 0; k < size / 4; k++) {
            const uint8_t *p = stream + 4 * k;
            room.words[k] = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        }
        int64_t decoded = decode_waves(shape, room.arm, room.flat, room.offsets, room.waves,
                                       room.starts, room.counts, room.step, room.words,
                                       (int64_t)(size / 4), d->cumulated, !whole);
        if (decoded == INT64_MIN) error = INR_NO_MEMORY;
        else if (decoded < 0 && whole) error = INR_BAD_STREAM;
    }
    for (int32_t r = 0; r < room.rows && !error; r++)
        memcpy(grid->symbols + (int64_t)(piece->area[0] + r) * grid->columns + piece->area[2],
               room.flat + inside + r * room.pitch, (size_t)room.columns * 2);
    release(room.memory);
    return error;
}

int32_t inr_latents_size(const inr_decoder *d, const uint8_t *payload, size_t size) {
    Piece piece;
    if (!d->latent || read_head(d, payload, size, &piece)) return 0;
    return (piece.area[1] - piece.area[0]) * (piece.area[3] - piece.area[2]);
}

/* Check what a section asks for; INR_MISSING if it is cut before it says. */
static inr_error check(inr_decoder *d, Plane *plane, const uint8_t *payload, size_t size, int whole,
                       Piece *piece) {
    inr_error error = read_head(d, payload, size, piece);
    if (error) return error == INR_MISSING && whole ? INR_BAD_PAYLOAD : error;
    int32_t position = position_of(d, piece->grid);
    if (position < plane->last_position ||
        (position == plane->last_position && piece->slice <= plane->last_slice))
        return INR_OUT_OF_ORDER;
    size_t stream = size - piece->head;
    int64_t rows = piece->area[1] - piece->area[0], columns = piece->area[3] - piece->area[2];
    if (whole && (!stream || stream % 4)) return INR_BAD_STREAM;
    if (whole && rows * columns > (int64_t)MOST_PER_BYTE * ((int64_t)stream + SLACK))
        return INR_OVER_LIMIT;
    int64_t waves = columns + d->lag * (rows - 1);
    d->waves += waves < rows * columns ? waves : rows * columns;
    if (d->waves > MOST_WAVES) return INR_OVER_LIMIT;
    double network = d->shapes.group_size[ARM_WEIGHT] + SYMBOL_WORK;
    return (double)rows * (double)columns * network > d->most_work ? INR_TOO_MUCH_WORK : INR_OK;
}

inr_error inr_latents(inr_decoder *d, int32_t number, const uint8_t *payload, size_t size,
                      int32_t whole) {
    use_allocator(&d->allocator);
    if (!d->latent || number < 0 || number >= d->planes || !d->plane[number].ready)
        return INR_OUT_OF_ORDER;
    Plane *plane = &d->plane[number];
    Piece piece;
    inr_error error = check(d, plane, payload, size, whole, &piece);
    if (error) return error == INR_MISSING ? INR_OK : error;
    int32_t position = position_of(d, piece.grid), hidden = 0;
    if (plane->gap && lose_until(d, plane, position, piece.slice)) return INR_NO_MEMORY;
    plane->gap = 0;
    plane->last_position = position, plane->last_slice = piece.slice;
    if (d->gaps) hidden = sees_lost(d, plane, &piece);
    if (!hidden)
        error = decode(d, plane, &piece, payload + piece.head, (size - piece.head) / 4 * 4, whole);
    if (!error && (hidden || !whole)) /* nothing behind a hole may rely on it */
        error = lose(d, plane, piece.grid, piece.slice);
    return error;
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
