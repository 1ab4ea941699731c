/*
 * The cache root: the directory of this user under which everything extracted lies.
 *
 * Named by --cache-dir or LMFILE_CACHE, it is used or refused aloud, never silently replaced.
 * Else the first of the platform's candidates that passes root_check().
 */
#ifndef LMFILE_ROOT_H
#define LMFILE_ROOT_H

#include <stddef.h>

struct root {
    char *base;   /* has to exist; NULL: nothing has to */
    char *below;  /* made below it where missing; absolute if there is no base */
    int named;    /* by the user */
    char *path;   /* set by root_check(): absolute, its parents free of links */
    int writable; /* set by root_check() */
};

enum { ROOT_MAX_CANDIDATES = 5 };

/* The platform's own candidates, best first; returns how many. */
size_t root_candidates(struct root candidates[ROOT_MAX_CANDIDATES]);

/* A candidate for a path as the user wrote it. */
struct root root_named(const char *path);

/*
 * NULL if programs may run from there and nobody else can change what lies there; else the
 * reason, as what follows "it". Sets path in any case.
 */
const char *root_check(struct root *root);

#endif
