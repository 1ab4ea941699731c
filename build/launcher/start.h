/*
 * Hands over to the extracted runtime.
 *
 * Its environment names the executable and the cache, and lacks every variable by which the
 * surroundings could put code into it.
 */
#ifndef LMFILE_START_H
#define LMFILE_START_H

/* Returns only if the program is not there (a pruner was quicker); ends the program for any other failure. */
void start(const char *program, const char *self, const char *root, char **argv);

/* Whether a variable (of any form "NAME=…") is kept from the runtime. */
int start_hides(const char *variable);

#endif
