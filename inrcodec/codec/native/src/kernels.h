/* What the library exports beside the decoder core (core/inr.h): every kernel, and the limits of what
   they take.

   Fitting and rendering spend their time here, for one thread of a CPU. Portable C with the vector
   types of GCC and Clang; hatch_build.py compiles it once for every level of the instruction set worth
   having, and ../__init__.py loads the best one the machine runs. Where it pays, a function does a band
   of rows (`first` .. `last` - 1), so that threads share the work of an image (../pool.py). Each equals
   a function in torch or numpy, which runs without a compiler and on a GPU, and which the tests compare
   it to. The tests also compare these declarations with the signatures in ../__init__.py.

   Channels are planes: (channels, positions). Parameters of a network come as one array
   [W_0, b_0, ..., W_out, b_out, linear], matrices (outputs, inputs) row by row. Gradients "add up"
   where the caller must clear them first. Nothing here calls the system but for memory (host.c). */

#ifndef INRCODEC_KERNELS_H
#define INRCODEC_KERNELS_H

#include <stdint.h>

#define MOST_LAYERS 5       /* matrices of a network */
#define MOST_WIDTH 64       /* neurons of a layer of it */
#define MOST_SINE_LAYERS 16 /* matrices behind the first layer of sines; any width */

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

/* CRC-32 of the source it was compiled from: the loader refuses kernels of another version. */
EXPORT uint32_t source_crc(void);

/* ---- denormals.c ------------------------------------------------------------------------------ */

/* Whether this thread takes subnormal numbers for 0 from now on; returns whether it did before. Does
   nothing and returns 0 on processors other than x86-64 and ARM64. */
EXPORT int32_t flush_denormals(int32_t flush);

/* ---- context.c -------------------------------------------------------------------------------- */

/* Nats of rows first .. last - 1 (first even) of a grid under its context network, as
   fitting/coolchic/rate.py has them; a negative number if there is no memory. sizes: width, first,
   last, offsets, parents or not, companions, margin, floats from row to row of the coarser grid and of
   companions, then the network's shape. Gradients are wanted if `by_padded` is given: it starts at row
   `first` of the padded grid, `by_coarser`, (width + 1) / 2 + 2 wide, at row first / 2 of the coarser
   one, both add up; the others are whole. */
EXPORT double context_bits(const int32_t *sizes, const int32_t *offsets, const float *padded,
                           const float *coarser, const float *const *companions,
                           const float *parameters, float *by_padded, float *by_coarser,
                           float *const *by_companions, float *by_parameters);

/* ---- networks.c ------------------------------------------------------------------------------- */

/* Planes x (C, n) -> y (outputs, n) at positions first .. last - 1; 1 if there is no memory, else 0.
   shape: layers, linear or not, widths. */
EXPORT int32_t pixel_network(const int32_t *shape, const float *parameters, int64_t n, int64_t first,
                             int64_t last, const float *x, float *y);

/* Gradients: by_y (outputs, n) -> by_x (C, n), and these positions' share of the parameters'. */
EXPORT int32_t pixel_network_back(const int32_t *shape, const float *parameters, int64_t n,
                                  int64_t first, int64_t last, const float *x, const float *by_y,
                                  float *by_x, float *by_parameters);

/* ---- sines.c ---------------------------------------------------------------------------------- */

/* Outputs (outputs, rows, columns) of rows first .. last - 1; 1 if there is no memory, else 0. Phases
   of the first layer: down (rows, w) + across (w, columns); all phases are multiplied by scale (rows,
   columns) or it is NULL. shape: layers, widths. */
EXPORT int32_t sine_layers(const int32_t *shape, const float *parameters, int32_t rows,
                           int32_t columns, int32_t first, int32_t last, const float *down,
                           const float *across, const float *scale, float *out);

/* Gradients by all that `sine_layers` takes, from that by its outputs; or, given `error`, those of the
   squared distance of its outputs from `gradient`, which is added there. by_down (whole), by_across
   add up; by_across and by_parameters are this band's share. */
EXPORT int32_t sine_layers_back(const int32_t *shape, const float *parameters, int32_t rows,
                                int32_t columns, int32_t first, int32_t last, const float *down,
                                const float *across, const float *scale, const float *gradient,
                                float *by_down, float *by_across, float *by_scale,
                                float *by_parameters, double *error);

/* ---- wavelets.c ------------------------------------------------------------------------------- */

/* exp(j z - |s z|^2) of z = u + j v at positions first .. last - 1, `square` = s^2. */
EXPORT void wavelets(int64_t first, int64_t last, float square, const float *u, const float *v,
                     float *real, float *imaginary);

/* The gradient by u and v from that by `real` and `imaginary`, which is what `wavelets` made. */
EXPORT void wavelets_back(int64_t first, int64_t last, float square, const float *u, const float *v,
                          const float *real, const float *imaginary, const float *by_real,
                          const float *by_imaginary, float *by_u, float *by_v);

/* ---- pictures.c ------------------------------------------------------------------------------- */

/* out = x + weight * x + bias for rows first .. last - 1; x, out (3, h, w), weight (3, 3, 3, 3), borders
   replicated. `room` holds 9 (w + 2 + ACROSS LANES) floats. */
EXPORT void residual_convolution(int32_t height, int32_t width, int32_t first, int32_t last,
                                 const float *x, const float *weight, const float *bias,
                                 float *out, float *room);

/* by_x of rows first .. last - 1; their shares of by_weight (81) and by_bias (3) add up. `room` holds
   18 (w + 4 + (ACROSS + 1) LANES) floats. */
EXPORT void residual_convolution_back(int32_t height, int32_t width, int32_t first, int32_t last,
                                      const float *x, const float *weight, const float *by_out,
                                      float *by_x, float *by_weight, float *by_bias, float *room);

