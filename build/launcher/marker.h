/*
 * The marker `.complete`: an extracted runtime's certificate and its list of files.
 *
 *     lmfile runtime 1 <sha256 of runtime.tar.zst> <lines that follow>
 *     f <size> <mtime> <path>          a file; mtime is the archive's, in whole seconds
 *     l <size> 0 <path>                a symbolic link; size is the length of its target
 *
 * It is written last, so a tree without it was never finished. The warm start compares every
 * line with one lstat (0.8 ms for 650 files): a file that was cut, replaced, edited or
 * removed differs in size or date, because extraction gave it the archive's date. The dates
 * being the archive's, a copy of the tree that keeps whole seconds (a container image, a
 * backup) stays good. What it cannot see is a bit that decayed on the disk: --verify reads.
 */
#ifndef LMFILE_MARKER_H
#define LMFILE_MARKER_H

#include <stdint.h>

#include "fs.h"
#include "text.h"

#define MARKER_NAME ".complete"

/* Adds the line of a file ('f') or a link ('l') to a listing. */
void marker_list(struct text *listing, char kind, uint64_t size, int64_t mtime_s, const char *path);

/* Waits until the bytes of the listed files are on the disk; calls `between` after each. */
void marker_wait_written(const char *directory, const struct text *listing, void (*between)(void));

/* Writes the marker of `directory` to the disk; ends the program if it cannot. */
void marker_write(const char *directory, const char *hex, const struct text *listing);

/* NULL if the tree is as the marker says, else what differs ("" if there is no such runtime). */
const char *marker_check(const char *directory, const char *hex, fs_file marker);

#endif
