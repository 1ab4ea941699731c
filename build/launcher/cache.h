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
    fs_file in_use;        /* its marker, locked, once it is claimed */
};

/* Chooses the root: the first that can take this runtime, or holds it complete and cannot be written. */
struct runtime cache_find(char **argv, const char *hex);

/*
 * NULL if the runtime is complete and unchanged. It is in use from then on: a lock shared by this
 * process and whatever it becomes keeps every launcher's prune() off it. Else the name of
 * the file that was changed or is missing, "" if there is no such runtime.
 */
const char *cache_claim(struct runtime *runtime);

/* Extracts the runtime unless another process just did; it is claimed afterwards. */
void cache_fill(struct runtime *runtime, const struct payload *payload);

#endif
