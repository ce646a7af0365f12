/* The store of one model's weights. */
#include "weights.h"

#include <string.h>

#include "pages.h"
#include "parallel.h"

enum {
    TILE_NUMBERS = 1 << 20, /* of a tile at most: what one thread converts at a time */
};

static const int64_t RESERVE = INT64_C(1)
                               << 30; /* of free memory, left for caches and for others */

/* ---- opening -------------------------------------------------------------------------------------------------------------------- */

int sal_cpu_weights_open(sal_compute compute, int64_t pack_memory, int threads,
                         sal_cpu_weights **out, sal_error *err) {
    if (compute == SAL_COMPUTE_BF16 && !sal_onednn_bf16())
        return sal_fail(err, SAL_EUNSUPPORTED,
                        "bf16 products need oneDNN and a processor with AVX-512; choose --compute "
                        "f32, or auto");
    sal_cpu_weights *store = sal_calloc(1, sizeof *store);
    if (store == NULL)
        return sal_fail_memory(err, "a store of weights");
    store->compute = compute;
    store->threads = threads < 1 ? 1 : threads;
    store->few = sal_few_kernel_of(sal_cpu_features_here(sal_cpu_cap()));
    const int64_t free_bytes = sal_pages_free();
    const int64_t spared = free_bytes > 2 * RESERVE ? free_bytes - RESERVE : free_bytes / 2;
    store->budget = pack_memory < 0 ? 0 : pack_memory > 0 ? pack_memory : spared;
    if (compute != SAL_COMPUTE_STOCK && sal_onednn_here()) {
        int status = sal_onednn_open(store->threads, &store->library, err);
        if (status != SAL_OK) {
            sal_free(store);
            return status;
        }
    }
    *out = store;
    return SAL_OK;
}

static void drop_weight(sal_weight *weight) {
    for (int64_t i = 0; weight->handles != NULL && i < weight->tiles; i++)
        sal_tile_close(weight->handles[i]);
    sal_free(weight->handles);
    sal_free(weight->memory);
    weight->handles = NULL;
    weight->memory = NULL;
    weight->packed = false;
}

void sal_cpu_weights_close(sal_cpu_weights *store) {
    if (store == NULL)
        return;
    for (int i = 0; i < store->product_count; i++)
        sal_product_close(store->products[i].product);
    for (size_t i = 0; i < store->count; i++)
        drop_weight(&store->weights[i]);
    for (int i = 0; i < store->shape_count; i++)
        sal_tile_format_close(store->shapes[i].format);
    sal_onednn_close(store->library);
    sal_free(store->weights);
    sal_free(store->spare);
    sal_free(store->rows);
    sal_free(store);
}

uint64_t sal_cpu_weights_bytes(const sal_cpu_weights *store) {
    return store == NULL ? 0 : store->bytes;
}

/* ---- which numbers ------------------------------------------------------------------------------------------------------------------ */

bool sal_weights_takes(const sal_cpu_weights *store, enum ggml_type type) {
    return store != NULL && store->library != NULL &&
           (type == GGML_TYPE_F32 || ggml_get_type_traits(type)->to_float != NULL);
}

bool sal_weights_bf16(const sal_cpu_weights *store, enum ggml_type type) {
    if (store->compute != SAL_COMPUTE_AUTO)
        return store->compute == SAL_COMPUTE_BF16;
    return (type == GGML_TYPE_BF16 || ggml_is_quantized(type)) && sal_onednn_fast_bf16();
}

/* ---- shapes and primitives ----------------------------------------------------------------------------------------------------------- */

static int find_shape(sal_cpu_weights *store, int64_t width, int64_t columns, bool bf16, int *out,
                      sal_error *err) {
    for (int i = 0; i < store->shape_count; i++) {
        const sal_shape *shape = &store->shapes[i];
        if (shape->width == width && shape->columns == columns && shape->bf16 == bf16) {
            *out = i;
            return SAL_OK;
        }
    }
    if (store->shape_count == SAL_FORMATS)
        return sal_fail(err, SAL_ELIMIT,
                        "weights of more than %d shapes; --compute stock does without packing them",
                        SAL_FORMATS);
    sal_shape *shape = &store->shapes[store->shape_count];
    *shape = (sal_shape){.width = width, .columns = columns, .bf16 = bf16};
    int status = sal_tile_format_open(store->library, width, columns, bf16, &shape->format, err);
    if (status != SAL_OK)
        return status;
    *out = store->shape_count++;
    return SAL_OK;
}

