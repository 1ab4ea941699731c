#include "root.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "fs.h"
#include "say.h"
#include "sys.h"
#include "text.h"
#include "wide.h"

/*
 * Both lie in the user's profile, whose access list keeps other users out; a directory that the
 * user names is that user's choice, as there is no owner-and-mode to check that would mean the same.
 */
size_t root_candidates(struct root candidates[ROOT_MAX_CANDIDATES])
{
    static const char *const variables[] = {"LOCALAPPDATA", "TEMP"};
    size_t count = 0;
    for (int i = 0; i < 2; i++) {
        const char *base = sys_environment(variables[i]);
        if (base && base[0] && base[1] == ':')
            candidates[count++] = (struct root){.base = join(base, NULL), .below = "lmfile"};
    }
    if (!count)
        fail(EXIT_CACHE_UNUSABLE, "Choosing the cache directory: LOCALAPPDATA and TEMP are not set; "
             "name a directory with --cache-dir DIR or LMFILE_CACHE.", NULL);
    return count;
}

struct root root_named(const char *path)
{
    wchar_t *given = wide(path);
    DWORD size = GetFullPathNameW(given, 0, NULL, NULL);
    wchar_t *full = malloc((size + 1) * sizeof *full);
    if (!full)
        fail_no_memory();
    full[0] = 0;
    GetFullPathNameW(given, size + 1, full, NULL);
    return (struct root){.below = narrow(full), .named = 1};
}

static int make_parents(char *path)
{
    for (char *at = path + strcspn(path, "/"); (at = strchr(at, '/')); at++) {
        *at = 0;
        int failed = strlen(path) > 2 && fs_make_dir(path) && GetLastError() != ERROR_ACCESS_DENIED;
        *at = '/';
        if (failed)
            return -1;
    }
    return 0;
}

const char *root_check(struct root *root)
{
    struct fs_info info;
    root->path = root->base ? join(root->base, "/", root->below, NULL) : join(root->below, NULL);
    for (char *at = root->path; (at = strchr(at, '\\')); at++)
        *at = '/';
    for (size_t end = strlen(root->path); end > 3 && root->path[end - 1] == '/';)
        root->path[--end] = 0;
    fs_info(root->path, &info);
    if (info.kind == FS_MISSING && ((root->named && make_parents(root->path)) || fs_make_dir(root->path)))
        return join("cannot be created: ", fs_error(), NULL);
    fs_info(root->path, &info);
    if (info.kind == FS_LINK)
        return "is a link";
    if (info.kind != FS_DIRECTORY)
        return "is not a directory";

    char *runtimes = join(root->path, "/runtimes", NULL);
    root->writable = fs_make_dir(runtimes) == 0;
    free(runtimes);
    return NULL;
}
