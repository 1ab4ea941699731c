#include "text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"

static void add_all(struct text *text, const char *first, va_list rest)
{
    for (const char *part = first; part; part = va_arg(rest, const char *))
        text_add_bytes(text, part, strlen(part));
}

char *join(const char *first, ...)
{
    struct text text = {0};
    va_list rest;
    va_start(rest, first);
    add_all(&text, first, rest);
    va_end(rest);
    return text.data;
}

void text_add(struct text *text, const char *first, ...)
{
    va_list rest;
    va_start(rest, first);
    add_all(text, first, rest);
    va_end(rest);
}

void text_add_bytes(struct text *text, const void *bytes, size_t count)
{
    size_t needed = text->length + count + 1;
    if (needed > text->capacity) {
        text->capacity = needed < 128 ? 256 : needed * 2;
        text->data = realloc(text->data, text->capacity);
        if (!text->data)
            fail_no_memory();
    }
    memcpy(text->data + text->length, bytes, count);
    text->length += count;
    text->data[text->length] = 0;
}

void text_clear(struct text *text)
{
    text->length = 0;
    if (text->data)
        text->data[0] = 0;
}

const char *decimal(uint64_t number, char out[DECIMAL_SIZE])
{
    char *at = out + DECIMAL_SIZE - 1;
    *at = 0;
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    return memmove(out, at, strlen(at) + 1);
}

void hex(const uint8_t *bytes, size_t count, char *out)
{
    for (size_t i = 0; i < count; i++) {
        *out++ = "0123456789abcdef"[bytes[i] >> 4];
        *out++ = "0123456789abcdef"[bytes[i] & 15];
    }
    *out = 0;
}

int starts_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}
