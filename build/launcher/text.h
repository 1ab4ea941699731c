/*
 * Strings of any length, joined from parts.
 *
 * The launcher has no fixed path buffers and no printf: a path that does not fit would be
 * cut silently by the first, and the second is a fifth of the size budget.
 * Running out of memory ends the program (say.h), so nothing here can fail.
 */
#ifndef LMFILE_TEXT_H
#define LMFILE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* The parts one after the other; the list ends with NULL. Lives as long as the program. */
char *join(const char *first, ...) __attribute__((sentinel));

struct text {
    char *data; /* NUL-terminated once something was added */
    size_t length;
    size_t capacity;
};

void text_add(struct text *text, const char *first, ...) __attribute__((sentinel));
void text_add_bytes(struct text *text, const void *bytes, size_t count);
void text_clear(struct text *text);

#define DECIMAL_SIZE 21
const char *decimal(uint64_t number, char out[DECIMAL_SIZE]);

void hex(const uint8_t *bytes, size_t count, char *out); /* 2 * count digits and a NUL */

int starts_with(const char *text, const char *beginning);

#endif
