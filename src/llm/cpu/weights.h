/** A model's weights as products need them: packed once within a budget, or packed tile by tile for each product past it. */
#ifndef SALIENT_CPU_WEIGHTS_H
#define SALIENT_CPU_WEIGHTS_H

#include <ggml.h>

#include "cpu.h"
#include "few.h"
#include "onednn.h"

enum {
    SAL_TILE_COLUMNS = 256, /* of a tile at most: 64, and more for a vocabulary */
    SAL_FORMATS = 64,       /* different shapes of tiles in a model at most */
    SAL_PRODUCTS = 256      /* primitives kept */
};

/** A shape of tiles and what goes with it. */
typedef struct sal_shape {
    int64_t width, columns;
    bool bf16;
    sal_tile_format *format;
} sal_shape;

/** One weight tensor. Found by its tensor and checked against its data, inside its own model's store only. */
typedef struct sal_weight {
    const struct ggml_tensor *tensor;
    const void *data;
    int64_t width, columns; /* of the tensor */
    int64_t tile_columns, tiles;
    bool bf16;
    int shape, last_shape; /* of all tiles but the last, and of the last */
    bool packed;
    char *memory; /* [tiles, tile bytes], its own mapping; NULL while not packed */
    size_t memory_bytes;
    sal_tile **handles; /* [tiles] */
} sal_weight;

typedef struct sal_product_entry {
    int shape;
    int64_t rows;
    uint64_t used; /* when last */
    sal_product *product;
} sal_product_entry;

struct sal_cpu_weights {
    sal_compute compute;
    int threads;
    int64_t budget; /* bytes left */
    uint64_t bytes;
    sal_onednn *library;       /* NULL: no products */
    const sal_few_kernel *few; /* NULL: not here */
    sal_shape shapes[SAL_FORMATS];
    int shape_count;
    sal_weight *weights;
    size_t count, capacity, next; /* next: where a graph's next look-up probably is */
    sal_product_entry products[SAL_PRODUCTS];
    int product_count;
    uint64_t clock;
    char *
        spare; /* [threads, spare_bytes]: a tile as floats and packed, for packing and past the budget */
    size_t spare_bytes;
    char *rows; /* activations as products want them */
    size_t rows_bytes;
};

/** This build can make products with such weights at all; depends on the type only. */
bool sal_weights_takes(const sal_cpu_weights *store, enum ggml_type type);
bool sal_weights_bf16(const sal_cpu_weights *store, enum ggml_type type);

/** The entry of a tensor, made and (within the budget) packed when it is new.
 *  errs   SAL_ENOMEM, SAL_EMODEL, SAL_ELIMIT (too many shapes) */
int sal_weights_find(sal_cpu_weights *store, const struct ggml_tensor *tensor, sal_weight **out,
                     sal_error *err) SAL_MUST_CHECK;

enum {
    SAL_WEIGHTS_ALIGNMENT = 64
}; /* of everything that vectors are loaded from: a load across two lines costs twice */

/** The first aligned byte of a block that is SAL_WEIGHTS_ALIGNMENT bytes longer than what is wanted. */
static inline char *sal_weights_aligned(char *block) {
    return block + (SAL_WEIGHTS_ALIGNMENT - (uintptr_t)block % SAL_WEIGHTS_ALIGNMENT) %
                       SAL_WEIGHTS_ALIGNMENT;
}

static inline int64_t sal_weight_tile_columns(const sal_weight *weight, int64_t tile) {
    const int64_t left = weight->columns - tile * weight->tile_columns;
    return left < weight->tile_columns ? left : weight->tile_columns;
}

static inline int sal_weight_shape(const sal_weight *weight, int64_t tile) {
    return tile == weight->tiles - 1 ? weight->last_shape : weight->shape;
}

/** Rows of the tile's weights as floats, then packed into *tile. Both in `spare` of a thread when the weight is not packed. */
int sal_weights_convert(const sal_cpu_weights *store, const sal_weight *weight, int64_t tile,
                        int thread, sal_tile *packed);

typedef enum sal_spare { SAL_SPARE_FLOATS, SAL_SPARE_TILE, SAL_SPARE_OUT } sal_spare;

/** Memory of one thread for one tile: its numbers as floats, packed, and SAL_PRODUCT_ROWS rows of output. */
int sal_weights_reserve_spare(sal_cpu_weights *store, const sal_weight *weight,
                              sal_error *err) SAL_MUST_CHECK;
void *sal_weights_spare(const sal_cpu_weights *store, const sal_weight *weight, int thread,
                        sal_spare which);

/** The primitive for `rows` rows of a shape, from a bounded cache.
 *  errs   SAL_ENOMEM, SAL_EMODEL */
int sal_weights_product(sal_cpu_weights *store, int shape, int64_t rows, sal_product **out,
                        sal_error *err) SAL_MUST_CHECK;

/* ---- products.c ------------------------------------------------------------------------------------------------------------------ */

enum { SAL_PRODUCTS_TOGETHER = 4 };

/** Compute MUL_MAT nodes of the same rows (src[1]), at most SAL_PRODUCTS_TOGETHER: out = x w^T.
 *  errs   as above */
int sal_products_run(sal_cpu_weights *store, int threads, struct ggml_tensor *const *nodes,
                     int count, sal_error *err) SAL_MUST_CHECK;

#endif
