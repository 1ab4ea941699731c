/*
 * The extracted runtimes: `<root>/runtimes/<sha256>/`, complete or not there.
 *
 * Named by the content of the image, so executables with the same runtime share one extraction.
 */
#ifndef LMFILE_CACHE_H
#define LMFILE_CACHE_H

#include "footer.h"

struct runtime {
    const char *root;      /* the cache root */
    const char *runtimes;  /* <root>/runtimes */
    const char *hex;       /* sha256 of the image */
    const char *directory; /* <root>/runtimes/<hex> */
    const char *program;   /* what to start in it */
    int writable;          /* the root can be written */
};

/* Chooses the root: the first that holds this runtime already or can take it. */
struct runtime cache_find(char **argv, const char *hex);

/*
 * Whether the runtime is complete and unchanged; if so, it is in use from now on: a lock
 * shared by this process and whatever it becomes keeps cache_prune() of any lmfile off it.
 */
int cache_claim(const struct runtime *runtime);

/* Extracts the runtime unless another process just did; it is claimed afterwards. */
void cache_fill(const struct runtime *runtime, const struct payload *payload);

#endif
