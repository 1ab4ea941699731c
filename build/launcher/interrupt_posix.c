#include "interrupt.h"

#include <signal.h>
#include <stdlib.h>

#include "progress.h"
#include "stage.h"

static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP, SIGXFSZ};
enum { SIGNAL_COUNT = sizeof SIGNALS / sizeof *SIGNALS };

static struct sigaction before[SIGNAL_COUNT];
static volatile sig_atomic_t received;

static void note_signal(int signal)
{
    received = signal;
}

void interrupt_watch(void)
{
    struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        sigaction(SIGNALS[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN) /* nohup must keep protecting */
            sigaction(SIGNALS[i], &action, NULL);
    }
}

/* Dies of the signal itself, so that a shell reports 130 or 143 and stops its script. */
void interrupt_check(void)
{
    if (!received)
        return;
    progress_clear();
    stage_discard();
    signal(received, SIG_DFL);
    raise(received);
    _Exit(128 + received); /* only if the signal is blocked */
}

void interrupt_release(void)
{
    for (int i = 0; i < SIGNAL_COUNT; i++)
        sigaction(SIGNALS[i], &before[i], NULL);
    interrupt_check();
}
