/*
 * Prints the sha256 of each beginning of stdin, by the portable code and by the processor's instructions.
 *
 *     sha256_driver COUNT      lengths 0 to COUNT, then the whole; a line each: "<length> <portable> <accelerated or ->"
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "sha256.h"

static void print_digest(const uint8_t *bytes, size_t length, size_t piece, sha256_blocks *blocks)
{
    struct sha256 hash;
    uint8_t digest[32];
    sha256_begin(&hash);
    hash.blocks = blocks;
    for (size_t at = 0; at < length; at += piece)
        sha256_add(&hash, bytes + at, length - at < piece ? length - at : piece);
    sha256_end(&hash, digest);
    for (int i = 0; i < 32; i++)
        printf("%02x", digest[i]);
}

static void print_line(const uint8_t *bytes, size_t length, size_t piece)
{
    printf("%zu ", length);
    print_digest(bytes, length, piece, sha256_blocks_portable);
    printf(" ");
    if (sha256_blocks_accelerated())
        print_digest(bytes, length, piece, sha256_blocks_accelerated());
    else
        printf("-");
    printf("\n");
}

int main(int argc, char **argv)
{
    static uint8_t bytes[1 << 20];
    size_t size = fread(bytes, 1, sizeof bytes, stdin), count = argc > 1 ? (size_t)atol(argv[1]) : 0;
    for (size_t length = 0; length <= count && length <= size; length++)
        print_line(bytes, length, 1 + length % 97);
    print_line(bytes, size, 70001);
    return 0;
}
