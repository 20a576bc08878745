/* The decoder, without an operating system: sections of a file in, samples of any view out.

   docs/format.md is the specification. The container (signature, sections, checksums, the map of the
   header) is the caller's to read; this takes the fields of the header and the payloads of sections,
   in file order, and renders what is there of the image at any time, so every prefix is a picture.

   Nothing here calls a system. Memory comes from the caller's allocator alone, limits of the format
   are checked before it is asked for, and every function that can fail returns an `inr_error`, which
   is below 0. Bytes are taken for hostile. One decoder is used by one thread at a time. */

#ifndef INR_H
#define INR_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
    INR_OK = 0,
    INR_NO_MEMORY = -1,
    INR_BAD_HEADER = -2,     /* the dimensions are none of the family */
    INR_OVER_LIMIT = -3,     /* beyond a limit of docs/format.md, "Limits" */
    INR_OUT_OF_ORDER = -4,   /* a section is out of order, repeats, or belongs to no such image */
    INR_BAD_PAYLOAD = -5,    /* a payload is too short, or not of its form */
    INR_BAD_STREAM = -6,     /* not a stream of the range coder */
    INR_BAD_ARM = -7,        /* a context network that 32-bit integers cannot compute */
    INR_NO_INITIAL = -8,     /* initial values are wanted, and none of this network were given */
    INR_BAD_VIEW = -9,       /* the view lies outside of the image, or is too large */
    INR_TOO_MUCH_WORK = -10, /* more work than the caller allows */
    INR_MISSING = -11        /* a section that a picture needs is not there */
} inr_error;

typedef struct {
    void *(*obtain)(void *user, size_t bytes); /* aligned to 64 bytes; NULL if there is none */
    void (*release)(void *user, void *memory);
    void *user;
} inr_allocator;

typedef enum { INR_ZEROS = 0, INR_TABLE = 1, INR_PHASES = 2 } inr_initial_kind;

/* Fields of the HEADER; `slice` is 0 without one, `initial` what parameters add to (key 7). */
typedef struct {
    int32_t width, height, channels, depth, family, slice, initial, count, dimensions[16];
} inr_header;

/* `wide` x `high` pixels from (x, y) on of the image at `width` x `height` pixels. */
typedef struct {
    int32_t width, height, x, y, wide, high;
} inr_view;

/* INR_SAMPLES: samples of all channels of a pixel, then the next pixel, 8 or 16 bits each.
   INR_RGBA: 8 bits each of red, green, blue, straight alpha. */
typedef enum { INR_SAMPLES = 0, INR_RGBA = 1 } inr_layout;

typedef struct inr_decoder inr_decoder;

/* NULL, and why in `error`, for a header that describes no image within the limits. */
inr_decoder *inr_open(const inr_allocator *allocator, const inr_header *header, inr_error *error);
void inr_close(inr_decoder *decoder);

/* Most multiply-accumulates that one section or one view may take; 2^38 until it is called. */
void inr_allow(inr_decoder *decoder, double most_work);

/* How many initial values a header with INR_TABLE needs before PARAMETERS, and they: 16-bit integers
   in the order of docs/format.md. */
int32_t inr_initial_count(const inr_decoder *decoder);
inr_error inr_initial(inr_decoder *decoder, const int16_t *numbers, int32_t count);

/* PARAMETERS of plane 0, ALPHA_PARAMETERS of plane 1; LAYER. */
inr_error inr_parameters(inr_decoder *decoder, int32_t plane, const uint8_t *payload, size_t size);
inr_error inr_layer(inr_decoder *decoder, const uint8_t *payload, size_t size);

/* LATENTS of plane 0, ALPHA_LATENTS of plane 1. One that is not `whole` was cut short: what is certain
   of it is decoded. */
inr_error inr_latents(inr_decoder *decoder, int32_t plane, const uint8_t *payload, size_t size,
                      int32_t whole);

/* Bytes are missing between the last section and the next one, or at the end. Slices that may have
   been there, and those that depend on them, are taken as lost. */
void inr_gap(inr_decoder *decoder);

/* Nothing follows; `complete` if END was there and no bytes are missing. Checks that a picture is. */
inr_error inr_end(inr_decoder *decoder, int32_t complete);

/* Symbols of the grid that the next section of latents with this payload would decode; 0 if its head
   is not valid. */
int32_t inr_latents_size(const inr_decoder *decoder, const uint8_t *payload, size_t size);

/* The share of the image's symbols or layers that is not lost or still to come, 0 to 1: grids count as
   there up to the last section, since those of zeros have none. */
double inr_share(const inr_decoder *decoder);

/* Rows of a view that are best rendered at once: bands of them take memory for themselves alone. */
int32_t inr_band(const inr_decoder *decoder, const inr_view *view);

/* Bytes that `inr_render` writes; 0 for a view that is not one. */
size_t inr_size(const inr_decoder *decoder, const inr_view *view, inr_layout layout, int32_t depth);

/* The view as it is now. */
inr_error inr_render(inr_decoder *decoder, const inr_view *view, inr_layout layout, int32_t depth,
                     void *out);

/* How many of the finest levels have no symbols yet, at most 3; 0 where that saves nothing. */
int32_t inr_empty_levels(const inr_decoder *decoder);

/* A view as `inr_render`, quickly: of the image at its size divided by 2^levels, as if no finer grids
   than those of that level were to come. */
inr_error inr_draft(inr_decoder *decoder, int32_t levels, const inr_view *view, inr_layout layout,
                    int32_t depth, void *out);

/* For tests: all symbols in file order, as many as there are room for; returns their number. */
int64_t inr_symbols(const inr_decoder *decoder, int32_t *symbols, int64_t room);

#endif
