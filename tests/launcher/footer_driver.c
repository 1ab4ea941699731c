/*
 * Opens a file as the launcher does its own, and prints where the runtime image begins.
 */
#include <stdio.h>

#include "footer.h"
#include "sys.h"

/* ---- what the launcher's other files need of the rest ---- */

void progress_clear(void)
{
}

void sys_write_stderr(const char *text, size_t length)
{
    fwrite(text, 1, length, stderr);
}

int main(int argc, char **argv)
{
    struct payload payload;
    payload_open(&payload, argc > 1 ? argv[1] : "");
    printf("%llu %s\n", (unsigned long long)payload.offset, payload.hex);
    return 0;
}
