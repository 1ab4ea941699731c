/*
 * Removes extracted runtimes that nobody used for 30 days, and what killed extractions left.
 *
 * Runs after an extraction only, never on the way of a warm start. A runtime in use is kept
 * however old it is: its processes share a lock on its marker.
 */
#ifndef LMFILE_PRUNE_H
#define LMFILE_PRUNE_H

void prune(const char *runtimes);

#endif
