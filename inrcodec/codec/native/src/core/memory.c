/* Memory of the kernels and of the decoder: all of it from the allocator of the call in progress. */

#include "decoder.h"

#if defined(__wasm__) /* an instance has one thread */
static const inr_allocator *in_use;
#else
static _Thread_local const inr_allocator *in_use;
#endif

const inr_allocator *use_allocator(const inr_allocator *allocator) {
    const inr_allocator *before = in_use;
    in_use = allocator;
    return before;
}

void *given_memory(size_t bytes) {
    const inr_allocator *from = in_use ? in_use : &host_allocator;
    return from->obtain(from->user, bytes);
}

void give_back(void *memory) {
    const inr_allocator *from = in_use ? in_use : &host_allocator;
    if (memory) from->release(from->user, memory);
}
