// BatchNorm, ReLU and depthwise convolution in one pass over memory, and convolutions of very few input channels. See fused.py.
//
// Features are (N, H, W, C), channels last, float32, or bfloat16 if BF16 is defined; kernels (K * K, C) and all else are float32. Every
// image is one thread's work, and what is summed over images is summed image by image, so that a result does not depend on the number of
// threads. NaN stays NaN.

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __AVX512F__
enum { V = 16 };
#else
enum { V = 8 };
#endif
typedef float vec __attribute__((vector_size(V * 4), aligned(4)));
typedef int mask __attribute__((vector_size(V * 4)));
typedef uint32_t bits __attribute__((vector_size(V * 4)));
typedef uint16_t halves __attribute__((vector_size(V * 2), aligned(2)));
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 32")

INLINE vec load(const float *p) { return *(const vec *)p; }
INLINE void store(float *p, vec v) { *(vec *)p = v; }
INLINE vec keep(vec v, mask m) { return (vec)((mask)v & m); }

#ifdef BF16
typedef uint16_t feature;
INLINE vec read(const feature *p) { return (vec)(__builtin_convertvector(*(const halves *)p, bits) << 16); }
INLINE void write(feature *p, vec v) { // to nearest, ties to even
    bits u = (bits)v, rounded = (u + 0x7fff + (u >> 16 & 1)) >> 16, nan = (bits)(v != v);
    *(halves *)p = __builtin_convertvector((rounded & ~nan) | (nan & 0x7fc0), halves);
}
INLINE float number(feature x) { return ((union { uint32_t u; float f; }){(uint32_t)x << 16}).f; }
#else
typedef float feature;
INLINE vec read(const feature *p) { return load(p); }
INLINE void write(feature *p, vec v) { store(p, v); }
INLINE float number(feature x) { return x; }
#endif

// Channels are worked on in blocks of a cache line; the last block reaches back into the one before it, so C must be at least BLOCK. What
// is computed twice is equal.
enum { BLOCK = 16 };
#define BLOCKS(C) (((C) + BLOCK - 1) / BLOCK)
#define CHANNEL_BLOCKS(C, block, c) \
    for (long block = 0, c = 0; block < BLOCKS(C) && (c = (block + 1) * BLOCK > (C) ? (C) - BLOCK : block * BLOCK, 1); block++)

static float *buffer(long floats) { return aligned_alloc(64, (floats * sizeof(float) + 63) / 64 * 64); }

// ---- BatchNorm in training. `stats` holds mean, 1 / deviation, scale and shift, each (C): norm(x) = scale * x + shift.

// Sums of x - pivot of each image, (N, C), and the batch's statistics. The pivot is the first pixel: a large mean costs no digits.
static void normalise(const feature *x, const float *gamma, const float *beta, float eps, float momentum, float *running_mean,
                      float *running_variance, float *sums, float *stats, long N, long M, long C, int threads) {
    float *squares = buffer(N * C), *mean = stats, *inverse = stats + C, *scale = stats + 2 * C, *shift = stats + 3 * C;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long n = 0; n < N; n++)
        CHANNEL_BLOCKS(C, block, c)
        for (long at = c; at < c + BLOCK; at += V) {
            const vec pivot = read(x + at);
            vec sum = {0}, square = {0};
            for (long i = 0; i < M; i++) {
                vec d = read(x + (n * M + i) * C + at) - pivot;
                sum += d;
                square += d * d;
            }
            store(sums + n * C + at, sum);
            store(squares + n * C + at, square);
        }
    const double count = (double)N * M;
    for (long c = 0; c < C; c++) {
        double sum = 0, square = 0;
        for (long n = 0; n < N; n++) {
            sum += sums[n * C + c];
            square += squares[n * C + c];
        }
        double variance = square / count - sum / count * (sum / count);
        if (variance < 0) variance = 0;
        mean[c] = number(x[c]) + sum / count;
        inverse[c] = 1 / sqrt(variance + eps);
        scale[c] = gamma[c] * inverse[c];
        shift[c] = beta[c] - mean[c] * scale[c];
        running_mean[c] += momentum * (mean[c] - running_mean[c]);
        running_variance[c] += momentum * (variance * count / (count > 1 ? count - 1 : 1) - running_variance[c]);
    }
    free(squares);
}

