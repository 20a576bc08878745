/* Memory of the kernels and of the decoder: all of it from the allocator of the call in progress. */

#include "decoder.h"

#if defined(__wasm__) /* an instance has one thread */
static const inr_allocator *in_use;
#else
static _Thread_local const inr_allocator *in_use;
#endif

void use_allocator(const inr_allocator *allocator) { in_use = allocator; }

void *given_memory(size_t bytes) { return in_use->obtain(in_use->user, bytes); }

void give_back(void *memory) {
    if (memory) in_use->release(in_use->user, memory);
}
