#include "interrupt.h"

#include <stdlib.h>
#include <windows.h>

#include "progress.h"
#include "stage.h"

static volatile LONG received;

static BOOL WINAPI note_event(DWORD event)
{
    InterlockedExchange(&received, 1);
    if (event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT)
        Sleep(INFINITE); /* the window closes: returning would end the process before the stage is removed */
    return TRUE;
}

void interrupt_watch(void)
{
    SetConsoleCtrlHandler(note_event, TRUE);
}

void interrupt_check(void)
{
    if (!received)
        return;
    progress_clear();
    stage_discard();
    ExitProcess((UINT)STATUS_CONTROL_C_EXIT);
}

void interrupt_release(void)
{
    SetConsoleCtrlHandler(note_event, FALSE);
    interrupt_check();
}
