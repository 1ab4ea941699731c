/*
 * Finds and checks the footer, the last 128 bytes of the executable.
 *
 * docs/FORMAT.md has the layout. After payload_open() every offset and size lies inside
 * the file; nothing else of the file was read.
 */
#ifndef LMFILE_FOOTER_H
#define LMFILE_FOOTER_H

#include <stdint.h>

#include "fs.h"

struct payload {
    const char *path; /* of the executable */
    fs_file file;
    uint64_t offset;   /* of runtime.tar.zst in the file */
    uint64_t size;     /* of runtime.tar.zst */
    uint64_t unpacked; /* sum of the sizes of its files */
    uint8_t sha256[32];
    char hex[65]; /* the sha256 in digits: the name of the extracted runtime */
};

void payload_open(struct payload *payload, const char *path);

/* Ends the program with "Reading `path`: reason; download the file again." */
_Noreturn void payload_damaged(const struct payload *payload, const char *reason, const char *detail);

#endif
