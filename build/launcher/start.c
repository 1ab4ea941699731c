#include "start.h"

#include "text.h"

int start_hides(const char *variable)
{
    /* The last three are ours: start() and the runtime set them, nobody else may. */
    static const char *const hidden[] = {
        "PYTHON", "LD_PRELOAD=", "LD_LIBRARY_PATH=", "LD_AUDIT=", "DYLD_",
        "LMFILE_EXECUTABLE=", "LMFILE_CACHE_DIR=", "LMFILE_CHECKED=",
    };
    for (unsigned i = 0; i < sizeof hidden / sizeof *hidden; i++)
        if (starts_with(variable, hidden[i]))
            return 1;
    return 0;
}
