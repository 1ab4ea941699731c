/*
 * The launcher: the executable in front of every lmfile.
 *
 * Finds the runtime of this file in the cache, extracts it there the first time, and becomes it.
 * It never reads the weights. Warm, it costs 0.6 ms.
 */
#include "cache.h"
#include "footer.h"
#include "start.h"
#include "sys.h"

/* A runtime may vanish between check and start, when it was unused for 30 days: hence more than one. */
enum { MAX_TRIES = 3 };

int main(int argc, char **argv)
{
    struct payload payload;
    (void)argc;
    sys_prepare();
    argv = sys_arguments(argv);
    payload_open(&payload, sys_self_path());
    struct runtime runtime = cache_find(argv, payload.hex);
    for (int tries = 0; tries < MAX_TRIES; tries++) {
        if (cache_claim(&runtime))
            cache_fill(&runtime, &payload);
        start(runtime.program, payload.path, runtime.root, argv);
    }
    payload_damaged(&payload, "its runtime image has no program to start", "");
}
