// BatchNorm and PReLU in training, in as few passes over memory as their sums allow. See norm_prelu.py.
//
// Features are (N, M, C), channels last, float32 or bfloat16; everything else is float32. What is summed over images is summed image by
// image, so that a result does not depend on the number of threads. NaN stays NaN.

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

typedef uint16_t bf16;
typedef float f32;
typedef float vec __attribute__((vector_size(64), aligned(4)));
typedef uint32_t bits __attribute__((vector_size(64)));
typedef int32_t mask __attribute__((vector_size(64)));
typedef uint16_t halves __attribute__((vector_size(32), aligned(2)));
#define INLINE static inline __attribute__((always_inline))

// Channels are worked on in blocks; the last block reaches back into the one before it, so C must be at least BLOCK, and what is summed twice
// must be summed to its own place. Pixels are worked on in tiles, whose features stay in the cache from block to block.
enum { BLOCK = 16, TILE = 64 };
#define BLOCKS(c) for (long block = 0, c = 0; block * BLOCK < C && (c = (block + 1) * BLOCK > C ? C - BLOCK : block * BLOCK, 1); block++)
#define TILES(i, end) for (long i = 0, end; i < M && (end = i + TILE < M ? i + TILE : M, 1); i = end)
#define ROUNDED(C) (((C) + BLOCK - 1) / BLOCK * BLOCK) // room for the sums of all blocks, one after the other

INLINE vec get(const float *p) { return *(const vec *)p; }
INLINE void put(float *p, vec v) { *(vec *)p = v; }
INLINE vec pick(mask m, vec a, vec b) { return (vec)((mask)a & m | (mask)b & ~m); }

INLINE vec read_f32(const f32 *p) { return get(p); }
INLINE void write_f32(f32 *p, vec v) { put(p, v); }
INLINE vec read_bf16(const bf16 *p) { return (vec)(__builtin_convertvector(*(const halves *)p, bits) << 16); }
INLINE void write_bf16(bf16 *p, vec v) { // to nearest, ties to even
    bits u = (bits)v, rounded = (u + 0x7fff + (u >> 16 & 1)) >> 16, nan = (bits)(v != v);
    *(halves *)p = __builtin_convertvector((rounded & ~nan) | (nan & 0x7fc0), halves);
}

static float *zeros(long floats) { return calloc(floats, sizeof(float)); }
static long place(long c, long C) { return c / BLOCK * BLOCK + BLOCK > C ? ROUNDED(C) - BLOCK + c - (C - BLOCK) : c; }

// From the sums of x - pivot and of its square over each image: mean, 1 / deviation, scale and shift (4, C), and the running statistics.
static void statistics(const float *sums, const float *pivot, const float *gamma, const float *beta, float *running_mean,
                       float *running_variance, float *stats, float eps, float momentum, long N, long M, long C) {
    const double count = (double)N * M;
    const long R = ROUNDED(C);
    for (long c = 0; c < C; c++) {
        double sum = 0, square = 0;
        for (long n = 0; n < N; n++) {
            sum += sums[(2 * n + 0) * R + place(c, C)];
            square += sums[(2 * n + 1) * R + place(c, C)];
        }
        double variance = square / count - sum / count * (sum / count);
        if (variance < 0) variance = 0;
        double mean = pivot[c] + sum / count, inverse = 1 / sqrt(variance + eps);
        stats[c] = mean;
        stats[C + c] = inverse;
        stats[2 * C + c] = gamma[c] * inverse;
        stats[3 * C + c] = beta[c] - mean * gamma[c] * inverse;
        running_mean[c] += momentum * (mean - running_mean[c]);
        running_variance[c] += momentum * (variance * count / (count > 1 ? count - 1 : 1) - running_variance[c]);
    }
}

// From the sums of gz, gz * (x - mean) and gy * min(z, 0) over each image: the parameters' gradients, and slope and offset (2, C) of
// gx = scale * gz + slope * x + offset.
static void coefficients(const float *sums, const float *stats, float *g_gamma, float *g_beta, float *g_weight, float *line, long N, long M,
                         long C) {
    const double count = (double)N * M;
    const long R = ROUNDED(C);
    for (long c = 0; c < C; c++) {
        double sum = 0, product = 0, negative = 0;
        for (long n = 0; n < N; n++) {
            sum += sums[(3 * n + 0) * R + place(c, C)];
            product += sums[(3 * n + 1) * R + place(c, C)];
            negative += sums[(3 * n + 2) * R + place(c, C)];
        }
        double mean = stats[c], inverse = stats[C + c], scale = stats[2 * C + c];
        g_beta[c] = sum;
        g_gamma[c] = product * inverse;
        g_weight[c] = negative;
        line[c] = -scale * inverse * inverse * product / count;
        line[C + c] = -scale * sum / count - line[c] * mean;
    }
}

