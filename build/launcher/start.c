#include "start.h"

#include "text.h"

int start_hides(const char *variable)
{
    /* The two that start() sets are dropped first, so that each occurs once. */
    static const char *const hidden[] = {
        "PYTHON", "LD_PRELOAD=", "LD_LIBRARY_PATH=", "LD_AUDIT=", "DYLD_", "LMFILE_EXECUTABLE=", "LMFILE_CACHE_DIR=",
    };
    for (unsigned i = 0; i < sizeof hidden / sizeof *hidden; i++)
        if (starts_with(variable, hidden[i]))
            return 1;
    return 0;
}
