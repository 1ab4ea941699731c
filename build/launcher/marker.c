#include "marker.h"

#include <stdlib.h>
#include <string.h>

#include "say.h"

static const char VERSION[] = "lmfile runtime 1 ";

/* Bound on the marker's size, so that a damaged one cannot exhaust the memory: 100,000 files. */
enum { MAX_MARKER_BYTES = 16 << 20 };

static size_t count_lines(const char *text, size_t length)
{
    size_t lines = 0;
    for (const char *end = text + length; text < end && (text = memchr(text, '\n', (size_t)(end - text))); text++)
        lines++;
    return lines;
}

static char *first_line(const char *hex, const char *listing, size_t length)
{
    char lines[DECIMAL_SIZE];
    return join(VERSION, hex, " ", decimal(count_lines(listing, length), lines), "\n", NULL);
}

void marker_list(struct text *listing, char kind, uint64_t size, int64_t mtime_s, const char *path)
{
    char size_digits[DECIMAL_SIZE], mtime_digits[DECIMAL_SIZE], type[2] = {kind, 0};
    text_add(listing, type, " ", decimal(size, size_digits), " ", decimal((uint64_t)mtime_s, mtime_digits), " ", path,
             "\n", NULL);
}

void marker_write(const char *directory, const char *hex, const struct text *listing)
{
    char *path = join(directory, "/" MARKER_NAME, NULL);
    char *first = first_line(hex, listing->data, listing->length);
    fs_file file = fs_create(path, 0);
    if (file == FS_NONE || fs_write(file, first, strlen(first)) || fs_write(file, listing->data, listing->length))
        fail_write(path);
    fs_close(file);
    if (fs_sync(path))
        fail_write(path);
}

/* Reads the whole marker; NULL if it cannot be read or is too large to be one. */
static char *read_marker(fs_file marker, size_t *length)
{
    uint64_t size;
    if (fs_size(marker, &size) || size > MAX_MARKER_BYTES)
        return NULL;
    char *content = malloc((size_t)size + 1);
    if (!content)
        fail_no_memory();
    if (fs_read_at(marker, content, (size_t)size, 0) != (int64_t)size)
        return NULL;
    content[size] = 0;
    *length = (size_t)size;
    return content;
}

struct entry {
    char kind;
    uint64_t size;
    uint64_t mtime_s;
};

/* A space and a number; NULL if that is not what stands there. */
static const char *take_number(const char *at, uint64_t *number)
{
    if (*at++ != ' ' || *at < '0' || *at > '9')
        return NULL;
    for (*number = 0; *at >= '0' && *at <= '9'; at++)
        *number = *number * 10 + (uint64_t)(*at - '0');
    return at;
}

/*
 * Takes a line off the listing and puts its path behind the first `root_length` letters of `path`.
 * 0 if it is malformed. (memchr and not strchr: zig's measures the whole rest first, 5 ms in all.)
 */
static int take_line(const char **listing, const char *end, struct entry *entry, struct text *path, size_t root_length)
{
    const char *at = *listing, *line_end = memchr(at, '\n', (size_t)(end - at));
    if (!line_end)
        return 0;
    entry->kind = *at;
    if (!(at = take_number(at + 1, &entry->size)) || !(at = take_number(at, &entry->mtime_s)) || *at != ' ')
        return 0;
    path->length = root_length;
    text_add_bytes(path, at + 1, (size_t)(line_end - at - 1));
    *listing = line_end + 1;
    return 1;
}

static int entry_holds(const struct entry *entry, const char *path)
{
    struct fs_info info;
    fs_info(path, &info);
    if (entry->kind == 'f')
        return info.kind == FS_FILE && info.size == entry->size && info.mtime_s == (int64_t)entry->mtime_s;
    return entry->kind == 'l' && info.kind == FS_LINK && info.size == entry->size;
}

void marker_wait_written(const char *directory, const struct text *listing, void (*between)(void))
{
    struct text path = {0};
    struct entry entry;
    text_add(&path, directory, "/", NULL);
    size_t root_length = path.length;
    const char *at = listing->data, *end = at + listing->length;
    while (at < end && take_line(&at, end, &entry, &path, root_length)) {
        if (entry.kind == 'f' && fs_wait_written(path.data))
            fail_write(path.data);
        between();
    }
}

const char *marker_check(const char *directory, const char *hex, fs_file marker)
{
    size_t length;
    char *content = read_marker(marker, &length);
    const char *at = content ? memchr(content, '\n', length) : NULL;
    if (!at)
        return MARKER_NAME;
    const char *end = content + length;
    at++;
    char *first = first_line(hex, at, (size_t)(end - at));
    if (!starts_with(content, first))
        return MARKER_NAME;

    struct text path = {0};
    struct entry entry;
    text_add(&path, directory, "/", NULL);
    size_t root_length = path.length;
    while (at < end) {
        if (!take_line(&at, end, &entry, &path, root_length))
            return MARKER_NAME;
        if (!entry_holds(&entry, path.data))
            return path.data + root_length;
    }
    free(content);
    free(first);
    free(path.data);
    return NULL;
}
