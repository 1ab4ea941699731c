/*
 * The decoder of zstd (BSD licence), cut out of its one-file source at build time: bundler/launcher.py.
 *
 * Only one variant of each inner loop is built: the others serve windows above 16 MB and text that
 * compresses to a fifth, and would cost 50 KB for 6 % of the decoding time.
 */
#define ZSTD_FORCE_DECOMPRESS_SEQUENCES_SHORT
#define HUF_FORCE_DECOMPRESS_X1
#include <zstd_decoder.c>
