/* Memory of a kernel, for as long as it runs: one block, from which arrays are taken in turn. The one
   place that asks the system for memory. */

#ifndef INRCODEC_MEMORY_H
#define INRCODEC_MEMORY_H

#include <stdlib.h>
#include <string.h>
#if defined(_WIN32)
#include <malloc.h>
#endif

#define ALIGNMENT 64 /* bytes: a line of the cache, and the longest vector */

static inline size_t aligned_size(size_t bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Zeros, or NULL if there is no memory. `release` gives them back. */
static inline void *obtain(size_t bytes) {
    size_t size = aligned_size(bytes);
#if defined(_WIN32)
    void *memory = _aligned_malloc(size, ALIGNMENT);
#else
    void *memory = aligned_alloc(ALIGNMENT, size);
#endif
    if (memory) memset(memory, 0, size);
    return memory;
}

static inline void release(void *memory) {
#if defined(_WIN32)
    _aligned_free(memory);
#else
    free(memory);
#endif
}

/* An array of so many bytes at `*at`, which moves behind it. */
static inline void *taken(char **at, size_t bytes) {
    void *here = *at;
    *at += aligned_size(bytes);
    return here;
}

#endif
