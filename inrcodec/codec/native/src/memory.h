/* Memory of a kernel, for as long as it runs: one block, from which arrays are taken in turn. */

#ifndef INRCODEC_MEMORY_H
#define INRCODEC_MEMORY_H

#include <stddef.h>
#include <string.h>

#define ALIGNMENT 64 /* bytes: a line of the cache, and the longest vector */

static inline size_t aligned_size(size_t bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* In whole lines, of the allocator of the call in progress: core/memory.c. */
void *given_memory(size_t bytes);
void give_back(void *memory);

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
