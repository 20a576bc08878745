/* What the files of the decoder share; callers see inr.h alone. */

#ifndef INR_DECODER_H
#define INR_DECODER_H

#include "inr.h"
#include "../kernels.h"
#include "../memory.h"

enum {
    SIREN = 1, PE_SIREN = 2, COOLCHIC_V1 = 3, COOLCHIC_V2 = 4, COOLCHIC = 5, NIF = 6, FOURIER = 7,
    MFN_FOURIER = 8, MFN_GABOR = 9, WIRE = 10, DINER = 11, SPINR = 12
};

/* Tensors of latent families, in the order of their initial values. */
enum {
    ARM_W0, ARM_B0, ARM_W1, ARM_B1, ARM_WO, ARM_BO, ARM_LINEAR, ARM_LEVEL,
    UP_KERNEL, UP_GAIN, SYN_W0, SYN_B0, SYN_W1, SYN_B1, SYN_WO, SYN_BO, SYN_LINEAR,
    CONV_W0, CONV_B0, CONV_W1, CONV_B1, LATENT_TENSORS
};

#define GROUPS 6 /* arm.weight, arm.bias, up, synthesis.weight, synthesis.bias, conv */
#define ARM_WEIGHT 0
#define ARM_BIAS 1
#define MOST_TENSORS 104
#define MOST_LEVELS 10
#define MOST_GRIDS (MOST_LEVELS + 2 * (MOST_LEVELS - 1))
#define MOST_NEIGHBOURS 24
#define SIDES 6

#define MOST_PARAMETERS (1 << 22)
#define MOST_LATENT_PIXELS (1 << 25)
#define MOST_PIXELS (1 << 27)
#define MOST_WAVES (1 << 21)
#define MOST_MAGNITUDE 32767

/* Where the symbols of a tensor lie among all, how many there are, whose code they share. */
typedef struct {
    int32_t at, size, group, phases;
} Tensor;

typedef struct {
    int32_t tensors, groups, parameters, parts;
    Tensor tensor[MOST_TENSORS];
    int32_t group_size[MOST_TENSORS];
    int32_t part_groups[17]; /* groups of part p begin there: sections of SPINR; else one part */
} Shapes;

typedef struct {
    int32_t level, rows, columns;
    int16_t *symbols; /* NULL: only zeros */
    uint8_t *lost;    /* of every slice, or NULL: none */
} Grid;

typedef struct {
    int32_t ready, *symbols, codes[MOST_TENSORS];
    float *values;
    int32_t *arm; /* integers in units of 2^-8, where tensors are */
    Grid grids[MOST_GRIDS];
    int32_t last_position, last_slice; /* of the last section, -1 before the first */
    int32_t gap;
    int64_t decoded; /* symbols of the last section */
} Plane;

struct inr_decoder {
    inr_allocator allocator;
    inr_threads threads;
    inr_header header;
    Shapes shapes;
    int16_t *initial;
    Plane plane[2];
    int32_t latent, planes, gaps;
    /* latent families */
    int32_t levels, neighbours, arm_width, synthesis_width, inputs, grids, chroma, chroma_level;
    int32_t order[MOST_GRIDS], offsets[MOST_NEIGHBOURS][2], lag;
    int32_t drawn; /* level whose symbols are pixels: 0 but for drafts */
    int64_t waves;
    int32_t *cumulated;
    /* coordinate networks */
    int32_t width, layers, frequencies, last_layer, found_layers;
    double most_work;
};

/* Of a decoder that is given none, and of kernels that are called by themselves: whoever compiles the
   core for a system defines it. */
extern const inr_allocator host_allocator;

/* memory.c: whose allocator this thread uses from now on, NULL for that of the host; returns whose it
   used before. */
const inr_allocator *use_allocator(const inr_allocator *allocator);

/* decoder.c: work(context, 0 .. parts - 1) shared among the threads of the caller. */
inr_error share(const inr_decoder *d, void (*work)(void *context, int32_t part), void *context,
                int32_t parts);

/* model.c: shapes of the header's family. */
inr_error model_open(inr_decoder *d);

/* parameters.c: the codes and symbols of some groups, and the values of some tensors. */
inr_error read_groups(inr_decoder *d, Plane *plane, int32_t first, int32_t last,
                      const uint8_t *payload, size_t size);

/* parameters.c: values of the tensors of some groups: initial value + symbol x step. */
void dequantize(const inr_decoder *d, Plane *plane, int32_t first, int32_t last);

/* A slice of a grid and its area (top, bottom, left, right). */
typedef struct {
    int32_t grid, slice, area[4];
} Piece;

#define JOINT 128 /* and n: a section of grids among the first n */

/* slices.c: what a section of latents holds: a slice of a grid, or, if `joint`, grids among so many first
   ones of the coding order; and the bytes before its stream. */
typedef struct {
    int32_t count, joint, slice, grids[MOST_GRIDS];
    size_t size;
} Head;

/* INR_MISSING if the head is cut. */
inr_error read_head(const inr_decoder *d, const uint8_t *payload, size_t size, Head *head);
Piece piece_of(const inr_decoder *d, const Head *head, int32_t k);
int32_t slice_count(const inr_decoder *d, const Grid *grid);

/* Take a section as the next one of a plane, behind a gap or not. INR_OUT_OF_ORDER if it is none. */
inr_error take_section(inr_decoder *d, Plane *plane, const Head *head, int32_t gap);

/* Count a piece as lost. */
inr_error lose(const inr_decoder *d, Plane *plane, const Piece *piece);

/* Whether a piece has inputs from other grids that are lost. */
int sees_lost(const inr_decoder *d, const Plane *plane, const Piece *piece);

/* laplace.c: boundaries of the tables, 66 a row. */
#define TABLE_ROWS 2048
#define TABLE_COLUMNS 66
void laplace_boundaries(int32_t *cumulated);

/* arm.c: the context network as integers, checked. */
inr_error arm_integers(const inr_decoder *d, Plane *plane);

/* colours.c: three colours of a window (top, bottom, left, right) of a plane, unclipped, in pixels of
   the level that is drawn, from a block of memory that the caller releases. */
float *window_colours(const inr_decoder *d, const Plane *plane, const int32_t *window, void **memory);
double window_work(const inr_decoder *d);

/* coordinates.c: colours (channels, rows x columns) on a grid of coordinates. */
inr_error network_colours(const inr_decoder *d, const double *ys, int32_t rows, const double *xs,
                          int32_t columns, float *out);
double network_work(const inr_decoder *d);

/* sides.c: the side inputs of the symbols of an area (top, bottom, left, right) of a grid, as planes
   of `size` numbers with rows `pitch` apart. */
void side_inputs(const inr_decoder *d, const Plane *plane, int32_t grid, const int32_t *area,
                 int16_t *planes, int64_t size, int64_t pitch);

/* Whether square hidden layers add to their inputs. */
static inline int residual(const inr_decoder *d) { return d->header.family != COOLCHIC; }

static inline int32_t at_most(int32_t a, int32_t b) { return a < b ? a : b; }
static inline int32_t at_least(int32_t a, int32_t b) { return a > b ? a : b; }
static inline int32_t ceiling(int32_t a, int32_t b) { return (int32_t)(((int64_t)a + b - 1) / b); }
static inline int32_t bounded(int32_t v, int32_t low, int32_t high) {
    return v < low ? low : v > high ? high : v;
}

#endif
