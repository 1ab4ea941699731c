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
 * NULL if the runtime is complete and unchanged. It is in use from then on: a lock shared by this
 * process and whatever it becomes keeps every launcher's prune() off it. Else the name of
 * the file that was changed or is missing, "" if there is no such runtime.
 */
const char *cache_claim(const struct runtime *runtime);

/* Extracts the runtime, after a claim that told what was `missing`, unless another process just did. Claims it. */
void cache_fill(const struct runtime *runtime, const struct payload *payload, const char *missing);

#endif
