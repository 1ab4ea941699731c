#include "wide.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "say.h"
#include "text.h"

wchar_t *wide(const char *text)
{
    int length = MultiByteToWideChar(CP_UTF8, 0, text, -1, NULL, 0);
    wchar_t *result = malloc((size_t)length * sizeof *result);
    if (!result)
        fail_no_memory();
    MultiByteToWideChar(CP_UTF8, 0, text, -1, result, length);
    return result;
}

static char *with_backslashes(const char *path)
{
    char *plain = join(path, NULL);
    for (char *at = plain; (at = strchr(at, '/')); at++)
        *at = '\\';
    return plain;
}

wchar_t *wide_plain_path(const char *path)
{
    char *plain = with_backslashes(path);
    wchar_t *result = wide(plain);
    free(plain);
    return result;
}

wchar_t *wide_path(const char *path)
{
    char *plain = with_backslashes(path);
    char *full = starts_with(plain, "\\\\?\\") ? join(plain, NULL)
                 : starts_with(plain, "\\\\")  ? join("\\\\?\\UNC\\", plain + 2, NULL)
                                              : join("\\\\?\\", plain, NULL);
    wchar_t *result = wide(full);
    free(full);
    free(plain);
    return result;
}

char *narrow(const wchar_t *text)
{
    int length = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
    char *result = malloc((size_t)length);
    if (!result)
        fail_no_memory();
    WideCharToMultiByte(CP_UTF8, 0, text, -1, result, length, NULL, NULL);
    return result;
}

intptr_t wide_open(const char *path, unsigned long access, unsigned long sharing, unsigned long disposition)
{
    wchar_t *name = wide_path(path);
    DWORD flags = FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OPEN_REPARSE_POINT;
    HANDLE file = CreateFileW(name, access, sharing, NULL, disposition, flags, NULL);
    free(name);
    return (intptr_t)file;
}
