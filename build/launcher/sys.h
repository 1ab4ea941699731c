/*
 * The process, the clock and the terminal, the same on every system.
 */
#ifndef LMFILE_SYS_H
#define LMFILE_SYS_H

#include <stddef.h>
#include <stdint.h>

void sys_prepare(void);            /* first of all: sound standard streams, no borrowed rights, own file modes */
void sys_restore(void);            /* the file modes, for the runtime */
char **sys_arguments(char **argv); /* in UTF-8 */
char *sys_self_path(void);         /* absolute path of this executable; ends the program if there is none */
const char *sys_environment(const char *name); /* NULL if unset or empty */

uint64_t sys_process_id(void);
uint64_t sys_clock_ms(void);
void sys_sleep_ms(unsigned milliseconds);

void sys_write_stderr(const char *text, size_t length);
int sys_stderr_is_terminal(void);

#endif
