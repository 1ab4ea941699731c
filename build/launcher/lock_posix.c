/*
 * flock() belongs to the open file and not to the process, so it outlives exec and is shared with children.
 */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Between open() and flock() the file may have been removed by prune.c: then the lock would guard nothing. */
static int is_still_named(int file, const char *path)
{
    struct stat opened, named;
    return fstat(file, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino &&
           opened.st_dev == named.st_dev;
}

fs_file lock_try(const char *path)
{
    for (;;) {
        int file = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (file < 0)
            return FS_NONE;
        if (flock(file, LOCK_EX | LOCK_NB)) {
            int reason = errno;
            close(file);
            errno = reason;
            return FS_NONE;
        }
        if (is_still_named(file, path))
            return file;
        close(file);
    }
}

void lock_release(fs_file lock)
{
    close((int)lock);
}

int lock_is_busy(void)
{
    return errno == EWOULDBLOCK;
}

/* While it is held: whoever opened it before finds it gone after flock(), and opens the next. */
void lock_remove(fs_file lock, const char *path)
{
    fs_remove_file(path);
    lock_release(lock);
}

fs_file lock_in_use(const char *marker)
{
    int file = open(marker, O_RDONLY | O_NOFOLLOW | O_NONBLOCK); /* no O_CLOEXEC: the lock is to outlive exec */
    if (file >= 0 && flock(file, LOCK_SH | LOCK_NB) == 0 && is_still_named(file, marker))
        return file;
    if (file >= 0)
        close(file);
    return FS_NONE;
}

fs_file lock_if_unused(const char *marker)
{
    int file = open(marker, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file >= 0 && flock(file, LOCK_EX | LOCK_NB) == 0)
        return file;
    if (file >= 0)
        close(file);
    return FS_NONE;
}
