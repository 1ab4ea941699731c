/*
 * The stage: the directory in which a runtime grows, under a hidden name beside its final one.
 *
 * At most one exists per process. It is removed when the program ends in any way that lets it
 * act; after a kill or a power cut the next extraction sweeps it.
 */
#ifndef LMFILE_STAGE_H
#define LMFILE_STAGE_H

void stage_begin(const char *path); /* makes it; ends the program if it cannot */
void stage_publish(const char *final_path);
void stage_discard(void); /* harmless if there is none */

#endif
