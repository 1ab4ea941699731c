/*
 * Files and directories by UTF-8 path, the same on every system.
 *
 * Paths are absolute. That is safe below a cache root that passed root_check(): no other
 * user can write there or exchange one of its parents, so what was checked is what is used.
 * Functions returning int give 0 or -1; fs_error() then says why.
 */
#ifndef LMFILE_FS_H
#define LMFILE_FS_H

#include <stddef.h>
#include <stdint.h>

typedef intptr_t fs_file; /* a descriptor or a HANDLE; never inherited, except lock_in_use() */
#define FS_NONE ((fs_file) - 1)

fs_file fs_open(const char *path); /* for reading */
int fs_size(fs_file file, uint64_t *size);
int64_t fs_read_at(fs_file file, void *bytes, size_t count, uint64_t offset); /* less than count only at the end */
void fs_close(fs_file file);

fs_file fs_create(const char *path, int executable); /* a new file: fails if the name is taken, also by a link */
int fs_write(fs_file file, const void *bytes, size_t count);
int fs_finish(fs_file file, int64_t mtime_s); /* dates the file, starts writing it back, closes it */
int fs_wait_written(const char *path);        /* its bytes are on the disk */
int fs_sync(const char *path);                /* so is what was done before, names included; also for a directory */
int fs_make_dir(const char *path);            /* mode 0700; also 0 if it is there and a real directory */
int fs_make_link(const char *target, const char *path);
int fs_rename(const char *from, const char *to);
int fs_remove_file(const char *path);
int fs_remove_tree(const char *path); /* also 0 if there is none; never follows links */
int fs_free_bytes(const char *path, uint64_t *bytes);

enum fs_kind { FS_MISSING, FS_FILE, FS_DIRECTORY, FS_LINK, FS_OTHER };
struct fs_info {
    enum fs_kind kind;
    uint64_t size;   /* of a link: of its target's name */
    int64_t mtime_s; /* the time of last change, or -1 if that is no whole second */
};
void fs_info(const char *path, struct fs_info *info); /* of a link itself */

int fs_each(const char *directory, void (*visit)(void *context, const char *name), void *context);

int64_t fs_age_s(fs_file file); /* since its last change; negative if that lies ahead */
void fs_touch(fs_file file);    /* dates it now, if that is allowed */

const char *fs_error(void);
int fs_error_is_full(void);

#endif