/* ---- convolution.c ---------------------------------------------------------------------------- */

/* out = weight * x + bias + added, then what is above 0 of it if rectified, for rows first .. last - 1;
   x (C, h, w), out and `added` (D, h, w) or NULL, weight (D, C, span, span), zeros beyond the borders.
   shape: C, D, span (odd), h, w, rectified or not. `lines` holds C span (w + span - 1 + 4 LANES)
   floats. */
EXPORT void convolution(const int32_t *shape, int32_t first, int32_t last, const float *x,
                        const float *weight, const float *bias, const float *added, float *out,
                        float *lines);

/* ---- upsampling.c ----------------------------------------------------------------------------- */

/* One channel (h, w) doubled by 4 taps, of which `out` (high, wide) starts at (top, left). `wide_rows`
   holds 16 w floats, `line` w + 4. */
EXPORT void upsample(int32_t h, int32_t w, const float *x, const float *taps, int32_t top,
                     int32_t left, int32_t high, int32_t wide, float *out, float *wide_rows,
                     float *line);

/* by_out (high, wide) -> by_x (h, w); by_taps (4) adds up. `work` holds 8 w + 24 floats. */
EXPORT void upsample_back(int32_t h, int32_t w, const float *x, const float *taps, int32_t top,
                          int32_t left, int32_t high, int32_t wide, const float *by_out,
                          float *by_x, float *by_taps, float *work);

/* One channel (h, w) -> out (2 h, 2 w) by an 8x8 kernel. `work` holds (h + 4) (w + 4) + 2 w floats. */
EXPORT void upsample_shared(int32_t h, int32_t w, const float *x, const float *kernel, float *out,
                            float *work);

/* by_out (2 h, 2 w) -> by_x (h, w); by_kernel (64) adds up. `work` holds 2 (h + 4) (w + 4) + 2 w. */
EXPORT void upsample_shared_back(int32_t h, int32_t w, const float *x, const float *kernel,
                                 const float *by_out, float *by_x, float *by_kernel, float *work);

/* ---- latents.c -------------------------------------------------------------------------------- */

/* Rows first .. last - 1: y -> soft = s(s(y) + deviation noise), whose rows are `pitch` apart, and
   slope = d soft / d y, with s as soft_round in fitting/coolchic/synthesis.py and noise of a seed. */
EXPORT void soften(int32_t first, int32_t last, int32_t columns, int64_t pitch, const float *y,
                   float temperature, float deviation, uint32_t seed, float *soft, float *slope);

/* Mean squares of gradients g (rows, columns) in an area of a grid of that pitch, decayed and
   updated; returns the sum of their roots. */
EXPORT double squares_update(int32_t rows, int32_t columns, int64_t pitch, const float *g,
                             float decay, float *squares);

/* latents -= rate g / (weight root of mean square + extra) in the same area. */
EXPORT void squares_step(int32_t rows, int32_t columns, int64_t pitch, const float *g,
                         const float *squares, float weight, float extra, float rate,
                         float *latents);

/* ---- waves.c ---------------------------------------------------------------------------------- */

/* Of every symbol in order of waves: its rounded mean, and its row of the tables; 1 if there is no
   memory, else 0. shape: layers, linear or not, inputs, widths. Wave i has counts[i] symbols, `step`
   apart, from flat[starts[i]] on; their inputs lie at `offsets` from each. */
EXPORT int32_t distributions(const int32_t *shape, const int32_t *parameters, const int16_t *flat,
                             const int64_t *offsets, int64_t waves, const int64_t *starts,
                             const int64_t *counts, int64_t step, int32_t *centres, int32_t *rows);

/* Begin with a stream of so many bytes, which stay the caller's; `coder` may be NULL. Returns the bytes
   that a coder takes. */
struct RangeDecoder;
EXPORT int32_t range_begin(struct RangeDecoder *coder, const uint8_t *stream, int64_t size);

/* Decode the waves of a grid into `flat`, going on where the coder is; its stream may be cut short if
   `prefix`. `cumulated` are the tables, 66 boundaries a row. Returns how many symbols were decoded, or
   -1 - that many where the stream is invalid, or INT64_MIN if there is no memory. With `prefix` a wave
   that a word beyond the end could change, or that is invalid, ends the decoding, that of grids to come
   too, and stays 0. */
EXPORT int64_t decode_waves(const int32_t *shape, const int32_t *parameters, int16_t *flat,
                            const int64_t *offsets, int64_t waves, const int64_t *starts,
                            const int64_t *counts, int64_t step, struct RangeDecoder *coder,
                            const int32_t *cumulated, int32_t prefix);

/* ---- similarity.c ----------------------------------------------------------------------------- */

/* Rows `first` to `last` of the (height - 10) x (width - 10) windows of two images of one channel.
   Returns the sum of contrast-structure (times luminance if `whole`), and its derivatives by the
   windowed means of y, of y^2 and of x y, second moments about 1/2. `room`: 4 lines, each longer by
   LANES + 11. */
EXPORT double similarity(int32_t width, int32_t first, int32_t last, const float *x, const float *y,
                         const float *taps, int32_t whole, float c1, float c2, float *by_mean,
                         float *by_square, float *by_product, float *room);

/* Rows `first` to `last` of the gradient of y, times `scale`, from the derivatives above. `room`:
   3 lines, each longer by LANES + 22. */
EXPORT void similarity_back(int32_t height, int32_t width, int32_t first, int32_t last,
                            const float *x, const float *y, const float *taps,
                            const float *by_mean, const float *by_square, const float *by_product,
                            float scale, float *out, float *room);

#endif
