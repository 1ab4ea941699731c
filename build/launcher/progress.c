#include "progress.h"

#include <stdlib.h>
#include <string.h>

#include "say.h"
#include "sys.h"
#include "text.h"

enum { SILENT_MS = 1000, REDRAW_MS = 100, BAR_WIDTH = 28 };

static const char WHAT[] = "Unpacking the runtime; this happens once";

static struct {
    uint64_t total;
    uint64_t started_ms;
    uint64_t shown_ms; /* 0: nothing shown yet */
    int live;          /* a bar, not a line */
    int drawn;         /* the bar is on the screen */
} progress;

void progress_begin(uint64_t total)
{
    const char *terminal = sys_environment("TERM");
    progress.total = total;
    progress.started_ms = sys_clock_ms();
    progress.live = sys_stderr_is_terminal() && !(terminal && strcmp(terminal, "dumb") == 0);
}

static void draw(uint64_t share)
{
    char bar[BAR_WIDTH + 1], percent[DECIMAL_SIZE];
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', share * BAR_WIDTH / 100);
    bar[BAR_WIDTH] = 0;
    struct text line = {0};
    text_add(&line, "\r", WHAT, " [", bar, "] ", decimal(share, percent), " %", NULL);
    sys_write_stderr(line.data, line.length);
    free(line.data);
    progress.drawn = 1;
}

void progress_show(uint64_t done)
{
    uint64_t now_ms = sys_clock_ms();
    if (now_ms - progress.started_ms < SILENT_MS || now_ms - progress.shown_ms < REDRAW_MS)
        return;
    if (progress.live)
        draw(done * 100 / progress.total);
    else if (!progress.shown_ms)
        note(WHAT, ".", NULL);
    progress.shown_ms = now_ms;
}

void progress_clear(void)
{
    char blank[sizeof WHAT + BAR_WIDTH + 12];
    if (!progress.drawn)
        return;
    memset(blank, ' ', sizeof blank);
    blank[0] = blank[sizeof blank - 1] = '\r';
    sys_write_stderr(blank, sizeof blank);
    progress.drawn = 0;
}
