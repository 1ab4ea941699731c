/*
 * Locks between processes. The system drops a lock when the last process that holds it ends, however it ends.
 */
#ifndef LMFILE_LOCK_H
#define LMFILE_LOCK_H

#include "fs.h"

/* ---- the right to extract, remove or replace one runtime: <root>/runtimes/<hex>.lock ---- */

/* Waits for it; says for whom after a second, ends the program after a minute. */
fs_file lock_wait(const char *path);

fs_file lock_try(const char *path); /* FS_NONE: see lock_is_busy() */
int lock_is_busy(void);             /* whether that was because another process has it */
void lock_release(fs_file lock);
void lock_remove(fs_file lock, const char *path); /* and releases it */

/* ---- the marker of an extracted runtime, held for as long as the runtime runs ---- */

fs_file lock_in_use(const char *marker);    /* shared, also by what this process becomes; FS_NONE: not there */
fs_file lock_if_unused(const char *marker); /* FS_NONE while any process has it in use */

#endif
