#include "lock.h"

#include <stdlib.h>
#include <string.h>

#include "say.h"
#include "sys.h"
#include "text.h"

enum { POLL_MS = 20, SILENT_MS = 1000 };
#ifndef LOCK_LIMIT_MS
#define LOCK_LIMIT_MS 60000
#endif

/* Tells those who wait whom they wait for. What is left of a longer number stands behind the line end. */
static void sign(fs_file lock)
{
    char digits[DECIMAL_SIZE];
    char *line = join(decimal(sys_process_id(), digits), "\n", NULL);
    fs_write(lock, line, strlen(line));
}

static char *owner(const char *path)
{
    char digits[DECIMAL_SIZE] = {0};
    fs_file file = fs_open(path);
    if (file == FS_NONE)
        return "another process";
    fs_read_at(file, digits, sizeof digits - 1, 0);
    fs_close(file);
    uint64_t process = strtoull(digits, NULL, 10);
    return process ? join("process ", decimal(process, digits), NULL) : "another process";
}

fs_file lock_wait(const char *path)
{
    uint64_t began_ms = sys_clock_ms();
    for (int told = 0;;) {
        fs_file lock = lock_try(path);
        if (lock != FS_NONE) {
            sign(lock);
            return lock;
        }
        if (!lock_is_busy())
            fail_write(path);
        uint64_t waited_ms = sys_clock_ms() - began_ms;
        if (waited_ms >= LOCK_LIMIT_MS)
            fail(EXIT_CACHE_BUSY, "Unpacking the runtime: ", owner(path),
                 " has been at it for a minute; end that process and try again.", NULL);
        if (waited_ms >= SILENT_MS && !told) {
            note("Waiting for ", owner(path), ", which unpacks the same runtime.", NULL);
            told = 1;
        }
        sys_sleep_ms(POLL_MS);
    }
}
