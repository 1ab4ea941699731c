#include "say.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "fs.h"
#include "progress.h"
#include "sys.h"
#include "text.h"

/* One write for the whole line, so that the lines of simultaneous starts do not mix. */
static void write_line(const char *label, const char *first, va_list rest)
{
    struct text line = {0};
    text_add(&line, label, NULL);
    for (const char *part = first; part; part = va_arg(rest, const char *))
        text_add(&line, part, NULL);
    text_add(&line, "\n", NULL);
    progress_clear();
    sys_write_stderr(line.data, line.length);
    free(line.data);
}

void note(const char *first, ...)
{
    va_list rest;
    va_start(rest, first);
    write_line("lmfile: ", first, rest);
    va_end(rest);
}

void fail(enum exit_code code, const char *first, ...)
{
    va_list rest;
    va_start(rest, first);
    write_line("error: ", first, rest);
    va_end(rest);
    exit((int)code); /* the stage, if there is one, is removed by its exit handler (stage.c) */
}

void fail_no_memory(void)
{
    static const char sentence[] = "error: Starting: the system gave no memory; close other programs and try again.\n";
    sys_write_stderr(sentence, strlen(sentence));
    exit(EXIT_OUT_OF_MEMORY);
}

void fail_write(const char *path)
{
    if (fs_error_is_full())
        fail(EXIT_DISK_FULL, "Writing `", path, "`: the disk is full; free some space and try again.", NULL);
    fail(EXIT_CACHE_UNUSABLE, "Writing `", path, "`: ", fs_error(),
         "; name another directory with --cache-dir DIR or LMFILE_CACHE.", NULL);
}
