/*
 * Waits for the exclusive right to extract one runtime.
 */
#ifndef LMFILE_LOCK_H
#define LMFILE_LOCK_H

#include "fs.h"

/* Says whom it waits for after a second; ends the program after a minute. */
fs_file lock_wait(const char *path);

#endif