// From the sums of gz and of gz * (x - mean) over the batch, the coefficients of its backward pass: scale * gz + slope * x + offset
static void coefficients(const float *stats, const double *sum, const double *product, float *g_gamma, float *g_beta, float *slope,
                         float *offset, double count, long C) {
    const float *mean = stats, *inverse = stats + C, *scale = stats + 2 * C;
    for (long c = 0; c < C; c++) {
        g_beta[c] = sum[c];
        g_gamma[c] = product[c] * inverse[c];
        slope[c] = -scale[c] * inverse[c] * g_gamma[c] / count;
        offset[c] = -scale[c] * sum[c] / count - slope[c] * mean[c];
    }
}

// ---- depthwise(relu(norm(x))); w (K * K, C). rows: K rows of the features, each block of channels by itself, with zeros left and right

INLINE void forward_image(const int K, const int S, const feature *restrict x, const float *restrict scale, const float *restrict shift,
                          const float *restrict w, feature *restrict y, long H, long W, long C, float *restrict rows) {
    const int R = K / 2;
    const long line = (W + 2 * R) * BLOCK, row_size = BLOCKS(C) * line, Ho = (H + S - 1) / S, Wo = (W + S - 1) / S;
    memset(rows, 0, K * row_size * sizeof(float));
    for (long row = 0, filled = -R; row < Ho; row++) {
        const long top = row * S - R;
        for (; filled < top + K; filled++) {
            float *restrict to = rows + (filled + R) % K * row_size + R * BLOCK;
            if (filled < 0 || filled >= H)
                for (long block = 0; block < BLOCKS(C); block++) memset(to + block * line, 0, W * BLOCK * sizeof(float));
            else
                for (long i = 0; i < W; i++)
                    CHANNEL_BLOCKS(C, block, c)
                    for (int v = 0; v < BLOCK; v += V) {
                        vec z = read(x + (filled * W + i) * C + c + v) * load(scale + c + v) + load(shift + c + v);
                        store(to + block * line + i * BLOCK + v, keep(z, ~(z <= 0)));
                    }
        }
        CHANNEL_BLOCKS(C, block, c) {
            const float *tap[K];
            UNROLL for (int k = 0; k < K; k++) tap[k] = rows + (top + R + k) % K * row_size + block * line;
            for (int v = 0; v < BLOCK; v += V) {
                vec kernel[K * K];
                UNROLL for (int k = 0; k < K * K; k++) kernel[k] = load(w + k * C + c + v);
                for (long i = 0; i < Wo; i++) {
                    vec sum = {0};
                    UNROLL for (int k = 0; k < K * K; k++) sum += load(tap[k / K] + (i * S + k % K) * BLOCK + v) * kernel[k];
                    write(y + (row * Wo + i) * C + c + v, sum);
                }
            }
        }
    }
}

