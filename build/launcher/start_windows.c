#include "start.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "fs.h"
#include "say.h"
#include "text.h"
#include "wide.h"

static void clean_environment(const char *self, const char *root)
{
    wchar_t *block = GetEnvironmentStringsW();
    for (wchar_t *at = block; block && *at; at += wcslen(at) + 1) {
        wchar_t *variable = _wcsdup(at), *equals = variable ? wcschr(variable + 1, L'=') : NULL;
        if (!equals)
            continue;
        CharUpperBuffW(variable, (DWORD)(equals - variable)); /* names are the same in either case here */
        char *name = narrow(variable);
        *equals = 0;
        if (start_hides(name))
            SetEnvironmentVariableW(variable, NULL);
        free(name);
        free(variable);
    }
    SetEnvironmentVariableW(L"LMFILE_EXECUTABLE", wide_plain_path(self));
    SetEnvironmentVariableW(L"LMFILE_CACHE_DIR", wide_plain_path(root));
}

/* The command line as it was given, but its first word the program, by which the interpreter finds its modules. */
static wchar_t *command_line(const char *program)
{
    const wchar_t *rest = GetCommandLineW();
    if (*rest == L'"') {
        rest = wcschr(rest + 1, L'"');
        rest = rest ? rest + 1 : L"";
    } else {
        rest += wcscspn(rest, L" \t");
    }
    return wide(join("\"", narrow(wide_plain_path(program)), "\"", narrow(rest), NULL));
}

/* Ctrl-C reaches the child too, which decides; this process only waits for it. */
static BOOL WINAPI leave_to_child(DWORD event)
{
    if (event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT)
        Sleep(INFINITE); /* the window closes: the child gets its five seconds */
    return TRUE;
}

/* A child that this process takes with it when it is ended. What the child starts by itself may live on. */
static HANDLE job_for_child(void)
{
    HANDLE job = CreateJobObjectW(NULL, NULL);
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {0};
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK;
    SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits);
    return job;
}

/* Redirected streams reach the child only as inheritable handles, named here. */
static STARTUPINFOW with_our_streams(void)
{
    STARTUPINFOW info = {.cb = sizeof info, .dwFlags = STARTF_USESTDHANDLES};
    info.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    info.hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE);
    info.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    SetHandleInformation(info.hStdInput, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    SetHandleInformation(info.hStdOutput, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    SetHandleInformation(info.hStdError, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    return info;
}

/* Windows has no exec: the runtime is a child, and this process its streams, its signals and its exit code. */
void start(const char *program, const char *self, const char *root, char **argv)
{
    (void)argv;
    STARTUPINFOW info = with_our_streams();
    PROCESS_INFORMATION child;
    clean_environment(self, root);
    SetConsoleCtrlHandler(leave_to_child, TRUE);
    HANDLE job = job_for_child();
    if (!CreateProcessW(wide_path(program), command_line(program), NULL, NULL, TRUE, CREATE_SUSPENDED, NULL, NULL, &info,
                        &child)) {
        if (GetLastError() == ERROR_FILE_NOT_FOUND || GetLastError() == ERROR_PATH_NOT_FOUND)
            return;
        fail(EXIT_CACHE_UNUSABLE, "Starting `", program, "`: ", fs_error(),
             "; name another directory with --cache-dir DIR or LMFILE_CACHE.", NULL);
    }
    AssignProcessToJobObject(job, child.hProcess);
    ResumeThread(child.hThread);
    WaitForSingleObject(child.hProcess, INFINITE);
    DWORD code = EXIT_CACHE_UNUSABLE;
    GetExitCodeProcess(child.hProcess, &code);
    ExitProcess(code);
}