int sal_weights_product(sal_cpu_weights *store, int shape, int64_t rows, sal_product **out,
                        sal_error *err) {
    sal_product_entry *oldest = NULL;
    store->clock++;
    for (int i = 0; i < store->product_count; i++) {
        sal_product_entry *entry = &store->products[i];
        if (entry->shape == shape && entry->rows == rows) {
            entry->used = store->clock;
            *out = entry->product;
            return SAL_OK;
        }
        if (oldest == NULL || entry->used < oldest->used)
            oldest = entry;
    }
    sal_product *product = NULL;
    int status = sal_product_open(store->shapes[shape].format, rows, &product, err);
    if (status != SAL_OK)
        return status;
    sal_product_entry *entry = oldest;
    if (store->product_count < SAL_PRODUCTS)
        entry = &store->products[store->product_count++];
    else
        sal_product_close(entry->product);
    *entry = (sal_product_entry){shape, rows, store->clock, product};
    *out = product;
    return SAL_OK;
}

/* ---- conversion ------------------------------------------------------------------------------------------------------------------------- */

static size_t align(size_t bytes) {
    return (bytes + SAL_WEIGHTS_ALIGNMENT - 1) / SAL_WEIGHTS_ALIGNMENT * SAL_WEIGHTS_ALIGNMENT;
}

static size_t float_bytes(const sal_weight *weight) {
    return align((size_t)weight->tile_columns * (size_t)weight->width * sizeof(float));
}

static size_t tile_bytes(const sal_cpu_weights *store, const sal_weight *weight) {
    const size_t most = sal_tile_format_bytes(store->shapes[weight->shape].format);
    const size_t last = sal_tile_format_bytes(store->shapes[weight->last_shape].format);
    return align(most > last ? most : last);
}

/* Spare memory of a thread: floats of a tile, a packed tile, and an output tile. */
int sal_weights_reserve_spare(sal_cpu_weights *store, const sal_weight *weight, sal_error *err) {
    const size_t bytes = float_bytes(weight) + tile_bytes(store, weight) +
                         SAL_PRODUCT_ROWS * SAL_TILE_COLUMNS * sizeof(float);
    if (bytes <= store->spare_bytes)
        return SAL_OK;
    char *spare = sal_calloc((size_t)store->threads * bytes + SAL_WEIGHTS_ALIGNMENT, 1);
    if (spare == NULL)
        return sal_fail_memory(err, "the conversion of weights");
    sal_free(store->spare);
    store->spare = spare;
    store->spare_bytes = bytes;
    return SAL_OK;
}

void *sal_weights_spare(const sal_cpu_weights *store, const sal_weight *weight, int thread,
                        sal_spare which) {
    char *own = sal_weights_aligned(store->spare) + (size_t)thread * store->spare_bytes;
    if (which == SAL_SPARE_FLOATS)
        return own;
    own += float_bytes(weight);
    return which == SAL_SPARE_TILE ? own : own + tile_bytes(store, weight);
}

int sal_weights_convert(const sal_cpu_weights *store, const sal_weight *weight, int64_t tile,
                        int thread, sal_tile *packed) {
    const struct ggml_tensor *tensor = weight->tensor;
    const int64_t first = tile * weight->tile_columns;
    const int64_t columns = sal_weight_tile_columns(weight, tile);
    const char *from = (const char *)tensor->data + (size_t)first * tensor->nb[1];
    const float *numbers = (const float *)(const void *)from;
    if (tensor->type != GGML_TYPE_F32) {
        float *floats = sal_weights_spare(store, weight, thread, SAL_SPARE_FLOATS);
        ggml_get_type_traits(tensor->type)->to_float(from, floats, columns * weight->width);
        numbers = floats;
    }
    return sal_tile_pack(store->shapes[sal_weight_shape(weight, tile)].format, thread, numbers,
                         packed);
}

/* ---- packing ------------------------------------------------------------------------------------------------------------------------------ */

typedef struct packing {
    const sal_cpu_weights *store;
    const sal_weight *weight;
    int *statuses; /* [tiles] */
} packing;

static void pack_tile(void *context, int64_t tile, int thread) {
    const packing *p = context;
    p->statuses[tile] =
        sal_weights_convert(p->store, p->weight, tile, thread, p->weight->handles[tile]);
}

