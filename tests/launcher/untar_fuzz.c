/*
 * Feeds mutations of a tar archive, in pieces of random sizes, to the launcher's reader, whose writes go nowhere.
 *
 *     untar_fuzz SEED.tar COUNT      prints how many were refused
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs.h"
#include "marker.h"
#include "say.h"
#include "untar.h"

/* ---- what untar.c needs of the rest of the launcher ---- */

static uint64_t written;

fs_file fs_create(const char *path, int executable)
{
    (void)executable;
    return strstr(path, "/../") ? abort(), FS_NONE : 7;
}

int fs_write(fs_file file, const void *bytes, size_t count)
{
    uint8_t sum = 0;
    if (file != 7)
        abort(); /* written to a file that is not open */
    for (size_t i = 0; i < count; i++)
        sum ^= ((const uint8_t *)bytes)[i];
    written += count + (sum & 0);
    return 0;
}

int fs_finish(fs_file file, int64_t mtime_s)
{
    (void)mtime_s;
    return file == 7 ? 0 : (abort(), -1);
}

int fs_make_dir(const char *path)
{
    return strncmp(path, "/root", 5) ? (abort(), -1) : 0;
}

int fs_make_link(const char *target, const char *path)
{
    return target[0] == '/' || strncmp(path, "/root/", 6) ? (abort(), -1) : 0;
}

void marker_list(struct text *listing, char kind, uint64_t size, int64_t mtime_s, const char *path)
{
    (void)listing, (void)kind, (void)size, (void)mtime_s;
    if (strchr(path, '\n'))
        abort();
}

void fail_write(const char *path)
{
    (void)path;
    abort();
}

void fail_no_memory(void)
{
    abort();
}

/* ---- the fuzzer ---- */

static uint64_t state = 88172645463325252u;

static uint64_t dice(uint64_t sides)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % sides;
}

static int refused(const uint8_t *archive, size_t size)
{
    struct untar tar;
    struct text listing = {0};
    const char *reason = NULL;
    untar_begin(&tar, "/root", 800, &listing);
    for (size_t at = 0; at < size && !reason;) {
        size_t count = 1 + dice(1000);
        if (count > size - at)
            count = size - at;
        reason = untar_feed(&tar, archive + at, count);
        at += count;
    }
    if (tar.unpacked > tar.limit)
        abort();
    return reason || untar_end(&tar);
}

/* A damaged header is refused for its checksum alone: set it right, to get behind that. */
static void fix_checksums(uint8_t *archive, size_t size)
{
    for (size_t block = 0; block + 512 <= size; block += 512) {
        uint8_t *header = archive + block;
        unsigned sum = 8 * ' ';
        if (memcmp(header + 257, "ustar", 5))
            continue;
        for (int i = 0; i < 512; i++)
            sum += i < 148 || i >= 156 ? header[i] : 0;
        snprintf((char *)header + 148, 8, "%06o", sum);
        header[155] = ' ';
    }
}

int main(int argc, char **argv)
{
    static uint8_t seed[1 << 16], mutant[1 << 16];
    FILE *file = argc == 3 ? fopen(argv[1], "rb") : NULL;
    if (!file)
        return 2;
    size_t size = fread(seed, 1, sizeof seed, file);
    long count = atol(argv[2]), bad = 0;
    if (refused(seed, size))
        return 3;
    for (long i = 0; i < count; i++) {
        memcpy(mutant, seed, size);
        for (uint64_t flips = 1 + dice(6); flips; flips--)
            mutant[dice(size)] = (uint8_t)dice(256);
        fix_checksums(mutant, size);
        bad += refused(mutant, size - dice(2) * dice(size));
    }
    printf("%ld\n", bad);
    return 0;
}
