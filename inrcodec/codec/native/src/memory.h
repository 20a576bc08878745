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

#if defined(INRCODEC_GIVEN_MEMORY) /* of a caller's allocator, in whole lines: web/core/memory.c */
void *given_memory(size_t bytes);
void give_back(void *memory);
#elif defined(_WIN32)
#define given_memory(bytes) _aligned_malloc(bytes, ALIGNMENT)
#define give_back(memory) _aligned_free(memory)
#else
#define given_memory(bytes) aligned_alloc(ALIGNMENT, bytes)
#define give_back(memory) free(memory)
#endif

/* Zeros, or NULL if there is no memory. `release` gives them back. */
static inline void *obtain(size_t bytes) {
    size_t size = aligned_size(bytes);
    void *memory = given_memory(size);
    if (memory) memset(memory, 0, size);
    return memory;
}

static inline void release(void *memory) { give_back(memory); }

/* An array of so many bytes at `*at`, which moves behind it. */
static inline void *taken(char **at, size_t bytes) {
    void *here = *at;
    *at += aligned_size(bytes);
    return here;
}

#endif
