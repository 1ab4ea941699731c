/* What is done for every token to a whole row of logits, and would take Python milliseconds.
 *
 * A row is float[n]: the logits of one position, by token id. The functions keep nothing between calls, allocate
 * nothing and write only where a parameter is not const. A NaN is a token that does not exist: it is never chosen.
 *
 * The loops are written in LANES independent lanes, because C's rules let no compiler reorder the additions and
 * comparisons of a single one; so each becomes vector instructions, also on the oldest CPU of a target.
 */

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#define LANES 16
#define BLOCK 1024 /* numbers that are summed as float, before the sum goes into a double */

/* llama_token_data */
struct candidate {
    int32_t id;
    float logit;
    float p;
};

/* Return the highest number, -INFINITY if there is none. */
static float highest(const float *row, int64_t n)
{
    float best[LANES];
    int64_t i = 0;

    for (int lane = 0; lane < LANES; lane++) {
        best[lane] = -INFINITY;
    }
    for (; i + LANES <= n; i += LANES) {
        for (int lane = 0; lane < LANES; lane++) {
            best[lane] = row[i + lane] > best[lane] ? row[i + lane] : best[lane];
        }
    }
    for (; i < n; i++) {
        best[0] = row[i] > best[0] ? row[i] : best[0];
    }
    for (int lane = 1; lane < LANES; lane++) {
        best[0] = best[lane] > best[0] ? best[lane] : best[0];
    }
    return best[0];
}

/* How far `logit` is below `top`. Two infinities are 0 apart. */
static inline float below(float logit, float top)
{
    return logit == top ? 0.0f : logit - top;
}

/* e^x for x <= 0, to 2e-7 of it; 1e-38 stands for everything less, and for NaN. Unlike expf it can be vectorised. */
static inline float exponential(float x)
{
    const float round = 12582912.0f; /* 1.5 * 2^23: a sum with it has no fraction bits left */
    float whole, rest, power;
    int32_t bits;

    x = x > -87.0f ? x : -87.0f;
    whole = (x * 1.44269504f + round) - round;
    rest = (x - whole * 0.693359375f) + whole * 2.12194440e-4f; /* ln 2 in two parts; the first has 10 bits */
    bits = ((int32_t)whole + 127) * (1 << 23);
    memcpy(&power, &bits, sizeof power);
    return power * (1.0f + rest * (1.0f + rest * (1.0f / 2 + rest * (1.0f / 6 + rest * (1.0f / 24
                    + rest * (1.0f / 120 + rest * (1.0f / 720)))))));
}

/* The logarithm of the sum of e^(logit - top): what a log-softmax subtracts. */
static float log_sum(const float *row, int64_t n, float top)
{
    double sum = 0.0;

    for (int64_t start = 0; start < n; start += BLOCK) {
        const int64_t end = start + BLOCK < n ? start + BLOCK : n;
        float part[LANES] = {0.0f};
        int64_t i = start;

        for (; i + LANES <= end; i += LANES) {
            for (int lane = 0; lane < LANES; lane++) {
                part[lane] += exponential(below(row[i + lane], top));
            }
        }
        for (; i < end; i++) {
            part[0] += exponential(below(row[i], top));
        }
        for (int lane = 0; lane < LANES; lane++) {
            sum += (double)part[lane];
        }
    }
    return (float)log(sum);
}

static bool worse(float logit, int32_t id, float other_logit, int32_t other_id)
{
    return logit < other_logit || (logit == other_logit && id > other_id);
}

/* Let the entry at `at` sink in a heap whose worst entry is the first. */
static void sink(float *logits, int32_t *ids, int32_t size, int32_t at)
{
    const float logit = logits[at];
    const int32_t id = ids[at];

    for (;;) {
        int32_t child = 2 * at + 1;
        if (child + 1 < size && worse(logits[child + 1], ids[child + 1], logits[child], ids[child])) {
            child++;
        }
        if (child >= size || !worse(logits[child], ids[child], logit, id)) {
            break;
        }
        logits[at] = logits[child];
        ids[at] = ids[child];
        at = child;
    }
    logits[at] = logit;
    ids[at] = id;
}

