#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/mount.h>
#include <sys/param.h>
#endif

#include "fs.h"
#include "say.h"
#include "sys.h"
#include "text.h"

#ifdef __APPLE__
#define HOME_CACHE "Library/Caches/lmfile"
#else
#define HOME_CACHE ".cache/lmfile"
#endif

/* Owner of whatever a user namespace does not map, e.g. the directories above a container's mounts. */
enum { UNMAPPED_USER = 65534 };

/* ---- candidates ---- */

static void strip_slashes(char *path, size_t keep)
{
    for (size_t end = strlen(path); end > keep && path[end - 1] == '/';)
        path[--end] = 0;
}

static char *home(void)
{
    const char *set = sys_environment("HOME");
    if (!set || set[0] != '/') {
        struct passwd *user = getpwuid(geteuid());
        set = user ? user->pw_dir : "";
    }
    char *path = join(set, NULL);
    strip_slashes(path, 0);
    return set[0] == '/' ? path : NULL;
}

size_t root_candidates(struct root candidates[ROOT_MAX_CANDIDATES])
{
    size_t count = 0;
    char digits[DECIMAL_SIZE];
    char *name = join("lmfile-", decimal(geteuid(), digits), NULL);
#ifndef __APPLE__
    const char *xdg = sys_environment("XDG_CACHE_HOME");
    if (xdg && xdg[0] == '/')
        candidates[count++] = (struct root){.below = join(xdg, "/lmfile", NULL)};
#endif
    char *at_home = home();
    if (at_home)
        candidates[count++] = (struct root){.base = at_home, .below = HOME_CACHE};
    candidates[count++] = (struct root){.base = "/var/tmp", .below = name};
    candidates[count++] = (struct root){.base = "/tmp", .below = name};
#ifdef __linux__
    candidates[count++] = (struct root){.base = "/dev/shm", .below = name};
#endif
    return count;
}

static char *working_directory(void)
{
    for (size_t size = 256;; size *= 2) {
        char *path = malloc(size);
        if (!path)
            fail_no_memory();
        if (getcwd(path, size))
            return path;
        if (errno != ERANGE)
            fail(EXIT_CACHE_UNUSABLE, "Finding the working directory for --cache-dir: ", fs_error(),
                 "; give an absolute path.", NULL);
        free(path);
    }
}

struct root root_named(const char *path)
{
    char *absolute = path[0] == '/' ? join(path, NULL) : join(working_directory(), "/", path, NULL);
    return (struct root){.below = absolute, .named = 1};
}

/* ---- checks ---- */

static const char *cannot(const char *what)
{
    return join("cannot be ", what, ": ", fs_error(), NULL);
}

static const char *cannot_be_made(const struct root *root)
{
    if (root->named && fs_error_is_full())
        fail_write(root->path);
    return cannot("created");
}

/*
 * Whoever can write to a directory above the root can exchange the root between check and use.
 * Sticky directories (/tmp) are fine: there only an entry's owner can exchange it.
 */
static const char *check_parent(const char *path)
{
    struct stat info;
    if (stat(path, &info))
        return cannot("reached");
    if ((info.st_mode & (S_IWOTH | S_ISVTX)) == S_IWOTH)
        return join("lies below `", path, "`, where every user can write", NULL);
    if (info.st_uid != 0 && info.st_uid != geteuid() && info.st_uid != UNMAPPED_USER)
        return join("lies below `", path, "`, which belongs to another user", NULL);
    return NULL;
}

static const char *check_parents(const char *parent)
{
    char *path = join(parent, NULL);
    for (;;) {
        const char *reason = check_parent(path);
        char *last = strrchr(path, '/');
        if (reason || !last[1])
            return reason;
        last[last == path] = 0; /* "/a/b" becomes "/a", and "/a" becomes "/" */
    }
}

/* Makes what is missing between the root's base, which has to be there, and the last `/` of its path. */
static int make_parents(struct root *root)
{
    struct stat base;
    size_t start = root->base ? strlen(root->base) : 0;
    if (start && stat(root->base, &base))
        return -1;
    for (char *at = root->path + start; (at = strchr(at + 1, '/'));) {
        *at = 0;
        int failed = mkdir(root->path, 0700) && errno != EEXIST;
        *at = '/';
        if (failed)
            return -1;
    }
    return 0;
}

static char *real_parent(const char *path)
{
    char *parent = join(path, NULL), *last = strrchr(parent, '/');
    last[last == parent] = 0;
    return realpath(parent, NULL);
}

/* Replaces root->path by one whose parents are no links; makes them where they are missing. */
static const char *resolve_parents(struct root *root)
{
    char *parent = real_parent(root->path);
    if (!parent && errno == ENOENT) {
        if (make_parents(root))
            return cannot_be_made(root);
        parent = real_parent(root->path);
    }
    if (!parent)
        return cannot("reached");
    root->path = join(parent[1] ? parent : "", strrchr(root->path, '/'), NULL);
    return check_parents(parent);
}

static const char *check_own(const char *path, int fix_mode)
{
    struct stat info;
    if (lstat(path, &info))
        return cannot("reached");
    if (S_ISLNK(info.st_mode))
        return "is a symbolic link";
    if (!S_ISDIR(info.st_mode))
        return "is not a directory";
    if (info.st_uid != geteuid())
        return "belongs to another user";
    if (info.st_mode & (S_IWGRP | S_IWOTH))
        return "can be written by other users";
    if (fix_mode && info.st_mode & 077)
        chmod(path, 0700); /* a read-only one stays readable by others: harmless */
    return NULL;
}

static const char *check_file_system(struct root *root)
{
#ifdef __APPLE__
    struct statfs info;
    int failed = statfs(root->path, &info);
    int no_programs = info.f_flags & MNT_NOEXEC, read_only = info.f_flags & MNT_RDONLY;
#else
    struct statvfs info;
    int failed = statvfs(root->path, &info);
    int no_programs = info.f_flag & ST_NOEXEC, read_only = info.f_flag & ST_RDONLY;
#endif
    if (failed)
        return cannot("reached");
    root->writable = !read_only && access(root->path, W_OK | X_OK) == 0;
    return no_programs ? "is on a file system that lets no programs run (noexec)" : NULL;
}

const char *root_check(struct root *root)
{
    root->path = root->base ? join(root->base, "/", root->below, NULL) : join(root->below, NULL);
    strip_slashes(root->path, 1);

    const char *reason = resolve_parents(root);
    if (reason)
        return reason;
    struct stat info;
    if (lstat(root->path, &info) && mkdir(root->path, 0700) && errno != EEXIST)
        return cannot_be_made(root);
    /* A directory that the user names may have other uses: its mode is left alone. */
    if ((reason = check_own(root->path, !root->named)))
        return reason;
    char *runtimes = join(root->path, "/runtimes", NULL);
    if (lstat(runtimes, &info) == 0 && (reason = check_own(runtimes, 1))) {
        root->path = runtimes; /* for the sentence */
        return reason;
    }
    return check_file_system(root);
}
