#include "fs.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "sys.h"
#include "text.h"
#include "wide.h"

/* FILETIME counts 100 ns since 1601. */
static const uint64_t TICKS_PER_S = 10000000, UNIX_EPOCH_S = 11644473600;

static uint64_t ticks(FILETIME time)
{
    return (uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime;
}

/* ---- reading ---- */

fs_file fs_open(const char *path)
{
    wchar_t *name = wide_path(path);
    DWORD sharing = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    HANDLE file = CreateFileW(name, GENERIC_READ, sharing, NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    free(name);
    return (fs_file)file;
}

int fs_size(fs_file file, uint64_t *size)
{
    LARGE_INTEGER value;
    if (!GetFileSizeEx((HANDLE)file, &value))
        return -1;
    *size = (uint64_t)value.QuadPart;
    return 0;
}

int64_t fs_read_at(fs_file file, void *bytes, size_t count, uint64_t offset)
{
    size_t done = 0;
    while (done < count) {
        uint64_t at = offset + done;
        OVERLAPPED position = {.Offset = (DWORD)at, .OffsetHigh = (DWORD)(at >> 32)};
        DWORD got = 0;
        if (!ReadFile((HANDLE)file, (char *)bytes + done, (DWORD)(count - done), &got, &position) &&
            GetLastError() != ERROR_HANDLE_EOF)
            return -1;
        if (got == 0)
            break;
        done += got;
    }
    return (int64_t)done;
}

void fs_close(fs_file file)
{
    CloseHandle((HANDLE)file);
}

/* ---- writing ---- */

fs_file fs_create(const char *path, int executable)
{
    (void)executable; /* the name decides */
    return wide_open(path, GENERIC_WRITE | FILE_WRITE_ATTRIBUTES, 0, CREATE_NEW);
}

int fs_write(fs_file file, const void *bytes, size_t count)
{
    const char *from = bytes;
    while (count) {
        DWORD written, wanted = count < 1 << 30 ? (DWORD)count : 1 << 30;
        if (!WriteFile((HANDLE)file, from, wanted, &written, NULL))
            return -1;
        from += written;
        count -= written;
    }
    return 0;
}

int fs_finish(fs_file file, int64_t mtime_s)
{
    uint64_t value = ((uint64_t)mtime_s + UNIX_EPOCH_S) * TICKS_PER_S;
    FILETIME time = {(DWORD)value, (DWORD)(value >> 32)};
    BOOL dated = SetFileTime((HANDLE)file, NULL, NULL, &time);
    return CloseHandle((HANDLE)file) && dated ? 0 : -1;
}

int fs_sync(const char *path)
{
    struct fs_info info;
    fs_info(path, &info);
    if (info.kind == FS_DIRECTORY)
        return 0; /* NTFS keeps its directories in a journal and has no call for this */
    fs_file file = wide_open(path, GENERIC_WRITE, FILE_SHARE_READ, OPEN_EXISTING);
    if (file == FS_NONE)
        return -1;
    BOOL done = FlushFileBuffers((HANDLE)file);
    fs_close(file);
    return done ? 0 : -1;
}

int fs_wait_written(const char *path)
{
    return fs_sync(path);
}

int fs_make_dir(const char *path)
{
    struct fs_info info;
    wchar_t *name = wide_path(path);
    BOOL made = CreateDirectoryW(name, NULL); /* readable by whom the user's profile is */
    free(name);
    if (made)
        return 0;
    if (GetLastError() != ERROR_ALREADY_EXISTS)
        return -1;
    fs_info(path, &info);
    if (info.kind == FS_DIRECTORY)
        return 0;
    SetLastError(ERROR_DIRECTORY);
    return -1;
}

int fs_make_link(const char *target, const char *path)
{
    (void)target, (void)path; /* needs a privilege that users lack: images for Windows hold none */
    SetLastError(ERROR_NOT_SUPPORTED);
    return -1;
}

/* A virus scanner may hold what was just written for a moment. */
int fs_rename(const char *from, const char *to)
{
    enum { TRIES = 100, PAUSE_MS = 50 };
    wchar_t *old_name = wide_path(from), *new_name = wide_path(to);
    BOOL done = FALSE;
    for (int tries = 0; tries < TRIES && !done; tries++) {
        done = MoveFileExW(old_name, new_name, 0);
        DWORD reason = GetLastError();
        if (!done && reason != ERROR_ACCESS_DENIED && reason != ERROR_SHARING_VIOLATION)
            break;
        if (!done)
            sys_sleep_ms(PAUSE_MS);
    }
    free(old_name);
    free(new_name);
    return done ? 0 : -1;
}

int fs_remove_file(const char *path)
{
    wchar_t *name = wide_path(path);
    BOOL done = DeleteFileW(name);
    free(name);
    return done ? 0 : -1;
}

struct removal {
    const char *directory;
    int failed;
};

static void remove_entry(void *context, const char *name)
{
    struct removal *removal = context;
    char *path = join(removal->directory, "/", name, NULL);
    removal->failed |= fs_remove_tree(path);
    free(path);
}

int fs_remove_tree(const char *path)
{
    struct fs_info info;
    struct removal removal = {path, 0};
    fs_info(path, &info);
    if (info.kind == FS_MISSING)
        return 0;
    if (info.kind == FS_FILE)
        return fs_remove_file(path);
    if (info.kind == FS_DIRECTORY && (fs_each(path, remove_entry, &removal) || removal.failed))
        return -1;
    wchar_t *name = wide_path(path);
    BOOL done = RemoveDirectoryW(name); /* a link to a directory, too: the link itself */
    free(name);
    return done ? 0 : -1;
}

int fs_free_bytes(const char *path, uint64_t *bytes)
{
    ULARGE_INTEGER available;
    wchar_t *name = wide_path(path);
    BOOL done = GetDiskFreeSpaceExW(name, &available, NULL, NULL);
    free(name);
    *bytes = available.QuadPart;
    return done ? 0 : -1;
}

/* ---- looking ---- */

void fs_info(const char *path, struct fs_info *info)
{
    WIN32_FILE_ATTRIBUTE_DATA data;
    wchar_t *name = wide_path(path);
    BOOL found = GetFileAttributesExW(name, GetFileExInfoStandard, &data);
    free(name);
    *info = (struct fs_info){.kind = FS_MISSING};
    if (!found)
        return;
    uint64_t changed = ticks(data.ftLastWriteTime);
    info->kind = data.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT ? FS_LINK
                 : data.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY   ? FS_DIRECTORY
                                                                      : FS_FILE;
    info->size = (uint64_t)data.nFileSizeHigh << 32 | data.nFileSizeLow;
    info->mtime_s = changed % TICKS_PER_S ? -1 : (int64_t)(changed / TICKS_PER_S - UNIX_EPOCH_S);
}

int fs_each(const char *directory, void (*visit)(void *context, const char *name), void *context)
{
    WIN32_FIND_DATAW entry;
    char *pattern = join(directory, "/*", NULL);
    wchar_t *wide = wide_path(pattern);
    HANDLE search = FindFirstFileW(wide, &entry);
    free(wide);
    free(pattern);
    if (search == INVALID_HANDLE_VALUE)
        return -1;
    do {
        char *name = narrow(entry.cFileName);
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
            visit(context, name);
        free(name);
    } while (FindNextFileW(search, &entry));
    FindClose(search);
    return 0;
}

int64_t fs_age_s(fs_file file)
{
    FILETIME now, changed;
    GetSystemTimeAsFileTime(&now);
    if (!GetFileTime((HANDLE)file, NULL, NULL, &changed))
        return 0;
    return ((int64_t)ticks(now) - (int64_t)ticks(changed)) / (int64_t)TICKS_PER_S;
}

void fs_touch(fs_file file)
{
    FILETIME now;
    GetSystemTimeAsFileTime(&now);
    SetFileTime((HANDLE)file, NULL, NULL, &now);
}

/* ---- errors ---- */

const char *fs_error(void)
{
    wchar_t sentence[512];
    DWORD code = GetLastError();
    DWORD flags = FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS;
    DWORD length = FormatMessageW(flags, NULL, code, 0, sentence, 512, NULL);
    while (length && (sentence[length - 1] <= ' ' || sentence[length - 1] == '.'))
        sentence[--length] = 0;
    char digits[DECIMAL_SIZE];
    return length ? narrow(sentence) : join("error ", decimal(code, digits), NULL);
}

int fs_error_is_full(void)
{
    DWORD code = GetLastError();
    return code == ERROR_DISK_FULL || code == ERROR_HANDLE_DISK_FULL || code == ERROR_DISK_QUOTA_EXCEEDED;
}
