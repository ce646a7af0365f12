/** Products by oneDNN: out[m, n] = sum_k x[m, k] w[n, k], its C interface of 2.6 or of 3.x behind one door.
 *
 *  Weights are packed in tiles of columns, each in the one format that oneDNN prefers for SAL_PRODUCT_ROWS rows; products with fewer rows
 *  use the same format. Every call of oneDNN runs on one thread, inside our own loops: the tiles, not the threads, decide the bytes.
 */
#ifndef SALIENT_CPU_ONEDNN_H
#define SALIENT_CPU_ONEDNN_H

#include <stdbool.h>
#include <stdint.h>

#include "salient/memory.h"

enum { SAL_PRODUCT_ROWS = 64 /* of a product at most */ };

/** oneDNN is in this build and runs here. */
bool sal_onednn_here(void);
/** "oneDNN 2.6.3"; "no oneDNN". */
void sal_onednn_version(char text[32]);
/** Its instruction set: AMX tiles with bf16 are there and not capped. */
bool sal_onednn_amx(void);
/** Products of bf16 are the faster ones here: AMX, or AVX512_BF16 of AMD's processors, whose instruction multiplies twice as many numbers as
 *  that for floats (Zen 5: prefill 1.5 times as fast). Intel's AVX512_BF16 alone was not at hand. */
bool sal_onednn_fast_bf16(void);
/** bf16 products run here, fast or not. */
bool sal_onednn_bf16(void);

typedef struct sal_onednn sal_onednn; /* engine, and a stream for each thread */

/** errs SAL_EUNSUPPORTED (no oneDNN), SAL_ENOMEM, SAL_EMODEL */
int sal_onednn_open(int threads, sal_onednn **out, sal_error *err) SAL_MUST_CHECK;
void sal_onednn_close(sal_onednn *library);

/** How a tile of `columns` weight rows of `width` numbers is packed. */
typedef struct sal_tile_format sal_tile_format;

int sal_tile_format_open(sal_onednn *library, int64_t width, int64_t columns, bool bf16,
                         sal_tile_format **out, sal_error *err) SAL_MUST_CHECK;
void sal_tile_format_close(sal_tile_format *format);
/** Bytes of a packed tile; to be aligned to 64. */
size_t sal_tile_format_bytes(const sal_tile_format *format);

/** A packed tile: oneDNN's handle on memory that is not its own. */
typedef struct sal_tile sal_tile;

int sal_tile_open(const sal_tile_format *format, void *bytes, sal_tile **out,
                  sal_error *err) SAL_MUST_CHECK;
void sal_tile_close(sal_tile *tile);

/** Pack weights [columns, width], float, into a tile. Safe on distinct tiles from several threads with distinct `thread`.
 *  return 0, or oneDNN's status */
int sal_tile_pack(const sal_tile_format *format, int thread, const float *weights, sal_tile *tile);

/** A product of `rows` rows with tiles of one format. */
typedef struct sal_product sal_product;

int sal_product_open(const sal_tile_format *format, int64_t rows, sal_product **out,
                     sal_error *err) SAL_MUST_CHECK;
void sal_product_close(sal_product *product);

/** in  x [rows, width] float, or bf16 when the format is; out [rows, columns]: rows one after the other, for
 *      oneDNN falls back to a reference loop when they are not
 *  return 0, or oneDNN's status. Safe from several threads with distinct `thread`. */
int sal_product_run(sal_product *product, int thread, const void *x, const sal_tile *tile,
                    float *out);

#endif
