/* One axis of an image at another size: docs/format.md, "Other sizes" of latent families. */

#ifndef INR_RESAMPLING_H
#define INR_RESAMPLING_H

#include "decoder.h"

/* One axis: output samples as sums of samples `first` .. `first + span - 1` of the image. Those of
   output j begin at `begin[j]`, their weights at `weights + j * most`; none where samples are equal. */
typedef struct {
    int32_t first, span, count, most, *begin;
    float *weights;
    void *memory;
} Axis;

/* The output samples `start` .. `start + count - 1` of an axis of `native` samples shown in `size`. The
   caller releases its memory. */
inr_error axis_open(int32_t native, int32_t size, int32_t start, int32_t count, Axis *axis);

/* Add a window's planes to those of a tile; `line` holds as many floats as the window has columns. */
void mix(const Axis *down, const Axis *across, int planes, const int32_t *window, const float *from,
         float *line, float *total);

#endif
