#include "footer.h"

#include <string.h>

#include "say.h"
#include "text.h"

enum { FOOTER_SIZE = 128, FOOTER_VERSION = 1, MAX_PADDING = 7 };
static const char MAGIC[] = "lmfile footer v1";

static uint64_t little_endian(const uint8_t *bytes, int count)
{
    uint64_t value = 0;
    while (count--)
        value = value << 8 | bytes[count];
    return value;
}

/* Bit by bit: 108 bytes need no table. */
static uint32_t crc32(const uint8_t *bytes, size_t count)
{
    uint32_t crc = ~0u;
    while (count--) {
        crc ^= *bytes++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static int inside(uint64_t offset, uint64_t size, uint64_t end)
{
    return size > 0 && offset <= end && size <= end - offset;
}

static int has_magic(const uint8_t *footer)
{
    return memcmp(footer + 112, MAGIC, 16) == 0;
}

static void read_or_fail(const struct payload *payload, void *bytes, size_t count, uint64_t offset)
{
    int64_t got = fs_read_at(payload->file, bytes, count, offset);
    if (got < 0)
        payload_damaged(payload, "it cannot be read: ", fs_error());
    if ((size_t)got != count)
        payload_damaged(payload, "it changed while it was read", "");
}

/*
 * Authenticode appends the certificates after up to 7 bytes of padding, so the footer of a
 * signed Windows executable lies right before the certificate table that its PE header points to.
 * Returns where the certificates begin, or 0 if there are none.
 */
static uint64_t certificates_offset(const struct payload *payload, uint64_t file_size)
{
    enum { AT_HEADER = 60, AT_CERTIFICATES = 24 + 112 + 4 * 8 }; /* PE32+, the fifth data directory */
    uint8_t dos[AT_HEADER + 4], pe[AT_CERTIFICATES + 8];
    if (file_size < sizeof dos)
        return 0;
    read_or_fail(payload, dos, sizeof dos, 0);
    uint64_t header = little_endian(dos + AT_HEADER, 4);
    if (memcmp(dos, "MZ", 2) != 0 || !inside(header, sizeof pe, file_size))
        return 0;
    read_or_fail(payload, pe, sizeof pe, header);
    uint64_t offset = little_endian(pe + AT_CERTIFICATES, 4), size = little_endian(pe + AT_CERTIFICATES + 4, 4);
    return memcmp(pe, "PE\0\0", 4) == 0 && inside(offset, size, file_size) ? offset : 0;
}

/* Puts the footer into `footer` and returns where in the file it begins. */
static uint64_t find_footer(const struct payload *payload, uint64_t file_size, uint8_t footer[FOOTER_SIZE])
{
    if (file_size >= FOOTER_SIZE) {
        read_or_fail(payload, footer, FOOTER_SIZE, file_size - FOOTER_SIZE);
        if (has_magic(footer))
            return file_size - FOOTER_SIZE;
    }
    uint64_t end = certificates_offset(payload, file_size);
    for (unsigned padding = 0; padding <= MAX_PADDING && end >= FOOTER_SIZE + padding; padding++) {
        read_or_fail(payload, footer, FOOTER_SIZE, end - padding - FOOTER_SIZE);
        if (has_magic(footer))
            return end - padding - FOOTER_SIZE;
    }
    payload_damaged(payload, "it does not end in an lmfile footer, so it was cut short or something was appended", "");
}

void payload_open(struct payload *payload, const char *path)
{
    uint8_t footer[FOOTER_SIZE];
    uint64_t file_size;
    payload->path = path;
    payload->file = fs_open(path);
    if (payload->file == FS_NONE || fs_size(payload->file, &file_size))
        fail(EXIT_PAYLOAD_DAMAGED, "Opening `", path, "`: ", fs_error(),
             "; the program starts from its own file, so make that readable.", NULL);

    uint64_t footer_offset = find_footer(payload, file_size, footer);
    if (little_endian(footer + 108, 4) != crc32(footer, 108))
        payload_damaged(payload, "the checksum of its footer is wrong", "");
    if (little_endian(footer + 104, 4) != FOOTER_VERSION)
        payload_damaged(payload, "its format is of another version than its launcher", "");

    payload->offset = little_endian(footer, 8);
    payload->size = little_endian(footer + 8, 8);
    payload->unpacked = little_endian(footer + 16, 8);
    memcpy(payload->sha256, footer + 24, sizeof payload->sha256);
    hex(payload->sha256, sizeof payload->sha256, payload->hex);
    uint64_t manifest_offset = little_endian(footer + 56, 8);
    uint64_t manifest_size = little_endian(footer + 64, 8);
    if (!inside(manifest_offset, manifest_size, footer_offset) ||
        !inside(payload->offset, payload->size, manifest_offset) || payload->unpacked == 0)
        payload_damaged(payload, "its footer names parts outside of it", "");
}

void payload_damaged(const struct payload *payload, const char *reason, const char *detail)
{
    fail(EXIT_PAYLOAD_DAMAGED, "Reading `", payload->path, "`: ", reason, detail, "; download the file again.", NULL);
}
