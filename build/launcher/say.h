/*
 * What the launcher tells the user, on stderr: notes about the work, and the sentence with which it ends.
 *
 * That sentence says what was being done, with what, what happened and what to do. It looks like
 * those of the runtime, and its exit code is one of theirs (runtime/errors.py).
 */
#ifndef LMFILE_SAY_H
#define LMFILE_SAY_H

enum exit_code {
    EXIT_USAGE = 10,
    EXIT_PAYLOAD_DAMAGED = 30,
    EXIT_CACHE_UNUSABLE = 31,
    EXIT_DISK_FULL = 32,
    EXIT_CACHE_BUSY = 33,
    EXIT_OUT_OF_MEMORY = 41,
};

/* Both take the parts of a sentence, ending with NULL, and put "lmfile: " or "error: " in front. */
void note(const char *first, ...) __attribute__((sentinel));
_Noreturn void fail(enum exit_code code, const char *first, ...) __attribute__((sentinel));

_Noreturn void fail_no_memory(void);
_Noreturn void fail_write(const char *path); /* the last fs_ call could not write `path` */

#endif