// The gradient of the activation's input goes to gz; sums over the image go to gw (K * K, C), s1 = sum gz, s2 = sum gz * (x - mean).
// rows: K rows of gy, spread out by the stride; sums: K * K + 2 for each block of channels.
INLINE void backward_image(const int K, const int S, const feature *restrict gy, const feature *restrict x, const float *restrict scale,
                           const float *restrict shift, const float *restrict mean, const float *restrict w, feature *restrict gz,
                           float *restrict gw, float *restrict s1, float *restrict s2, long H, long W, long C, float *restrict rows) {
    const int R = K / 2, F = K * K + 2;
    const long line = (W + 2 * R) * BLOCK, row_size = BLOCKS(C) * line, Ho = (H + S - 1) / S, Wo = (W + S - 1) / S;
    float *restrict all_sums = rows + K * row_size;
    memset(rows, 0, (K * row_size + BLOCKS(C) * F * BLOCK) * sizeof(float));
    for (long row = 0, filled = -R; row < H; row++) {
        for (; filled <= row + R; filled++) {
            float *restrict to = rows + (filled + R) % K * row_size + R * BLOCK;
            if (filled < 0 || filled >= Ho * S || filled % S)
                for (long block = 0; block < BLOCKS(C); block++) memset(to + block * line, 0, W * BLOCK * sizeof(float));
            else
                for (long i = 0; i < Wo; i++)
                    CHANNEL_BLOCKS(C, block, c)
                    for (int v = 0; v < BLOCK; v += V)
                        store(to + block * line + i * S * BLOCK + v, read(gy + (filled / S * Wo + i) * C + c + v));
        }
        CHANNEL_BLOCKS(C, block, c) {
            float *restrict sums = all_sums + block * F * BLOCK;
            const float *tap[K];
            UNROLL for (int k = 0; k < K; k++) tap[k] = rows + (row + 2 * R - k) % K * row_size + block * line;
            for (int v = 0; v < BLOCK; v += V) {
                // two loops, since the registers hold either the kernel or its gradient
                vec kernel[K * K], gk[K * K], sum1 = {0}, sum2 = {0};
                const vec m = load(mean + c + v), a = load(scale + c + v), b = load(shift + c + v);
                UNROLL for (int k = 0; k < K * K; k++) kernel[k] = load(w + k * C + c + v);
                for (long i = 0; i < W; i++) {
                    vec in = read(x + (row * W + i) * C + c + v), g = {0};
                    UNROLL for (int k = 0; k < K * K; k++) g += load(tap[k / K] + (i + 2 * R - k % K) * BLOCK + v) * kernel[k];
                    g = keep(g, ~(in * a + b <= 0));
                    write(gz + (row * W + i) * C + c + v, g);
                    sum1 += g;
                    sum2 += g * (in - m);
                }
                UNROLL for (int k = 0; k < K * K; k++) gk[k] = (vec){0};
                for (long i = 0; i < W; i++) {
                    vec z = read(x + (row * W + i) * C + c + v) * a + b;
                    z = keep(z, ~(z <= 0));
                    UNROLL for (int k = 0; k < K * K; k++) gk[k] += load(tap[k / K] + (i + 2 * R - k % K) * BLOCK + v) * z;
                }
                UNROLL for (int k = 0; k < K * K; k++) store(sums + k * BLOCK + v, load(sums + k * BLOCK + v) + gk[k]);
                store(sums + (F - 2) * BLOCK + v, load(sums + (F - 2) * BLOCK + v) + sum1);
                store(sums + (F - 1) * BLOCK + v, load(sums + (F - 1) * BLOCK + v) + sum2);
            }
        }
    }
    CHANNEL_BLOCKS(C, block, c) {
        const float *sums = all_sums + block * F * BLOCK;
        for (int k = 0; k < K * K; k++) memcpy(gw + k * C + c, sums + k * BLOCK, BLOCK * sizeof(float));
        memcpy(s1 + c, sums + (F - 2) * BLOCK, BLOCK * sizeof(float));
        memcpy(s2 + c, sums + (F - 1) * BLOCK, BLOCK * sizeof(float));
    }
}

// scale * gz + slope * x + offset of pixel i and the channels from c on
INLINE vec along(const feature *gz, const feature *x, const float *scale, const float *slope, const float *offset, long i, long c, long C) {
    return load(scale + c) * read(gz + i * C + c) + load(slope + c) * read(x + i * C + c) + load(offset + c);
}

#define EACH_KIND(image, ...) \
    if (K == 3 && S == 1) image(3, 1, __VA_ARGS__); \
    else if (K == 3) image(3, 2, __VA_ARGS__); \
    else if (S == 1) image(5, 1, __VA_ARGS__); \
    else image(5, 2, __VA_ARGS__);

static void transpose(const float *restrict from, float *restrict to, long rows, long columns) {
    for (long r = 0; r < rows; r++)
        for (long c = 0; c < columns; c++) to[c * rows + r] = from[r * columns + c];
}

