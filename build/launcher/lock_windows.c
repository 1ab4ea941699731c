/*
 * A lock is a file opened without sharing; the system closes it with its process.
 */
#include "lock.h"

#include <windows.h>

#include "wide.h"

fs_file lock_try(const char *path)
{
    return wide_open(path, GENERIC_WRITE, FILE_SHARE_READ, OPEN_ALWAYS);
}

int lock_is_busy(void)
{
    return GetLastError() == ERROR_SHARING_VIOLATION;
}

void lock_release(fs_file lock)
{
    fs_close(lock);
}

/* A file that is open anywhere cannot be removed: if another process was quicker to lock it, it stays. */
void lock_remove(fs_file lock, const char *path)
{
    lock_release(lock);
    fs_remove_file(path);
}

/* Held by this process, which stays as the parent of the runtime. */
fs_file lock_in_use(const char *marker)
{
    return wide_open(marker, GENERIC_READ | FILE_WRITE_ATTRIBUTES, FILE_SHARE_READ | FILE_SHARE_WRITE, OPEN_EXISTING);
}

fs_file lock_if_unused(const char *marker)
{
    return wide_open(marker, GENERIC_READ, 0, OPEN_EXISTING);
}
