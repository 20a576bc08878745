/* What a library of an operating system adds: its memory, for decoders that are given no allocator and
   for kernels that are called by themselves. The one place that asks the system for any. */

#include <stdlib.h>
#if defined(_WIN32)
#include <malloc.h>
#endif

#include "core/inr.h"
#include "memory.h"

static void *obtain_of_system(void *user, size_t bytes) {
    (void)user;
#if defined(_WIN32)
    return _aligned_malloc(bytes, ALIGNMENT);
#else
    return aligned_alloc(ALIGNMENT, bytes);
#endif
}

static void release_to_system(void *user, void *memory) {
    (void)user;
#if defined(_WIN32)
    _aligned_free(memory);
#else
    free(memory);
#endif
}

const inr_allocator host_allocator = {obtain_of_system, release_to_system, NULL};
