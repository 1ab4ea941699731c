/*
 * Between UTF-8, which the launcher speaks, and UTF-16, which Windows does.
 */
#ifndef LMFILE_WIDE_H
#define LMFILE_WIDE_H

#include <stdint.h>
#include <wchar.h>

/* All return new memory. */
wchar_t *wide(const char *text);
wchar_t *wide_path(const char *path);       /* absolute, as \\?\C:\…: that form has no limit of 260 characters */
wchar_t *wide_plain_path(const char *path); /* as people write it */
char *narrow(const wchar_t *text);

/* CreateFileW() without inheritance; a link is opened as itself, never followed. */
intptr_t wide_open(const char *path, unsigned long access, unsigned long sharing, unsigned long disposition);

#endif
