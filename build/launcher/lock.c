#include "lock.h"

#include "say.h"
#include "sys.h"
#include "text.h"

enum { POLL_MS = 20, SILENT_MS = 1000 };
#ifndef LOCK_LIMIT_MS
#define LOCK_LIMIT_MS 60000
#endif

static char *owner(const char *path)
{
    char digits[DECIMAL_SIZE];
    uint64_t process = fs_lock_owner(path);
    return process ? join("process ", decimal(process, digits), NULL) : "another process";
}

fs_file lock_wait(const char *path)
{
    uint64_t began_ms = sys_clock_ms();
    for (int told = 0;;) {
        fs_file lock = fs_lock(path);
        if (lock != FS_NONE) {
            fs_lock_sign(lock);
            return lock;
        }
        if (!fs_error_is_busy())
            fail(EXIT_CACHE_UNUSABLE, "Locking `", path, "`: ", fs_error(),
                 "; name another directory with --cache-dir DIR or LMFILE_CACHE.", NULL);
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
