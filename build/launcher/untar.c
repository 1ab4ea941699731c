#include "untar.h"

#include <stdlib.h>
#include <string.h>

#include "marker.h"
#include "names.h"
#include "say.h"

enum {
    BLOCK = 512,
    MAX_PAX_BYTES = 1 << 16,
    /* Offsets and lengths of the fields in a ustar header. */
    AT_NAME = 0,
    AT_MODE = 100,
    AT_SIZE = 124,
    AT_MTIME = 136,
    AT_CHECKSUM = 148,
    AT_TYPE = 156,
    AT_TARGET = 157,
    AT_MAGIC = 257,
    AT_PREFIX = 345,
    NAME_SIZE = 100,
    PREFIX_SIZE = 155,
};

/* ---- fields ---- */

static const char *read_octal(const uint8_t *field, size_t width, uint64_t *value)
{
    *value = 0;
    size_t i = 0;
    while (i < width && field[i] == ' ')
        i++;
    for (; i < width && field[i] && field[i] != ' '; i++) {
        if (field[i] < '0' || field[i] > '7')
            return "a number in its archive is malformed";
        *value = *value << 3 | (uint64_t)(field[i] - '0');
    }
    return NULL;
}

static int checksum_ok(const uint8_t *header)
{
    uint64_t stored, sum = 8 * ' ';
    for (int i = 0; i < BLOCK; i++)
        if (i < AT_CHECKSUM || i >= AT_CHECKSUM + 8)
            sum += header[i];
    return !read_octal(header + AT_CHECKSUM, 8, &stored) && stored == sum;
}

static void add_field(struct text *text, const uint8_t *field, size_t width)
{
    const uint8_t *end = memchr(field, 0, width);
    text_add_bytes(text, field, end ? (size_t)(end - field) : width);
}

static char *member_name(const uint8_t *header)
{
    struct text name = {0};
    if (header[AT_PREFIX]) {
        add_field(&name, header + AT_PREFIX, PREFIX_SIZE);
        text_add(&name, "/", NULL);
    }
    add_field(&name, header + AT_NAME, NAME_SIZE);
    return name.data;
}

static char *member_target(const uint8_t *header)
{
    struct text target = {0};
    add_field(&target, header + AT_TARGET, NAME_SIZE);
    return target.data;
}

/* ---- pax records: "<length> <key>=<value>\n", the length counting all of it ---- */

static const char *take_record(struct untar *tar, const char *key, const char *value)
{
    if (strcmp(key, "path") == 0) {
        tar->pax_path = join(value, NULL);
    } else if (strcmp(key, "linkpath") == 0) {
        tar->pax_target = join(value, NULL);
    } else if (strcmp(key, "size") == 0) {
        char *end;
        tar->pax_size = strtoull(value, &end, 10);
        tar->has_pax_size = 1;
        if (*end || end == value)
            return "a size in its archive is malformed";
    }
    return NULL;
}

static const char *take_pax(struct untar *tar)
{
    char *at = tar->pax.data, *end = at + tar->pax.length;
    while (at < end) {
        char *key;
        unsigned long length = strtoul(at, &key, 10);
        if (length > (size_t)(end - at) || length < 5 || *key != ' ' || at[length - 1] != '\n')
            return "a record of its archive is malformed";
        at[length - 1] = 0;
        char *equals = strchr(++key, '=');
        if (!equals)
            return "a record of its archive is malformed";
        *equals = 0;
        const char *reason = take_record(tar, key, equals + 1);
        if (reason)
            return reason;
        at += length;
    }
    return NULL;
}

/* ---- members ---- */

/* Makes the directories down to the last `/` of tar->path; consecutive members mostly share them. */
static void make_parents(struct untar *tar)
{
    char *path = tar->path.data, *last = strrchr(path, '/');
    *last = 0;
    if (!tar->made.data || strcmp(path, tar->made.data) != 0) {
        for (char *at = path + strlen(tar->root) + 1; (at = strchr(at, '/')); *at++ = '/') {
            *at = 0;
            if (fs_make_dir(path))
                fail_write(path);
        }
        if (fs_make_dir(path))
            fail_write(path);
        text_clear(&tar->made);
        text_add(&tar->made, path, NULL);
    }
    *last = '/';
}

static const char *begin_file(struct untar *tar, const char *name, int executable)
{
    if (tar->data_left > tar->limit - tar->unpacked)
        return "it unpacks to more than its footer says";
    tar->unpacked += tar->data_left;
    make_parents(tar);
    tar->file = fs_create(tar->path.data, executable);
    if (tar->file == FS_NONE)
        fail_write(tar->path.data);
    marker_list(tar->listing, 'f', tar->data_left, tar->mtime_s, name);
    return NULL;
}

