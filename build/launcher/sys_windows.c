#include "sys.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>
#include <shellapi.h>

#include "fs.h"
#include "say.h"
#include "wide.h"

void sys_prepare(void)
{
    /* Nothing to do: closed standard streams do not hand on their handles, and there is no set-user-id. */
}

void sys_restore(void)
{
}

char **sys_arguments(char **argv)
{
    (void)argv; /* in the code page of the system, which lacks most letters */
    int count;
    wchar_t **words = CommandLineToArgvW(GetCommandLineW(), &count);
    char **result = words ? malloc(((size_t)count + 1) * sizeof *result) : NULL;
    if (!result)
        fail_no_memory();
    for (int i = 0; i < count; i++)
        result[i] = narrow(words[i]);
    result[count] = NULL;
    LocalFree(words);
    return result;
}

char *sys_self_path(void)
{
    for (DWORD size = 256; size <= 1 << 16; size *= 2) {
        wchar_t *path = malloc(size * sizeof *path);
        if (!path)
            fail_no_memory();
        DWORD length = GetModuleFileNameW(NULL, path, size);
        if (length == 0)
            break;
        if (length < size)
            return narrow(path);
        free(path);
    }
    fail(EXIT_PAYLOAD_DAMAGED, "Finding the path of this executable: ", fs_error(), "; move it to a shorter path.", NULL);
}

const char *sys_environment(const char *name)
{
    wchar_t *wide_name = wide(name);
    const char *result = NULL;
    DWORD size = GetEnvironmentVariableW(wide_name, NULL, 0);
    if (size > 1) {
        wchar_t *value = malloc(size * sizeof *value);
        if (!value)
            fail_no_memory();
        GetEnvironmentVariableW(wide_name, value, size);
        result = narrow(value);
        free(value);
    }
    free(wide_name);
    return result;
}

uint64_t sys_process_id(void)
{
    return GetCurrentProcessId();
}

uint64_t sys_clock_ms(void)
{
    return GetTickCount64();
}

void sys_sleep_ms(unsigned milliseconds)
{
    Sleep(milliseconds);
}

void sys_write_stderr(const char *text, size_t length)
{
    HANDLE stderr_handle = GetStdHandle(STD_ERROR_HANDLE);
    DWORD written;
    if (!sys_stderr_is_terminal()) {
        WriteFile(stderr_handle, text, (DWORD)length, &written, NULL);
        return;
    }
    char *copy = malloc(length + 1);
    if (!copy)
        return;
    memcpy(copy, text, length);
    copy[length] = 0;
    wchar_t *letters = wide(copy);
    WriteConsoleW(stderr_handle, letters, (DWORD)wcslen(letters), &written, NULL);
    free(letters);
    free(copy);
}

int sys_stderr_is_terminal(void)
{
    DWORD mode;
    return GetConsoleMode(GetStdHandle(STD_ERROR_HANDLE), &mode) != 0;
}
