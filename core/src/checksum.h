/* CRC-32C (Castagnoli, polynomial 0x1EDC6F41, reflected; RFC 3720 appendix B.4 has test vectors). */
#ifndef MEMLANE_CHECKSUM_H
#define MEMLANE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint32_t memlane_checksum(const void *bytes, size_t size);

#endif