static const char *make_link(struct untar *tar, const char *name, const char *target)
{
    if (!names_target_ok(name, target))
        return "a link in its archive leads outside";
    make_parents(tar);
    if (fs_make_link(target, tar->path.data))
        fail_write(tar->path.data);
    marker_list(tar->listing, 'l', strlen(target), 0, name);
    return NULL;
}

static const char *begin_member(struct untar *tar, char *name, const char *target)
{
    uint64_t mode, mtime;
    int type = tar->header[AT_TYPE];
    size_t length = strlen(name);
    if (type == '5' && length && name[length - 1] == '/')
        name[length - 1] = 0;
    if (!names_ok(name))
        return "a name in its archive is not allowed";
    if (read_octal(tar->header + AT_MODE, 8, &mode) || read_octal(tar->header + AT_MTIME, 12, &mtime))
        return "a number in its archive is malformed";
    if ((type == '2' || type == '5') && tar->data_left)
        return "its archive gives bytes to something that is no file";
    tar->mtime_s = (int64_t)mtime;
    text_clear(&tar->path);
    text_add(&tar->path, tar->root, "/", name, NULL);
    switch (type) {
    case 0:
    case '0':
        return begin_file(tar, name, (mode & 0100) != 0);
    case '2':
        return make_link(tar, name, target);
    case '5':
        text_add(&tar->path, "/", NULL);
        make_parents(tar);
        return NULL;
    default:
        return "its archive holds something other than files, directories and links";
    }
}

static int is_zero(const uint8_t *block)
{
    for (int i = 0; i < BLOCK; i++)
        if (block[i])
            return 0;
    return 1;
}

static const char *take_header(struct untar *tar)
{
    const uint8_t *header = tar->header;
    uint64_t size;
    if (is_zero(header)) {
        tar->ended = 1;
        return NULL;
    }
    if (memcmp(header + AT_MAGIC, "ustar", 6) != 0 || !checksum_ok(header))
        return "its archive has a damaged header";
    if (read_octal(header + AT_SIZE, 12, &size))
        return "a size in its archive is malformed";
    tar->in_pax = header[AT_TYPE] == 'x';
    if (!tar->in_pax && tar->has_pax_size)
        size = tar->pax_size;
    tar->data_left = size;
    tar->padding_left = (unsigned)(-size % BLOCK);
    if (tar->in_pax) {
        text_clear(&tar->pax);
        return size > 0 && size <= MAX_PAX_BYTES ? NULL : "a record of its archive is malformed";
    }

    char *name = tar->pax_path ? tar->pax_path : member_name(header);
    char *target = tar->pax_target ? tar->pax_target : member_target(header);
    const char *reason = begin_member(tar, name, target);
    free(name);
    free(target);
    tar->pax_path = tar->pax_target = NULL;
    tar->has_pax_size = 0;
    return reason;
}

static const char *finish_data(struct untar *tar)
{
    if (tar->in_pax)
        return take_pax(tar);
    if (tar->file != FS_NONE && fs_finish(tar->file, tar->mtime_s))
        fail_write(tar->path.data);
    tar->file = FS_NONE;
    return NULL;
}

/* ---- the stream ---- */

void untar_begin(struct untar *tar, const char *root, uint64_t limit, struct text *listing)
{
    *tar = (struct untar){.root = root, .limit = limit, .listing = listing, .file = FS_NONE};
}

static void take_data(struct untar *tar, const uint8_t *bytes, size_t count)
{
    if (tar->in_pax)
        text_add_bytes(&tar->pax, bytes, count);
    else if (fs_write(tar->file, bytes, count))
        fail_write(tar->path.data);
    tar->data_left -= count;
}

const char *untar_feed(struct untar *tar, const uint8_t *bytes, size_t count)
{
    while (count && !tar->ended) {
        size_t taken;
        const char *reason = NULL;
        if (tar->data_left) {
            taken = count < tar->data_left ? count : (size_t)tar->data_left;
            take_data(tar, bytes, taken);
            if (!tar->data_left)
                reason = finish_data(tar);
        } else if (tar->padding_left) {
            taken = count < tar->padding_left ? count : tar->padding_left;
            tar->padding_left -= (unsigned)taken;
        } else {
            taken = count < BLOCK - tar->header_filled ? count : BLOCK - tar->header_filled;
            memcpy(tar->header + tar->header_filled, bytes, taken);
            tar->header_filled = (tar->header_filled + taken) % BLOCK;
            if (tar->header_filled == 0)
                reason = take_header(tar);
            if (!reason && tar->header_filled == 0 && !tar->data_left)
                reason = finish_data(tar);
        }
        if (reason)
            return reason;
        bytes += taken;
        count -= taken;
    }
    return NULL;
}

const char *untar_end(const struct untar *tar)
{
    if (!tar->ended)
        return "its archive ends in the middle";
    return tar->unpacked == tar->limit ? NULL : "it unpacks to less than its footer says";
}
