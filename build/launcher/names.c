#include "names.h"

#include <string.h>

#include "text.h"

enum { MAX_PART = 255 };

static int part_ok(const char *from, size_t length)
{
    if (length == 0 || length > MAX_PART || (length <= 2 && memcmp(from, "..", length) == 0))
        return 0;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)from[i] < 32 || from[i] == 127 || from[i] == '\\' || from[i] == ':')
            return 0;
    return 1;
}

int names_ok(const char *name)
{
    for (;;) {
        size_t length = strcspn(name, "/");
        if (!part_ok(name, length))
            return 0;
        if (!name[length])
            return 1;
        name += length + 1;
    }
}

int names_target_ok(const char *name, const char *target)
{
    size_t depth = 0;
    for (const char *at = name; *at; at++)
        depth += *at == '/';
    for (; starts_with(target, "../"); target += 3)
        if (depth-- == 0)
            return 0;
    return names_ok(target);
}
