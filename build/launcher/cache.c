#include "cache.h"

#include <stdlib.h>
#include <string.h>

#include "interrupt.h"
#include "lock.h"
#include "marker.h"
#include "prune.h"
#include "root.h"
#include "say.h"
#include "stage.h"
#include "sys.h"
#include "text.h"
#include "unpack.h"

#ifdef _WIN32
#define PROGRAM "/bin/lmfile.exe"
#else
#define PROGRAM "/bin/lmfile"
#endif

enum { DAY_S = 24 * 60 * 60 };

/* ---- choosing the root ---- */

static const char FLAG[] = "--cache-dir";

/* The last --cache-dir before `--`, as every option parser would take it; NULL if there is none. */
static const char *flag_value(char **argv)
{
    const char *value = NULL;
    for (char **at = argv + 1; argv[0] && *at && strcmp(*at, "--") != 0; at++) {
        const char *rest = starts_with(*at, FLAG) ? *at + strlen(FLAG) : NULL;
        if (rest && *rest == '=')
            value = rest + 1;
        else if (rest && !*rest)
            value = at[1] ? *++at : "";
    }
    if (value && !*value)
        fail(EXIT_USAGE, "Reading the command line: --cache-dir names no directory; write --cache-dir DIR.", NULL);
    return value;
}

static struct runtime runtime_at(const struct root *root, const char *hex)
{
    char *runtimes = join(root->path, "/runtimes", NULL);
    char *directory = join(runtimes, "/", hex, NULL);
    return (struct runtime){
        .root = root->path,
        .runtimes = runtimes,
        .hex = hex,
        .directory = directory,
        .program = join(directory, PROGRAM, NULL),
        .in_use = FS_NONE,
    };
}

/* NULL if the root will do: nobody else can change it, and the runtime can be put there or is there. */
static const char *try_root(struct root *root, const char *hex, struct runtime *runtime)
{
    const char *reason = root_check(root);
    if (reason)
        return reason;
    *runtime = runtime_at(root, hex);
    const char *changed = root->writable ? NULL : cache_claim(runtime);
    if (changed && *changed)
        return join("cannot be written, and `", changed, "` of the runtime in it was changed or removed", NULL);
    return changed ? "cannot be written" : NULL;
}

struct runtime cache_find(char **argv, const char *hex)
{
    struct root candidates[ROOT_MAX_CANDIDATES];
    struct runtime runtime;
    const char *named = flag_value(argv);
    if (!named)
        named = sys_environment("LMFILE_CACHE");
    size_t count = 1;
    if (named)
        candidates[0] = root_named(named);
    else
        count = root_candidates(candidates);

    struct text refused = {0};
    for (size_t i = 0; i < count; i++) {
        const char *reason = try_root(&candidates[i], hex, &runtime);
        if (!reason)
            return runtime;
        text_add(&refused, i ? ", `" : "`", candidates[i].path, "` ", reason, NULL);
    }
    fail(EXIT_CACHE_UNUSABLE, "Choosing the cache directory: ", refused.data,
         "; name another with --cache-dir DIR or LMFILE_CACHE.", NULL);
}

/* ---- claiming ---- */

static void unclaim(struct runtime *runtime)
{
    if (runtime->in_use != FS_NONE)
        fs_close(runtime->in_use);
    runtime->in_use = FS_NONE;
}

const char *cache_claim(struct runtime *runtime)
{
    char *marker = join(runtime->directory, "/" MARKER_NAME, NULL);
    unclaim(runtime);
    runtime->in_use = lock_in_use(marker);
    free(marker);
    if (runtime->in_use == FS_NONE)
        return "";
    const char *changed = marker_check(runtime->directory, runtime->hex, runtime->in_use);
    if (changed)
        unclaim(runtime);
    else if (fs_age_s(runtime->in_use) > DAY_S)
        fs_touch(runtime->in_use); /* the date of the marker is the date of last use */
    return changed;
}

/* ---- filling ---- */

struct sweep {
    const struct runtime *runtime;
    const char *prefix;
};

static void sweep_entry(void *context, const char *name)
{
    const struct sweep *sweep = context;
    if (starts_with(name, sweep->prefix))
        fs_remove_tree(join(sweep->runtime->runtimes, "/", name, NULL));
}

/*
 * Clears the place: stages that killed processes left, and a tree that is not complete. The tree
 * leaves its name first, in one step, so that a kill during the removal leaves a stage to sweep.
 */
static void sweep_leftovers(const struct runtime *runtime, const char *aside)
{
    struct sweep sweep = {runtime, join(".", runtime->hex, ".", NULL)};
    struct fs_info info;
    fs_info(runtime->directory, &info);
    if (info.kind != FS_MISSING && fs_rename(runtime->directory, aside))
        fail(EXIT_CACHE_UNUSABLE, "Moving the changed runtime `", runtime->directory, "` aside: ", fs_error(),
             "; end the programs that use it and try again.", NULL);
    fs_each(runtime->runtimes, sweep_entry, &sweep);
}

/* Small files take whole blocks and the marker takes some too: a sixteenth more covers what was seen. */
static void require_space(const struct runtime *runtime, uint64_t unpacked)
{
    uint64_t needed = unpacked + unpacked / 16 + (1 << 20), available;
    char digits[DECIMAL_SIZE];
    if (fs_free_bytes(runtime->runtimes, &available) == 0 && available < needed)
        fail(EXIT_DISK_FULL, "Unpacking the runtime to `", runtime->runtimes, "`: the disk is full, ",
             decimal(needed / 1000000 + 1, digits),
             " MB are needed there; free some space or name another directory with --cache-dir DIR.", NULL);
}

/* The files are on the disk before the marker, and the marker before the name: a power cut at any moment is safe. */
static void extract(const struct runtime *runtime, const struct payload *payload, const char *stage)
{
    struct text listing = {0};
    interrupt_watch();
    stage_begin(stage);
    unpack(payload, stage, &listing);
    marker_wait_written(stage, &listing, interrupt_check);
    marker_write(stage, runtime->hex, &listing);
    fs_sync(stage);
    stage_publish(runtime->directory);
    fs_sync(runtime->runtimes);
    interrupt_release();
}

void cache_fill(struct runtime *runtime, const struct payload *payload)
{
    char digits[DECIMAL_SIZE];
    char *stage = join(runtime->runtimes, "/.", runtime->hex, ".", decimal(sys_process_id(), digits), NULL);
    if (fs_make_dir(runtime->runtimes))
        fail_write(runtime->runtimes);
    fs_file lock = lock_wait(join(runtime->directory, ".lock", NULL));
    const char *changed = cache_claim(runtime);
    if (changed) {
        if (*changed)
            note("`", runtime->directory, "/", changed, "` was changed or removed; unpacking the runtime again.", NULL);
        sweep_leftovers(runtime, stage);
        require_space(runtime, payload->unpacked);
        extract(runtime, payload, stage);
        if (cache_claim(runtime))
            fail(EXIT_CACHE_UNUSABLE, "Unpacking the runtime to `", runtime->directory,
                 "`: it does not keep what is written there; name another with --cache-dir DIR.", NULL);
        prune(runtime->runtimes);
    }
    lock_release(lock);
}