/* Pack all tiles of a weight. Not enough memory is no failure: the weight stays as it is, and its products cost more time. */
static int pack(sal_cpu_weights *store, sal_weight *weight, sal_error *err) {
    const size_t each = tile_bytes(store, weight);
    const size_t bytes = each * (size_t)weight->tiles;
    int status = SAL_OK;
    int *statuses = NULL;
    if ((int64_t)bytes > store->budget)
        return SAL_OK;
    weight->memory = sal_calloc(bytes + SAL_WEIGHTS_ALIGNMENT, 1);
    weight->handles = sal_calloc((size_t)weight->tiles, sizeof(sal_tile *));
    statuses = sal_calloc((size_t)weight->tiles, sizeof *statuses);
    if (weight->memory == NULL || weight->handles == NULL || statuses == NULL)
        goto done;
    for (int64_t i = 0; status == SAL_OK && i < weight->tiles; i++)
        status = sal_tile_open(store->shapes[sal_weight_shape(weight, i)].format,
                               sal_weights_aligned(weight->memory) + (size_t)i * each,
                               &weight->handles[i], err);
    if (status != SAL_OK)
        goto done;
    packing p = {store, weight, statuses};
    sal_parallel_for(store->threads, weight->tiles, pack_tile, &p);
    for (int64_t i = 0; status == SAL_OK && i < weight->tiles; i++) {
        if (statuses[i] != 0)
            status = sal_fail(err, SAL_EMODEL, "oneDNN cannot pack %s (its status %d)",
                              weight->tensor->name, statuses[i]);
    }
    if (status != SAL_OK)
        goto done;
    weight->packed = true;
    store->budget -= (int64_t)bytes;
    store->bytes += bytes;
    sal_pages_give_back(weight->data, ggml_nbytes(weight->tensor));
done:
    if (!weight->packed)
        drop_weight(weight);
    sal_free(statuses);
    return status;
}

/* Narrow tiles keep all threads busy when rows are few; the rows of a vocabulary are enough for wider ones. */
static int64_t tile_columns_for(int64_t width, int64_t columns) {
    const int64_t fit = TILE_NUMBERS / width / 64 * 64;
    const int64_t wanted = columns > 8192 ? SAL_TILE_COLUMNS : 64;
    return fit < 64 ? 64 : fit < wanted ? fit : wanted;
}

static int add(sal_cpu_weights *store, const struct ggml_tensor *tensor, sal_weight **out,
               sal_error *err) {
    sal_weight weight = {.tensor = tensor,
                         .data = tensor->data,
                         .width = tensor->ne[0],
                         .columns = tensor->ne[1],
                         .bf16 = sal_weights_bf16(store, tensor->type)};
    weight.tile_columns = tile_columns_for(weight.width, weight.columns);
    weight.tiles = (weight.columns + weight.tile_columns - 1) / weight.tile_columns;
    const int64_t last = sal_weight_tile_columns(&weight, weight.tiles - 1);
    const int64_t first = weight.tiles == 1 ? last : weight.tile_columns;
    int status = find_shape(store, weight.width, first, weight.bf16, &weight.shape, err);
    if (status == SAL_OK)
        status = find_shape(store, weight.width, last, weight.bf16, &weight.last_shape, err);
    if (status == SAL_OK)
        status = sal_weights_reserve_spare(store, &weight, err);
    if (status == SAL_OK)
        status = sal_grow((void **)&store->weights, &store->capacity, store->count,
                          sizeof *store->weights, err);
    if (status == SAL_OK)
        status = pack(store, &weight, err);
    if (status != SAL_OK)
        return status;
    store->weights[store->count] = weight;
    *out = &store->weights[store->count++];
    return SAL_OK;
}

int sal_weights_find(sal_cpu_weights *store, const struct ggml_tensor *tensor, sal_weight **out,
                     sal_error *err) {
    for (size_t i = 0; i < store->count; i++) {
        const size_t at = (store->next + i) % store->count;
        sal_weight *weight = &store->weights[at];
        if (weight->tensor != tensor)
            continue;
        if (weight->data != tensor->data || weight->width != tensor->ne[0] ||
            weight->columns != tensor->ne[1])
            return sal_fail(err, SAL_EMODEL, "%s is not the weight that was packed", tensor->name);
        store->next = at + 1;
        *out = weight;
        return SAL_OK;
    }
    store->next = 0;
    return add(store, tensor, out, err);
}
