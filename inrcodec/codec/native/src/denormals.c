/* Subnormal numbers: whether this thread computes with them, which takes many times as long. */

#include "kernels.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
#define FLUSHED 0x8040u /* results (FTZ) and operands (DAZ) */

int32_t flush_denormals(int32_t flush) {
    uint32_t state = _mm_getcsr();
    _mm_setcsr(flush ? state | FLUSHED : state & ~FLUSHED);
    return (state & FLUSHED) == FLUSHED;
}
#elif defined(__aarch64__)
#define FLUSHED ((uint64_t)1 << 24)

int32_t flush_denormals(int32_t flush) {
    uint64_t state;
    __asm__ volatile("mrs %0, fpcr" : "=r"(state));
    __asm__ volatile("msr fpcr, %0" : : "r"(flush ? state | FLUSHED : state & ~FLUSHED));
    return (state & FLUSHED) != 0;
}
#else
int32_t flush_denormals(int32_t flush) {
    (void)flush;
    return 0;
}
#endif
