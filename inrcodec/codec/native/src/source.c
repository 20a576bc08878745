/* Which source the library was compiled from. */

#include "kernels.h"

uint32_t source_crc(void) { return SOURCE_CRC; }