/* Sort a heap of the best ones: the worst entry goes to the end, again and again. */
static void sort(float *logits, int32_t *ids, int32_t size)
{
    while (--size > 0) {
        const float logit = logits[0];
        const int32_t id = ids[0];
        logits[0] = logits[size];
        ids[0] = ids[size];
        sink(logits, ids, size, 0);
        logits[size] = logit;
        ids[size] = id;
    }
}

/* Return the id of the highest logit, the lowest id of equal ones; -1 if there is no number. */
EXPORT int32_t rows_argmax(const float *logits, int32_t n)
{
    const float top = highest(logits, n);
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        int32_t found = 0;
        for (int lane = 0; lane < LANES; lane++) {
            found |= logits[i + lane] == top;
        }
        if (found) {
            break;
        }
    }
    for (; i < n; i++) {
        if (logits[i] == top) {
            return (int32_t)i;
        }
    }
    return -1;
}

/* Forbid tokens: -INFINITY where a bit of `mask`, (n + 31) / 32 words with the lowest bit first, is 0. */
EXPORT void rows_mask(float *logits, const uint32_t *mask, int32_t n)
{
    static const uint32_t bits[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    int64_t i = 0;

    for (; i + 8 <= n; i += 8) {
        const uint32_t word = mask[i / 32] >> (i % 32);
        for (int lane = 0; lane < 8; lane++) {
            const float kept = logits[i + lane];
            logits[i + lane] = word & bits[lane] ? kept : -INFINITY;
        }
    }
    for (; i < n; i++) {
        if (!(mask[i / 32] >> (i % 32) & 1)) {
            logits[i] = -INFINITY;
        }
    }
}

/* List the k most probable tokens with their log-softmax, best first, the lower id first of equal ones.
 *
 * `ids` and `logprobs` have room for k. Tokens without probability (-INFINITY, NaN) are left out. Return how many
 * there are. */
EXPORT int32_t rows_top(const float *logits, int32_t n, int32_t k, int32_t *ids, float *logprobs)
{
    int32_t size = 0;
    int32_t i = 0;
    float top, all;

    for (; i < n && size < k; i++) {
        if (logits[i] > -INFINITY) {
            ids[size] = i;
            logprobs[size++] = logits[i];
        }
    }
    if (size == 0) {
        return 0;
    }
    for (int32_t at = size / 2; at-- > 0;) {
        sink(logprobs, ids, size, at);
    }
    for (; i < n; i++) {
        if (logits[i] > logprobs[0]) {
            ids[0] = i;
            logprobs[0] = logits[i];
            sink(logprobs, ids, size, 0);
        }
    }
    sort(logprobs, ids, size);
    top = logprobs[0];
    all = log_sum(logits, n, top);
    for (i = 0; i < size; i++) {
        logprobs[i] = below(logprobs[i], top) - all;
    }
    return size;
}

/* Return the log-softmax of one token; -INFINITY for one without probability and for an id outside of the row. */
EXPORT float rows_logprob(const float *logits, int32_t n, int32_t id)
{
    float top;

    if (id < 0 || id >= n || !(logits[id] > -INFINITY)) {
        return -INFINITY;
    }
    top = highest(logits, n);
    return below(logits[id], top) - log_sum(logits, n, top);
}

/* Fill the array that llama.cpp's samplers take, n candidates, in the order of their ids. */
EXPORT void rows_fill(void *token_data, const float *logits, int32_t n)
{
    struct candidate *candidates = token_data;

    for (int32_t i = 0; i < n; i++) {
        candidates[i] = (struct candidate){.id = i, .logit = logits[i], .p = 0.0f};
    }
}
