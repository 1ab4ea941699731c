/*
 * SHA-256 with the processor's own instructions: SHA-NI on x86-64, the SHA2 extension on ARMv8.
 *
 * Both compute four rounds on a message quarter `w` while preparing the quarter that is
 * due twelve rounds later; a block is sixteen such steps.
 */
#include "sha256.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

__attribute__((target("sha,sse4.1"))) static void blocks_x86(uint32_t state[8], const uint8_t *blocks, size_t count)
{
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    /* The instructions want the state as the words (a b e f) and (c d g h), highest first. */
    __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
    __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);
    __m128i abef = _mm_alignr_epi8(badc, hgfe, 8);
    __m128i cdgh = _mm_blend_epi16(hgfe, badc, 0xf0);

    for (; count; count--, blocks += 64) {
        __m128i abef_before = abef, cdgh_before = cdgh, w[4];
#pragma clang loop unroll(full)
        for (int i = 0; i < 4; i++)
            w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(blocks + 16 * i)), big_endian);
#pragma clang loop unroll(full)
        for (int i = 0; i < 16; i++) {
            __m128i now = w[i % 4], next = w[(i + 1) % 4], third = w[(i + 2) % 4], last = w[(i + 3) % 4];
            __m128i sum = _mm_add_epi32(now, _mm_loadu_si128((const __m128i *)(SHA256_CONSTANTS + 4 * i)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
            if (i < 12) {
                __m128i partial = _mm_add_epi32(_mm_sha256msg1_epu32(now, next), _mm_alignr_epi8(last, third, 4));
                w[i % 4] = _mm_sha256msg2_epu32(partial, last);
            }
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }

    __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
    __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

sha256_blocks *sha256_blocks_accelerated(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1) || !(c & bit_SSSE3))
        return NULL;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_SHA))
        return NULL;
    return blocks_x86;
}

#elif defined(__aarch64__)

#include <arm_neon.h>
#if defined(_WIN32)
#include <windows.h>
#elif defined(__linux__)
#include <sys/auxv.h>
#endif

__attribute__((target("sha2"))) static void blocks_arm(uint32_t state[8], const uint8_t *blocks, size_t count)
{
    uint32x4_t abcd = vld1q_u32(state), efgh = vld1q_u32(state + 4);

    for (; count; count--, blocks += 64) {
        uint32x4_t abcd_before = abcd, efgh_before = efgh, w[4];
#pragma clang loop unroll(full)
        for (int i = 0; i < 4; i++)
            w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(blocks + 16 * i)));
#pragma clang loop unroll(full)
        for (int i = 0; i < 16; i++) {
            uint32x4_t now = w[i % 4], next = w[(i + 1) % 4], third = w[(i + 2) % 4], last = w[(i + 3) % 4];
            uint32x4_t sum = vaddq_u32(now, vld1q_u32(SHA256_CONSTANTS + 4 * i));
            uint32x4_t abcd_now = abcd;
            abcd = vsha256hq_u32(abcd, efgh, sum);
            efgh = vsha256h2q_u32(efgh, abcd_now, sum);
            if (i < 12)
                w[i % 4] = vsha256su1q_u32(vsha256su0q_u32(now, next), third, last);
        }
        abcd = vaddq_u32(abcd, abcd_before);
        efgh = vaddq_u32(efgh, efgh_before);
    }
    vst1q_u32(state, abcd);
    vst1q_u32(state + 4, efgh);
}

sha256_blocks *sha256_blocks_accelerated(void)
{
#if defined(__APPLE__)
    return blocks_arm; /* every Apple processor has them */
#elif defined(_WIN32)
    return IsProcessorFeaturePresent(PF_ARM_V8_CRYPTO_INSTRUCTIONS_AVAILABLE) ? blocks_arm : NULL;
#else
    return getauxval(AT_HWCAP) & 1 << 6 /* HWCAP_SHA2 */ ? blocks_arm : NULL;
#endif
}

#else
#error "no launcher for this processor"
#endif