void depthwise_forward(const feature *x, const float *gamma, const float *beta, const float *w, float *running_mean,
                       float *running_variance, feature *y, float *stats, float eps, float momentum, long N, long H, long W, long C,
                       long K, long S, int threads) {
    const long in = H * W * C, out = (H + S - 1) / S * ((W + S - 1) / S) * C;
    float *taps = buffer(K * K * C), *sums = buffer(N * C), *scale = stats + 2 * C, *shift = stats + 3 * C;
    transpose(w, taps, C, K * K);
    normalise(x, gamma, beta, eps, momentum, running_mean, running_variance, sums, stats, N, H * W, C, threads);
#pragma omp parallel num_threads(threads)
    {
        float *rows = buffer(BLOCKS(C) * BLOCK * (K * (W + K - 1) + K * K + 2));
#pragma omp for schedule(static)
        for (long n = 0; n < N; n++) EACH_KIND(forward_image, x + n * in, scale, shift, taps, y + n * out, H, W, C, rows)
        free(rows);
    }
    free(taps);
    free(sums);
}

void depthwise_backward(const feature *gy, const feature *x, const float *w, const float *stats, feature *gx, float *g_gamma, float *g_beta,
                        float *gw, long N, long H, long W, long C, long K, long S, int threads) {
    const long in = H * W * C, out = (H + S - 1) / S * ((W + S - 1) / S) * C, F = K * K + 2;
    const float *mean = stats, *scale = stats + 2 * C, *shift = stats + 3 * C;
    float *taps = buffer(K * K * C), *by_image = buffer(N * F * C), *slope = buffer(2 * C), *offset = slope + C;
    double *sums = (double *)buffer(2 * F * C);
    transpose(w, taps, C, K * K);
    memset(by_image, 0, N * F * C * sizeof(float));
#pragma omp parallel num_threads(threads)
    {
        float *rows = buffer(BLOCKS(C) * BLOCK * (K * (W + K - 1) + K * K + 2));
#pragma omp for schedule(static)
        for (long n = 0; n < N; n++) {
            float *of = by_image + n * F * C;
            EACH_KIND(backward_image, gy + n * out, x + n * in, scale, shift, mean, taps, gx + n * in, of, of + K * K * C,
                      of + (K * K + 1) * C, H, W, C, rows)
        }
        free(rows);
    }
    memset(sums, 0, F * C * sizeof(double));
    for (long n = 0; n < N; n++)
        for (long i = 0; i < F * C; i++) sums[i] += by_image[n * F * C + i];
    for (long k = 0; k < K * K; k++)
        for (long c = 0; c < C; c++) gw[c * K * K + k] = sums[k * C + c];
    coefficients(stats, sums + K * K * C, sums + (K * K + 1) * C, g_gamma, g_beta, slope, offset, (double)N * H * W, C);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long i = 0; i < N * H * W; i++) {
        const vec last = along(gx, x, scale, slope, offset, i, C - V, C); // before the lanes that it shares are written
        for (long c = 0; c + V <= C; c += V) write(gx + i * C + c, along(gx, x, scale, slope, offset, i, c, C));
        write(gx + i * C + C - V, last);
    }
    free(taps);
    free(by_image);
    free(slope);
    free(sums);
}

// ---- global average of norm(x), y (N, C), over M pixels; centred (N, C): the average of x - mean

void pool_forward(const feature *x, const float *gamma, const float *beta, float *running_mean, float *running_variance, float *y,
                  float *centred, float *stats, float eps, float momentum, long N, long M, long C, int threads) {
    const float *mean = stats, *scale = stats + 2 * C;
    normalise(x, gamma, beta, eps, momentum, running_mean, running_variance, centred, stats, N, M, C, threads);
    for (long n = 0; n < N; n++)
        for (long c = 0; c < C; c++) {
            const long at = n * C + c;
            centred[at] = centred[at] / M + (number(x[c]) - mean[c]);
            y[at] = scale[c] * centred[at] + beta[c];
        }
}

