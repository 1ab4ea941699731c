#include "start.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs.h"
#include "say.h"
#include "sys.h"
#include "text.h"

extern char **environ;

static char **runtime_environment(const char *self, const char *root)
{
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **result = malloc((count + 3) * sizeof *result);
    if (!result)
        fail_no_memory();
    for (size_t i = 0; i < count; i++)
        if (!start_hides(environ[i]))
            result[kept++] = environ[i];
    result[kept++] = join("LMFILE_EXECUTABLE=", self, NULL);
    result[kept++] = join("LMFILE_CACHE_DIR=", root, NULL);
    result[kept] = NULL;
    return result;
}

void start(const char *program, const char *self, const char *root, char **argv)
{
    sys_restore();
    argv[0] = (char *)program; /* by which the interpreter finds its modules; LMFILE_EXECUTABLE names us */
    execve(program, argv, runtime_environment(self, root));
    int reason = errno;
    struct fs_info info;
    fs_info(program, &info);
    if (info.kind == FS_MISSING)
        return;
    errno = reason;
    if (errno == ENOENT) /* the program is there, so it is its ELF interpreter that is not */
        fail(EXIT_CACHE_UNUSABLE, "Starting `", program, "`: this system has no loader for it; "
             "run this file where programs for glibc run.", NULL);
    fail(EXIT_CACHE_UNUSABLE, "Starting `", program, "`: ", fs_error(),
         "; name another directory with --cache-dir DIR or LMFILE_CACHE.", NULL);
}
