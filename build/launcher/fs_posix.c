#include "fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h> /* rename() */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "text.h"

#ifdef __APPLE__
#define MTIME_OF(info) (info).st_mtimespec
#else
#define MTIME_OF(info) (info).st_mtim
#endif

/* ---- reading ---- */

fs_file fs_open(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC);
}

int fs_size(fs_file file, uint64_t *size)
{
    struct stat info;
    if (fstat((int)file, &info))
        return -1;
    *size = (uint64_t)info.st_size;
    return 0;
}

int64_t fs_read_at(fs_file file, void *bytes, size_t count, uint64_t offset)
{
    size_t done = 0;
    while (done < count) {
        ssize_t got = pread((int)file, (char *)bytes + done, count - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (int64_t)done;
}

void fs_close(fs_file file)
{
    close((int)file);
}

/* ---- writing ---- */

fs_file fs_create(const char *path, int executable)
{
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, executable ? 0700 : 0600);
}

int fs_write(fs_file file, const void *bytes, size_t count)
{
    const char *from = bytes;
    while (count) {
        ssize_t written = write((int)file, from, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        from += written;
        count -= (size_t)written;
    }
    return 0;
}

int fs_finish(fs_file file, int64_t mtime_s)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)mtime_s}};
    int failed = futimens((int)file, times);
#ifdef __linux__
    sync_file_range((int)file, 0, 0, SYNC_FILE_RANGE_WRITE); /* on its way while the rest is unpacked */
#endif
    return close((int)file) || failed ? -1 : 0;
}

static int sync_opened(int file)
{
    return fsync(file) && errno != EINVAL ? -1 : 0; /* some file systems have no fsync for directories */
}

/*
 * 650 calls of fsync() took 115 ms, as each ends in a write of the journal. Linux can wait for the bytes
 * alone, and the fsync() of the marker then writes the journal of all (ext4, XFS). Where a file system
 * promises less, a power cut can only shorten or lose files, which marker_check() sees.
 */
int fs_wait_written(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -1;
#ifdef __linux__
    int all = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    int failed = sync_file_range(file, 0, 0, (unsigned)all) && sync_opened(file);
#else
    int failed = sync_opened(file);
#endif
    close(file);
    return failed ? -1 : 0;
}

int fs_sync(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -1;
    int failed = sync_opened(file);
    close(file);
    return failed;
}

int fs_make_dir(const char *path)
{
    struct stat info;
    if (mkdir(path, 0700) == 0)
        return 0;
    if (errno != EEXIST || lstat(path, &info))
        return -1;
    if (S_ISDIR(info.st_mode))
        return 0;
    errno = ENOTDIR;
    return -1;
}

int fs_make_link(const char *target, const char *path)
{
    return symlink(target, path);
}

int fs_rename(const char *from, const char *to)
{
    return rename(from, to);
}

int fs_remove_file(const char *path)
{
    return unlink(path);
}

struct removal {
    const char *directory;
    int failed;
};

static void remove_entry(void *context, const char *name)
{
    struct removal *removal = context;
    char *path = join(removal->directory, "/", name, NULL);
    removal->failed |= fs_remove_tree(path);
    free(path);
}

int fs_remove_tree(const char *path)
{
    struct removal removal = {path, 0};
    if (unlink(path) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM) /* Linux, macOS: what unlink() says of a directory */
        return -1;
    /* Some systems skip entries when a directory changes while it is read: hence more than once. */
    for (int tries = 0; tries < 3; tries++) {
        if (fs_each(path, remove_entry, &removal) || removal.failed)
            return -1;
        if (rmdir(path) == 0)
            return 0;
    }
    return -1;
}

int fs_free_bytes(const char *path, uint64_t *bytes)
{
    struct statvfs info;
    if (statvfs(path, &info))
        return -1;
    *bytes = (uint64_t)info.f_bavail * info.f_frsize;
    return 0;
}

/* ---- looking ---- */

void fs_info(const char *path, struct fs_info *info)
{
    struct stat status;
    *info = (struct fs_info){.kind = FS_MISSING};
    if (lstat(path, &status))
        return;
    info->kind = S_ISREG(status.st_mode)   ? FS_FILE
                 : S_ISDIR(status.st_mode) ? FS_DIRECTORY
                 : S_ISLNK(status.st_mode) ? FS_LINK
                                           : FS_OTHER;
    info->size = (uint64_t)status.st_size;
    info->mtime_s = MTIME_OF(status).tv_nsec ? -1 : (int64_t)MTIME_OF(status).tv_sec;
}

int fs_each(const char *directory, void (*visit)(void *context, const char *name), void *context)
{
    DIR *entries = opendir(directory);
    if (!entries)
        return -1;
    for (struct dirent *entry; (entry = readdir(entries));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            visit(context, entry->d_name);
    return closedir(entries);
}

int64_t fs_age_s(fs_file file)
{
    struct stat info;
    if (fstat((int)file, &info))
        return 0;
    return (int64_t)(time(NULL) - info.st_mtime);
}

void fs_touch(fs_file file)
{
    futimens((int)file, NULL); /* best effort: the cache may be on a read-only disk */
}

/* ---- errors ---- */

const char *fs_error(void)
{
    return strerror(errno);
}

int fs_error_is_full(void)
{
    return errno == ENOSPC || errno == EDQUOT;
}
