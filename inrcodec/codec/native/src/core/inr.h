/* The decoder, without an operating system: sections of a file in, samples of any view out.

   docs/format.md is the specification. The container (signature, sections, checksums, the map of the
   header) is the caller's to read; this takes the fields of the header and the payloads of sections,
   in file order, and renders what is there of the image at any time, so every prefix is a picture.

   Nothing here calls a system. Memory comes from the caller's allocator alone, other threads from the
   caller too; limits of the format are checked before memory is asked for, and every function that can
   fail returns an `inr_error`, which is below 0. Bytes are taken for hostile. A caller uses a decoder
   from one thread at a time. */

#ifndef INR_H
#define INR_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define INR_API __declspec(dllexport)
#else
#define INR_API __attribute__((visibility("default")))
#endif

typedef enum {
    INR_OK = 0,
    INR_NO_MEMORY = -1,
    INR_BAD_HEADER = -2,     /* the dimensions are none of the family */
    INR_OVER_LIMIT = -3,     /* beyond a limit of docs/format.md, "Limits" */
    INR_OUT_OF_ORDER = -4,   /* a section is out of order, repeats, or belongs to no such image */
    INR_BAD_PAYLOAD = -5,    /* a payload is too short, or not of its form */
    INR_BAD_STREAM = -6,     /* not a stream of the range coder */
    INR_BAD_ARM = -7,        /* a context network that is not of multiples of 2^-8 */
    INR_NO_INITIAL = -8,     /* initial values are wanted, and none of this network were given */
    INR_BAD_VIEW = -9,       /* the view lies outside of the image, or is too large */
    INR_TOO_MUCH_WORK = -10, /* more work than the caller allows */
    INR_MISSING = -11,       /* a section that a picture needs is not there */
    INR_WIDE_ARM = -12,      /* a context network that 32-bit integers cannot compute */
    INR_STOPPED = -13        /* the caller's threads gave up */
} inr_error;

typedef struct {
    void *(*obtain)(void *user, size_t bytes); /* aligned to 64 bytes; NULL if there is none */
    void (*release)(void *user, void *memory);
    void *user;
} inr_allocator;

/* Calls work(context, k) for k = 0 .. parts - 1, once each, in any order and on any threads, and returns
   0 when all of them are done; or, when none is at work, another number if the caller gives up. */
typedef struct {
    int32_t (*run)(void *user, void (*work)(void *context, int32_t part), void *context, int32_t parts);
    void *user;
} inr_threads;

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

/* A section LATENTS (of plane 0) or ALPHA_LATENTS (1). One that is not `whole` was cut short: what is
   certain of it is decoded. With `gap`, bytes are missing between the last section of latents and it:
   slices that may have been there, and those that depend on them, are taken as lost. */
typedef struct {
    const uint8_t *payload;
    size_t size;
    int32_t plane, whole, gap;
} inr_section;

typedef struct inr_decoder inr_decoder;

/* NULL, and why in `error`, for a header that describes no image within the limits. Without an
   allocator, memory is that of the system which the library was compiled for. */
INR_API inr_decoder *inr_open(const inr_allocator *allocator, const inr_header *header,
                              inr_error *error);
INR_API void inr_close(inr_decoder *decoder);

/* Most multiply-accumulates that one section or one view may take; 2^38 until it is called. */
INR_API void inr_allow(inr_decoder *decoder, double most_work);

/* The threads among which the work of one call is shared, and its allocator with them; NULL: none. What
   comes out is the same. */
INR_API void inr_use_threads(inr_decoder *decoder, const inr_threads *threads);

/* How many initial values a header with INR_TABLE needs before PARAMETERS, and they: 16-bit integers
   in the order of docs/format.md. */
INR_API int32_t inr_initial_count(const inr_decoder *decoder);
INR_API inr_error inr_initial(inr_decoder *decoder, const int16_t *numbers, int32_t count);

/* PARAMETERS of plane 0, ALPHA_PARAMETERS of plane 1; LAYER. */
INR_API inr_error inr_parameters(inr_decoder *decoder, int32_t plane, const uint8_t *payload,
                                 size_t size);
INR_API inr_error inr_layer(inr_decoder *decoder, const uint8_t *payload, size_t size);

/* Sections of latents, in file order: all at once, so that threads share those that do not depend on
   each other, or as they come. */
INR_API inr_error inr_latents(inr_decoder *decoder, const inr_section *sections, int32_t count);

/* Nothing follows; `complete` if END was there and no bytes are missing, `gap` if some are at the end of a
   file that lost some. Checks that a picture is there. */
INR_API inr_error inr_end(inr_decoder *decoder, int32_t complete, int32_t gap);

/* Symbols of the grid that the next section of latents with this payload would decode; 0 if its head
   is not valid. */
INR_API int32_t inr_latents_size(const inr_decoder *decoder, const uint8_t *payload, size_t size);

/* Of a plane: how many slices are lost, those that a gap at the end hides included, and how many symbols
   of its last section are decoded. How many layers of a network are. */
INR_API int32_t inr_lost(const inr_decoder *decoder, int32_t plane);
INR_API int64_t inr_decoded(const inr_decoder *decoder, int32_t plane);
INR_API int32_t inr_layers(const inr_decoder *decoder);

/* The share of the image's symbols or layers that is not lost or still to come, 0 to 1: grids count as
   there up to the last section, since those of zeros have none. */
INR_API double inr_share(const inr_decoder *decoder);

/* Rows of a view that are best rendered at once: bands of them take memory for themselves alone. */
INR_API int32_t inr_band(const inr_decoder *decoder, const inr_view *view);

/* Bytes that `inr_render` writes; 0 for a view that is not one. */
INR_API size_t inr_size(const inr_decoder *decoder, const inr_view *view, inr_layout layout,
                        int32_t depth);

/* The view as it is now. */
INR_API inr_error inr_render(inr_decoder *decoder, const inr_view *view, inr_layout layout,
                             int32_t depth, void *out);

/* How many of the finest levels have no symbols yet, at most 3; 0 where that saves nothing. */
INR_API int32_t inr_empty_levels(const inr_decoder *decoder);

/* A view as `inr_render`, quickly: of the image at its size divided by 2^levels, as if no finer grids
   than those of that level were to come. */
INR_API inr_error inr_draft(inr_decoder *decoder, int32_t levels, const inr_view *view,
                            inr_layout layout, int32_t depth, void *out);

/* All symbols in file order, as many as there are room for; returns their number. */
INR_API int64_t inr_symbols(const inr_decoder *decoder, int32_t *symbols, int64_t room);

/* Other symbols in their place, as many; those of grids have 16 bits. */
INR_API inr_error inr_put_symbols(inr_decoder *decoder, const int32_t *symbols, int64_t count);

/* The parameters of a plane that pixels are computed with, in the order of their symbols, as many as
   there is room for; returns their number. */
INR_API int32_t inr_values(const inr_decoder *decoder, int32_t plane, float *values, int32_t room);

/* Other parameters in their place, as many. */
INR_API inr_error inr_put_values(inr_decoder *decoder, int32_t plane, const float *values,
                                 int32_t count);

#endif
