/* What WebAssembly adds: an allocator that counts, and addresses for the caller's bytes. */

#include <stdlib.h>

#include "core/inr.h"

#define ALIGNMENT 64

static size_t in_use, most_in_use = (size_t)1 << 31;

/* Blocks begin behind a line that holds their size. */
void *inr_obtain(size_t bytes) {
    if (bytes > most_in_use || in_use > most_in_use - bytes) return NULL;
    size_t *block = aligned_alloc(ALIGNMENT, bytes / ALIGNMENT * ALIGNMENT + 2 * ALIGNMENT);
    if (!block) return NULL;
    *block = bytes;
    in_use += bytes;
    return (char *)block + ALIGNMENT;
}

void inr_release(void *memory) {
    if (!memory) return;
    size_t *block = (size_t *)((char *)memory - ALIGNMENT);
    in_use -= *block;
    free(block);
}

/* Most bytes in use at once, all that is in use now. */
void inr_allow_memory(size_t bytes) { most_in_use = bytes; }
size_t inr_in_use(void) { return in_use; }

static void *obtain(void *user, size_t bytes) {
    (void)user;
    return inr_obtain(bytes);
}

static void release(void *user, void *memory) {
    (void)user;
    inr_release(memory);
}

const inr_allocator host_allocator = {obtain, release, NULL};
