/* Lanczos resizing of 8-bit RGB images in OpenCV's own fixed-point arithmetic: across with a pixel in one register, then down in plain rows.

   Sums wrap as OpenCV's do (-fwrapv), and the order of the sums does not matter, so results are equal to the last bit. */

#include <stdint.h>
#include <string.h>

#define TAPS 8
typedef int32_t pixel __attribute__((vector_size(16)));

static void across(const uint8_t *restrict row, int width, int columns, const int32_t *restrict from, const int32_t *restrict weights,
                   pixel *restrict padded, int32_t *restrict out) {
    for (int x = 0; x < width; x++) padded[TAPS + x] = (pixel){row[3 * x], row[3 * x + 1], row[3 * x + 2], 0};
    for (int k = 0; k < TAPS; k++) padded[k] = padded[TAPS], padded[TAPS + width + k] = padded[TAPS + width - 1];
    for (int x = 0; x < columns; x++) {
        const pixel *at = padded + TAPS + from[x];
        const int32_t *weight = weights + TAPS * x;
        pixel even = at[0] * weight[0], odd = at[1] * weight[1];
        for (int k = 2; k < TAPS; k += 2) even += at[k] * weight[k], odd += at[k + 1] * weight[k + 1];
        even += odd;
        memcpy(out + 3 * x, &even, sizeof even); /* the fourth value is overwritten by the next pixel */
    }
}

static void down(const int32_t *const *row, const int32_t *restrict w, int count, uint8_t *restrict out) {
    const int32_t *restrict a = row[0], *restrict b = row[1], *restrict c = row[2], *restrict d = row[3];
    const int32_t *restrict e = row[4], *restrict f = row[5], *restrict g = row[6], *restrict h = row[7];
    for (int i = 0; i < count; i++) {
        const int32_t sum = a[i] * w[0] + b[i] * w[1] + c[i] * w[2] + d[i] * w[3] + e[i] * w[4] + f[i] * w[5] + g[i] * w[6] + h[i] * w[7];
        const int32_t value = (sum + (1 << 21)) >> 22;
        out[i] = value < 0 ? 0 : value > 255 ? 255 : value;
    }
}

/* source (height, width, 3) to target (rows, columns, 3). `from` holds the first of the eight source pixels of each target pixel, before they
   are clamped at the border, `weights` their weights in units of 2^-11. `work` has room for width + 2 * TAPS pixels of four values, then for
   TAPS rows of 3 * columns + 1 values: row y of the source is in row y % TAPS while it is needed. */
void lanczos(const uint8_t *source, int height, int width, uint8_t *target, int rows, int columns, const int32_t *from_x,
             const int32_t *weights_x, const int32_t *from_y, const int32_t *weights_y, int32_t *work) {
    int32_t *wide = work + 4 * (width + 2 * TAPS);
    const size_t stride = 3 * (size_t)columns + 1;
    int done = 0;
    for (int y = 0; y < rows; y++) {
        const int last = from_y[y] + TAPS - 1 < height ? from_y[y] + TAPS - 1 : height - 1;
        if (done < from_y[y]) done = from_y[y];
        for (; done <= last; done++)
            across(source + 3 * (size_t)width * done, width, columns, from_x, weights_x, (pixel *)work, wide + stride * (done % TAPS));
        const int32_t *row[TAPS];
        for (int k = 0; k < TAPS; k++) {
            const int at = from_y[y] + k;
            row[k] = wide + stride * ((at < 0 ? 0 : at >= height ? height - 1 : at) % TAPS);
        }
        down(row, weights_y + TAPS * y, 3 * columns, target + 3 * (size_t)columns * y);
    }
}
