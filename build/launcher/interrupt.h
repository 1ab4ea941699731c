/*
 * Ctrl-C and its like while a stage exists on disk: removed first, obeyed then.
 *
 * Without this a signal ends the launcher at once, which is right while it leaves nothing behind.
 */
#ifndef LMFILE_INTERRUPT_H
#define LMFILE_INTERRUPT_H

void interrupt_watch(void);
void interrupt_check(void);   /* called often: ends the program if it was told to end */
void interrupt_release(void); /* back to how it was; a signal that came meanwhile is obeyed */

#endif
