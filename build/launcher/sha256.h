/*
 * SHA-256 (FIPS 180-4) over a stream.
 *
 * Uses the processor's SHA instructions where it has them (2 GB/s instead of 0.4), found out once per run.
 */
#ifndef LMFILE_SHA256_H
#define LMFILE_SHA256_H

#include <stddef.h>
#include <stdint.h>

/* Takes `count` blocks of 64 bytes into the state. */
typedef void sha256_blocks(uint32_t state[8], const uint8_t *blocks, size_t count);

struct sha256 {
    uint32_t state[8];
    uint64_t length;
    uint8_t partial[64];
    sha256_blocks *blocks;
};

void sha256_begin(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *bytes, size_t count);
void sha256_end(struct sha256 *hash, uint8_t digest[32]);

extern const uint32_t SHA256_CONSTANTS[64];
sha256_blocks sha256_blocks_portable;
sha256_blocks *sha256_blocks_accelerated(void); /* NULL if this processor has no such instructions */

#endif
