#include "prune.h"

#include <stdlib.h>
#include <string.h>

#include "fs.h"
#include "lock.h"
#include "marker.h"
#include "text.h"

enum { UNUSED_S = 30 * 24 * 60 * 60, HEX_DIGITS = 64 };

/*
 * Moves the runtime to a stage's name first: a start that already looks at it finds it gone and
 * extracts anew, and a kill during the removal leaves something that is swept.
 */
static void remove_if_unused(const char *directory, const char *aside)
{
    char *marker = join(directory, "/" MARKER_NAME, NULL);
    fs_file claim = lock_if_unused(marker);
    free(marker);
    if (claim == FS_NONE)
        return;
    int old = fs_age_s(claim) > UNUSED_S;
#ifdef _WIN32
    fs_close(claim); /* an open file would keep its directory from moving */
    claim = FS_NONE;
#endif
    if (old && fs_rename(directory, aside) == 0)
        fs_remove_tree(aside);
    if (claim != FS_NONE)
        fs_close(claim);
}

static int is_digest(const char *name)
{
    return strspn(name, "0123456789abcdef") >= HEX_DIGITS;
}

/*
 * `name` is "<hex>", "<hex>.lock" or ".<hex>.<process>": all are looked at under the lock of <hex>, so
 * that an extraction under way is left alone, as is the runtime just extracted, whose lock this process holds.
 */
static void prune_entry(void *context, const char *name)
{
    const char *runtimes = context;
    const char *digest = name + (name[0] == '.');
    if (!is_digest(digest))
        return;
    struct text directory = {0};
    text_add(&directory, runtimes, "/", NULL);
    text_add_bytes(&directory, digest, HEX_DIGITS);
    char *entry = join(runtimes, "/", name, NULL);
    char *lock_path = join(directory.data, ".lock", NULL);

    fs_file lock = lock_try(lock_path);
    if (lock == FS_NONE)
        return;
    struct fs_info info;
    if (name[0] == '.')
        fs_remove_tree(entry);
    else if (!name[HEX_DIGITS])
        remove_if_unused(directory.data, join(runtimes, "/.", name, ".unused", NULL));
    fs_info(directory.data, &info);
    if (info.kind == FS_MISSING)
        lock_remove(lock, lock_path);
    else
        lock_release(lock);
}

void prune(const char *runtimes)
{
    fs_each(runtimes, prune_entry, (void *)runtimes);
}