void pool_backward(const float *gy, const feature *x, const float *centred, const float *stats, feature *gx, float *g_gamma, float *g_beta,
                   long N, long M, long C, int threads) {
    const float *scale = stats + 2 * C;
    float *slope = buffer(2 * C), *offset = slope + C;
    double *sums = (double *)buffer(4 * C), *products = sums + C;
    memset(sums, 0, 2 * C * sizeof(double));
    for (long n = 0; n < N; n++)
        for (long c = 0; c < C; c++) {
            sums[c] += gy[n * C + c];
            products[c] += (double)gy[n * C + c] * centred[n * C + c];
        }
    coefficients(stats, sums, products, g_gamma, g_beta, slope, offset, (double)N * M, C);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long n = 0; n < N; n++)
        for (long i = 0; i < M; i++)
            CHANNEL_BLOCKS(C, block, c)
            for (int v = 0; v < BLOCK; v += V) {
                const long at = (n * M + i) * C + c + v;
                const vec pooled = load(gy + n * C + c + v) / (float)M;
                write(gx + at, load(scale + c + v) * pooled + load(slope + c + v) * read(x + at) + load(offset + c + v));
            }
    free(slope);
    free(sums);
}

// ---- 3x3 convolution of D input channels, w (C, D, 3, 3), and the gradient of its kernel

static void pad(const feature *restrict x, float *restrict padded, long H, long W, long D) {
    const long line = (W + 2) * D;
    memset(padded, 0, (H + 2) * line * sizeof(float));
    for (long row = 0; row < H; row++)
        for (long i = 0; i < W * D; i++) padded[(row + 1) * line + D + i] = number(x[row * W * D + i]);
}

INLINE void stem_forward_image(const int D, const float *restrict padded, const float *restrict w, feature *restrict y, long H, long W,
                               long C) {
    const long line = (W + 2) * D;
    for (long row = 0; row < H; row++)
        for (long next = 0; next < C; next += V) {
            const long c = next + V > C ? C - V : next;
            vec kernel[D * 9];
            UNROLL for (int k = 0; k < D * 9; k++) kernel[k] = load(w + k * C + c);
            for (long i = 0; i < W; i++) {
                vec sum = {0};
                UNROLL for (int k = 0; k < D * 9; k++) sum += padded[(row + k % 9 / 3) * line + (i + k % 3) * D + k / 9] * kernel[k];
                write(y + (row * W + i) * C + c, sum);
            }
        }
}

void stem_forward(const feature *x, const float *w, feature *y, long N, long H, long W, long D, long C, int threads) {
    float *taps = buffer(D * 9 * C);
    transpose(w, taps, C, D * 9);
#pragma omp parallel num_threads(threads)
    {
        float *padded = buffer((H + 2) * (W + 2) * D);
#pragma omp for schedule(static)
        for (long n = 0; n < N; n++) {
            pad(x + n * H * W * D, padded, H, W, D);
            if (D == 1)
                stem_forward_image(1, padded, taps, y + n * H * W * C, H, W, C);
            else
                stem_forward_image(3, padded, taps, y + n * H * W * C, H, W, C);
        }
        free(padded);
    }
    free(taps);
}

void stem_backward(const feature *gy, const feature *x, float *gw, long N, long H, long W, long D, long C, int threads) {
    const long line = (W + 2) * D, F = D * 9;
    float *by_image = buffer(N * F * C);
    memset(by_image, 0, N * F * C * sizeof(float));
#pragma omp parallel num_threads(threads)
    {
        float *padded = buffer((H + 2) * line);
#pragma omp for schedule(static)
        for (long n = 0; n < N; n++) {
            pad(x + n * H * W * D, padded, H, W, D);
            for (long row = 0; row < H; row++)
                for (long d = 0; d < D; d++)
                    for (long next = 0; next < C; next += V) {
                        const long c = next + V > C ? C - V : next;
                        vec gk[9] = {{0}};
                        for (long i = 0; i < W; i++) {
                            vec g = read(gy + ((n * H + row) * W + i) * C + c);
                            UNROLL for (int k = 0; k < 9; k++) gk[k] += padded[(row + k / 3) * line + (i + k % 3) * D + d] * g;
                        }
                        for (int k = 0; k < 9; k++)  // lanes below `next` are in the block before
                            for (long lane = next - c; lane < V; lane++) by_image[(n * F + d * 9 + k) * C + c + lane] += gk[k][lane];
                    }
        }
        free(padded);
    }
    for (long c = 0; c < C; c++)
        for (long k = 0; k < F; k++) {
            double sum = 0;
            for (long n = 0; n < N; n++) sum += by_image[(n * F + k) * C + c];
            gw[c * F + k] = sum;
        }
    free(by_image);
}
