/* Sections of latents: whether their symbols may be decoded, which of them at once, and their decoding. */

#include "decoder.h"
#include "../range.h"

#define MOST_PER_BYTE (1 << 15)
#define SLACK 8
#define SYMBOL_WORK 200 /* of a symbol beside its network, in multiply-accumulates */
#define MANY (1 << 14)  /* symbols that are worth another thread */

/* Symbols of a piece within zeros, side inputs behind them, and the order in which they are coded:
   what `decode_waves` takes. */
typedef struct {
    int32_t rows, columns, top, left;
    int64_t pitch, size, step, waves, offsets[MOST_NEIGHBOURS + SIDES];
    int16_t *flat;
    int64_t *starts, *counts;
    int32_t *arm;
    void *memory;
} Room;

static inr_error room_open(const inr_decoder *d, const Piece *piece, Room *room) {
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
    char *at = room->memory = obtain(flat + (size_t)times * 16 + network + 4 * ALIGNMENT);
    if (!at) return INR_NO_MEMORY;
    room->flat = taken(&at, flat);
    room->starts = taken(&at, (size_t)times * 8);
    room->counts = taken(&at, (size_t)times * 8);
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

/* One piece that is decoded, by its own coder or, in a joint section, by that of the section's first one;
   and the next piece that depends on it: of the section, or of the second chroma grid. */
typedef struct {
    Plane *plane;
    Piece piece;
    RangeDecoder own, *coder;
    int32_t whole, hidden, round, next, follows;
    int64_t decoded;
    inr_error error;
} Job;

static int64_t symbols_of(const Job *job) {
    const int32_t *area = job->piece.area;
    return (int64_t)(area[1] - area[0]) * (area[3] - area[2]);
}

static void decode(const inr_decoder *d, Job *job) {
    const Piece *piece = &job->piece;
    Grid *grid = &job->plane->grids[piece->grid];
    Room room;
    int32_t shape[6];
    job->error = room_open(d, piece, &room);
    if (job->error) return;
    int64_t inside = room.top * room.pitch + room.left;
    side_inputs(d, job->plane, piece->grid, piece->area, room.flat + room.size + inside, room.size,
                room.pitch);
    network_of(d, job->plane, piece->grid, shape, room.arm);
    job->decoded = decode_waves(shape, room.arm, room.flat, room.offsets, room.waves, room.starts,
                                room.counts, room.step, job->coder, d->cumulated, !job->whole);
    if (job->decoded == INT64_MIN) job->error = INR_NO_MEMORY;
    else if (job->decoded < 0 && job->whole) job->error = INR_BAD_STREAM;
    if (job->decoded < 0) job->decoded = -1 - job->decoded;
    for (int32_t r = 0; r < room.rows && !job->error; r++)
        memcpy(grid->symbols + (int64_t)(piece->area[0] + r) * grid->columns + piece->area[2],
               room.flat + inside + r * room.pitch, (size_t)room.columns * 2);
    release(room.memory);
}

static int64_t symbols_in(const inr_decoder *d, const Head *head) {
    int64_t symbols = 0;
    for (int32_t k = 0; k < head->count; k++) {
        Piece piece = piece_of(d, head, k);
        symbols += (int64_t)(piece.area[1] - piece.area[0]) * (piece.area[3] - piece.area[2]);
    }
    return symbols;
}

int32_t inr_latents_size(const inr_decoder *d, const uint8_t *payload, size_t size) {
    Head head;
    return !d->latent || read_head(d, payload, size, &head) ? 0 : (int32_t)symbols_in(d, &head);
}

/* Check what a section asks for; INR_MISSING if it is cut before it says. */
static inr_error check(inr_decoder *d, const inr_section *section, Head *head) {
    inr_error error = read_head(d, section->payload, section->size, head);
    if (error) return error == INR_MISSING && section->whole ? INR_BAD_PAYLOAD : error;
    size_t stream = section->size - head->size;
    int64_t symbols = symbols_in(d, head);
    if (section->whole && (!stream || stream % 4)) return INR_BAD_STREAM;
    if (section->whole && symbols > (int64_t)MOST_PER_BYTE * ((int64_t)stream + SLACK))
        return INR_OVER_LIMIT;
    for (int32_t k = 0; k < head->count; k++) {
        Piece piece = piece_of(d, head, k);
        int64_t rows = piece.area[1] - piece.area[0], columns = piece.area[3] - piece.area[2];
        int64_t waves = columns + d->lag * (rows - 1);
        d->waves += waves < rows * columns ? waves : rows * columns;
        if (d->waves > MOST_WAVES) return INR_OVER_LIMIT;
    }
    double network = d->shapes.group_size[ARM_WEIGHT] + SYMBOL_WORK;
    return (double)symbols * network > d->most_work ? INR_TOO_MUCH_WORK : INR_OK;
}

/* Make a job of the k-th piece of a section, all of it but the decoding; `round` is that of a joint one. */
static inr_error job_open(inr_decoder *d, Plane *plane, const Head *head, int32_t k, int32_t whole,
                          Job *job) {
    inr_error error = INR_OK;
    Piece *piece = &job->piece;
    *piece = piece_of(d, head, k);
    Grid *grid = &plane->grids[piece->grid];
    job->plane = plane, job->whole = whole, job->next = -1;
    job->hidden = d->gaps && !head->joint && sees_lost(d, plane, piece);
    /* a joint section comes first of all; then grids of the main pyramid depend on those of the round
       before, chroma grids on the main one too */
    if (d->inputs > d->neighbours && !head->joint)
        job->round = d->levels - grid->level + (piece->grid >= d->levels);
    if (job->hidden || !whole) error = lose(d, plane, piece); /* nothing may rely on it */
    size_t all = (size_t)grid->rows * (size_t)grid->columns * 2;
    if (!error && !job->hidden && !grid->symbols && !(grid->symbols = obtain(all))) error = INR_NO_MEMORY;
    return error;
}

/* Make jobs of all pieces of a section, from number `at` on; `at` is then that of the next one. */
static inr_error jobs_open(inr_decoder *d, const inr_section *section, Job *jobs, int32_t *at) {
    Head head;
    if (section->plane < 0 || section->plane >= d->planes || !d->plane[section->plane].ready)
        return INR_OUT_OF_ORDER;
    Plane *plane = &d->plane[section->plane];
    inr_error error = check(d, section, &head);
    if (error) return error == INR_MISSING ? INR_OK : error;
    error = take_section(d, plane, &head, section->gap);
    Job *first = &jobs[*at];
    for (int32_t k = 0; k < head.count && !error; k++, ++*at) {
        Job *job = &jobs[*at];
        memset(job, 0, sizeof *job);
        error = job_open(d, plane, &head, k, section->whole, job);
        job->coder = &first->own;
        if (k) job[-1].next = *at, job->follows = 1;
    }
    first->own = range_open(section->payload + head.size, section->size - head.size);
    return error;
}

/* ---- threads ---------------------------------------------------------------------------------- */

typedef struct {
    const inr_decoder *d;
    Job *jobs;
    const int32_t *first; /* job of every part, behind which others of it follow */
} Round;

static void decode_part(void *context, int32_t part) {
    const Round *round = context;
    for (int32_t k = round->first[part]; k >= 0; k = round->jobs[k].next)
        decode(round->d, &round->jobs[k]);
}

/* Let each slice of the second chroma grid of a level follow that of the first one, which it depends on:
   `latest` holds the last job of every slice, for each plane. */
static void chain(const inr_decoder *d, Job *jobs, int32_t count, int32_t *latest, int32_t slices) {
    for (int32_t k = 0; k < count; k++) {
        Job *job = &jobs[k];
        if (job->hidden || !job->round || job->piece.grid < d->levels) continue;
        int32_t *last = &latest[(job->plane == &d->plane[1]) * slices + job->piece.slice];
        Job *before = *last ? &jobs[*last - 1] : NULL;
        if (before && before->piece.grid == job->piece.grid - d->chroma) before->next = k, job->follows = 1;
        *last = k + 1;
    }
}

/* Decode jobs, those of a round at once; the largest ones, which come last in a file, begin. */
static inr_error decode_all(const inr_decoder *d, Job *jobs, int32_t count, int32_t *parts) {
    for (int32_t r = 0; r <= d->levels + 1; r++) {
        Round round = {d, jobs, parts};
        int32_t n = 0;
        int64_t symbols = 0;
        inr_error error = INR_OK;
        for (int32_t k = count - 1; k >= 0; k--) {
            if (jobs[k].hidden || jobs[k].round != r) continue;
            symbols += symbols_of(&jobs[k]);
            if (!jobs[k].follows) parts[n++] = k;
        }
        if (symbols >= MANY) error = share(d, decode_part, &round, n);
        else for (int32_t part = 0; part < n; part++) decode_part(&round, part);
        for (int32_t k = 0; k < count && !error; k++) error = jobs[k].error;
        if (error) return error;
    }
    return INR_OK;
}

inr_error inr_latents(inr_decoder *d, const inr_section *sections, int32_t count) {
    if (!d->latent || count < 1) return count ? INR_OUT_OF_ORDER : INR_OK;
    const inr_allocator *before = use_allocator(&d->allocator);
    int32_t slices = slice_count(d, &d->plane[0].grids[d->chroma_level]), n = 0;
    size_t most = (size_t)count + (size_t)d->planes * MOST_GRIDS; /* a plane has one joint section */
    size_t room = most * sizeof(Job), parts = most * 4, latest = (size_t)slices * 8;
    char *memory = obtain(room + parts + latest + 3 * ALIGNMENT), *at = memory;
    inr_error error = memory ? INR_OK : INR_NO_MEMORY;
    if (!error) {
        Job *jobs = taken(&at, room);
        int32_t *first = taken(&at, parts);
        for (int32_t k = 0; k < count && !error; k++) error = jobs_open(d, &sections[k], jobs, &n);
        if (!error && n > 1) chain(d, jobs, n, taken(&at, latest), slices);
        if (!error) error = decode_all(d, jobs, n, first);
        for (int32_t k = 0; k < n && !error; k++) {
            Plane *plane = jobs[k].plane;
            if (jobs[k].coder == &jobs[k].own) plane->decoded = 0;
            plane->decoded += jobs[k].decoded;
        }
    }
    release(memory);
    use_allocator(before);
    return error;
}

int64_t inr_decoded(const inr_decoder *d, int32_t plane) {
    return plane >= 0 && plane < d->planes ? d->plane[plane].decoded : 0;
}
