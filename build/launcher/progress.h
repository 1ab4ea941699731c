/*
 * Shows on stderr that the first start is at work, if it takes longer than a second.
 *
 * A bar on a terminal, one line elsewhere (a log, TERM=dumb). No colours, so NO_COLOR has nothing
 * to switch off; plain ASCII, because a Windows console may be in any code page.
 */
#ifndef LMFILE_PROGRESS_H
#define LMFILE_PROGRESS_H

#include <stdint.h>

void progress_begin(uint64_t total);
void progress_show(uint64_t done);
void progress_clear(void); /* wipes the bar, so that something else can be written */

#endif