#define FORWARD(T)                                                                                                                     \
    void norm_prelu_forward_##T(const T *x, const float *gamma, const float *beta, const float *weight, float *running_mean,           \
                                float *running_variance, T *y, float *stats, float eps, float momentum, long N, long M, long C,        \
                                int threads) {                                                                                         \
        const long R = ROUNDED(C);                                                                                                     \
        float *sums = zeros(N * 2 * R), *pivot = zeros(C), *scale = stats + 2 * C, *shift = stats + 3 * C;                             \
        BLOCKS(c) put(pivot + c, read_##T(x + c));                                                                                     \
        _Pragma("omp parallel for num_threads(threads) schedule(static)") for (long n = 0; n < N; n++) TILES(i, end) BLOCKS(c) {       \
            float *to = sums + 2 * n * R + block * BLOCK;                                                                              \
            vec sum = get(to), square = get(to + R), at = get(pivot + c);                                                              \
            for (long p = n * M + i; p < n * M + end; p++) {                                                                           \
                vec d = read_##T(x + p * C + c) - at;                                                                                  \
                sum += d;                                                                                                              \
                square += d * d;                                                                                                       \
            }                                                                                                                          \
            put(to, sum);                                                                                                              \
            put(to + R, square);                                                                                                       \
        }                                                                                                                              \
        statistics(sums, pivot, gamma, beta, running_mean, running_variance, stats, eps, momentum, N, M, C);                           \
        _Pragma("omp parallel for num_threads(threads) schedule(static)") for (long n = 0; n < N; n++) TILES(i, end) BLOCKS(c) {       \
            const vec s = get(scale + c), t = get(shift + c), a = get(weight + c);                                                     \
            for (long p = n * M + i; p < n * M + end; p++) {                                                                           \
                vec z = s * read_##T(x + p * C + c) + t;                                                                               \
                write_##T(y + p * C + c, pick(z > 0, z, a * z));                                                                       \
            }                                                                                                                          \
        }                                                                                                                              \
        free(sums);                                                                                                                    \
        free(pivot);                                                                                                                   \
    }

#define BACKWARD(T)                                                                                                                    \
    void norm_prelu_backward_##T(const T *gy, const T *x, const float *weight, const float *stats, T *gx, float *g_gamma,              \
                                 float *g_beta, float *g_weight, long N, long M, long C, int threads) {                                \
        const long R = ROUNDED(C);                                                                                                     \
        const float *mean = stats, *scale = stats + 2 * C, *shift = stats + 3 * C;                                                     \
        float *sums = zeros(N * 3 * R), *line = zeros(2 * C);                                                                          \
        _Pragma("omp parallel for num_threads(threads) schedule(static)") for (long n = 0; n < N; n++) TILES(i, end) BLOCKS(c) {       \
            const vec s = get(scale + c), t = get(shift + c), a = get(weight + c), m = get(mean + c);                                  \
            float *to = sums + 3 * n * R + block * BLOCK;                                                                              \
            vec sum = get(to), product = get(to + R), negative = get(to + 2 * R);                                                      \
            for (long p = n * M + i; p < n * M + end; p++) {                                                                           \
                vec v = read_##T(x + p * C + c), z = s * v + t, g = read_##T(gy + p * C + c);                                          \
                mask above = z > 0;                                                                                                    \
                vec gz = pick(above, g, a * g);                                                                                        \
                sum += gz;                                                                                                             \
                product += gz * (v - m);                                                                                               \
                negative += (vec)((mask)(g * z) & ~above);                                                                             \
            }                                                                                                                          \
            put(to, sum);                                                                                                              \
            put(to + R, product);                                                                                                      \
            put(to + 2 * R, negative);                                                                                                 \
        }                                                                                                                              \
        coefficients(sums, stats, g_gamma, g_beta, g_weight, line, N, M, C);                                                           \
        _Pragma("omp parallel for num_threads(threads) schedule(static)") for (long n = 0; n < N; n++) TILES(i, end) BLOCKS(c) {       \
            const vec s = get(scale + c), t = get(shift + c), a = get(weight + c), slope = get(line + c), offset = get(line + C + c);  \
            for (long p = n * M + i; p < n * M + end; p++) {                                                                           \
                vec v = read_##T(x + p * C + c), z = s * v + t, g = read_##T(gy + p * C + c);                                          \
                write_##T(gx + p * C + c, s * pick(z > 0, g, a * g) + slope * v + offset);                                             \
            }                                                                                                                          \
        }                                                                                                                              \
        free(sums);                                                                                                                    \
        free(line);                                                                                                                    \
    }

FORWARD(f32)
FORWARD(bf16)
BACKWARD(f32)
BACKWARD(bf16)
