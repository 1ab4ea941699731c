/*
 * Writes the members of a tar stream below a directory.
 *
 * Reads ustar with pax records `path`, `linkpath` and `size`. Takes regular files, directories and
 * symbolic links that stay inside; refuses everything else, every name that is absolute, holds
 * `.` or `..` or could mean something else on another system, and more bytes than announced.
 * Each file and link gets a line in the listing that the warm start compares (marker.h).
 */
#ifndef LMFILE_UNTAR_H
#define LMFILE_UNTAR_H

#include <stddef.h>
#include <stdint.h>

#include "fs.h"
#include "text.h"

struct untar {
    const char *root;
    struct text *listing;
    uint64_t unpacked; /* file bytes so far */
    uint64_t limit;    /* file bytes announced */
    int ended;         /* the end-of-archive block was seen */

    uint8_t header[512];
    size_t header_filled;
    uint64_t data_left;
    unsigned padding_left;

    struct text pax;             /* the records being read, */
    int in_pax;                  /* while they are */
    char *pax_path, *pax_target; /* for the next member, or NULL */
    uint64_t pax_size;
    int has_pax_size;

    struct text path; /* of the member, on disk */
    struct text made; /* the directory made last */
    fs_file file;     /* the member being written, or FS_NONE */
    int64_t mtime_s;
};

void untar_begin(struct untar *tar, const char *root, uint64_t limit, struct text *listing);

/* Both return NULL or why the archive is refused; a failed write ends the program. */
const char *untar_feed(struct untar *tar, const uint8_t *bytes, size_t count);
const char *untar_end(const struct untar *tar);

#endif
