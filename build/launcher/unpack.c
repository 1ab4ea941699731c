#define ZSTD_STATIC_LINKING_ONLY
#include "unpack.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "interrupt.h"
#include "progress.h"
#include "say.h"
#include "sha256.h"
#include "untar.h"

enum {
    CHUNK = 1 << 17,    /* as large as zstd's blocks */
    MAX_WINDOW_LOG = 27, /* 128 MiB: the most that decoding may take */
};

/* The image in order, chunk by chunk. */
struct source {
    const struct payload *payload;
    uint64_t read;
    uint8_t chunk[CHUNK];
};

/* Fills the chunk and returns its length, 0 at the end of the image. */
static size_t next_chunk(struct source *source, uint64_t passes_done)
{
    const struct payload *payload = source->payload;
    uint64_t left = payload->size - source->read;
    size_t wanted = left < CHUNK ? (size_t)left : CHUNK;
    interrupt_check();
    progress_show(passes_done * payload->size + source->read);
    int64_t got = fs_read_at(payload->file, source->chunk, wanted, payload->offset + source->read);
    if (got < 0)
        payload_damaged(payload, "it cannot be read: ", fs_error());
    if ((size_t)got != wanted)
        payload_damaged(payload, "it became shorter while it was read", "");
    source->read += wanted;
    return wanted;
}

static void check_digest(struct source *source)
{
    struct sha256 hash;
    uint8_t digest[32];
    sha256_begin(&hash);
    for (size_t count; (count = next_chunk(source, 0));)
        sha256_add(&hash, source->chunk, count);
    sha256_end(&hash, digest);
    if (memcmp(digest, source->payload->sha256, sizeof digest) != 0)
        payload_damaged(source->payload, "the checksum of its runtime image is wrong", "");
    source->read = 0;
}

static void refuse_if(const struct payload *payload, const char *reason)
{
    if (reason)
        payload_damaged(payload, reason, "");
}

static void decode(struct source *source, struct untar *tar)
{
    static uint8_t plain[CHUNK];
    const struct payload *payload = source->payload;
    ZSTD_DStream *stream = ZSTD_createDStream();
    if (!stream)
        fail_no_memory();
    ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, MAX_WINDOW_LOG);
    size_t frame_left = 1;
    for (size_t count; (count = next_chunk(source, 1));) {
        ZSTD_inBuffer in = {source->chunk, count, 0};
        ZSTD_outBuffer out;
        do {
            out = (ZSTD_outBuffer){plain, sizeof plain, 0};
            frame_left = ZSTD_decompressStream(stream, &out, &in);
            if (ZSTD_getErrorCode(frame_left) == ZSTD_error_memory_allocation)
                fail_no_memory();
            refuse_if(payload, ZSTD_isError(frame_left) ? ZSTD_getErrorName(frame_left) : NULL);
            refuse_if(payload, untar_feed(tar, plain, out.pos));
        } while (in.pos < in.size || (frame_left && out.pos == out.size));
    }
    refuse_if(payload, frame_left ? "its runtime image ends in the middle" : NULL);
    refuse_if(payload, untar_end(tar));
    ZSTD_freeDStream(stream);
}

void unpack(const struct payload *payload, const char *directory, struct text *listing)
{
    static struct source source;
    struct untar tar;
    progress_begin(2 * payload->size);
    source.payload = payload;
    check_digest(&source);
    untar_begin(&tar, directory, payload->unpacked, listing);
    decode(&source, &tar);
    progress_clear();
}
