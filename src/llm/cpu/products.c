/* One product of weights with two or more rows. Few rows in float with half-precision weights: a kernel of our own, on the weights as they
 * lie in the file. All others: rows in blocks of SAL_PRODUCT_ROWS, columns in the weight's tiles, each pair one call of oneDNN on one
 * thread; the last block is rounded up to one of a few row counts, so that few primitives are ever made. */
#include <stdatomic.h>
#include <string.h>

#include "parallel.h"
#include "weights.h"

enum { NO_MEMORY = -1 }; /* beside oneDNN's statuses, which are positive */

typedef struct job {
    sal_cpu_weights *store;
    const sal_weight *weight;
    const float *x; /* [rows, width] */
    float *out;     /* [rows, columns] */
    int64_t rows;
    int64_t blocks;      /* of rows */
    int64_t last_rows;   /* in the last block */
    int64_t last_padded; /* rounded up */
    bool
        converted; /* store->rows holds bf16 rows of all blocks; else floats of the last one if padded */
    sal_product *products[2][2]; /* [last tile][last block] */
    atomic_int failure;
} job;

static int64_t round_rows(int64_t rows) {
    const int64_t step = rows <= 16 ? 2 : rows <= 32 ? 4 : 16;
    return (rows + step - 1) / step * step;
}

static int64_t rows_of(const job *j, int64_t block) {
    return block == j->blocks - 1 ? j->last_rows : SAL_PRODUCT_ROWS;
}

static char *rows_in(const sal_cpu_weights *store) {
    return sal_weights_aligned(store->rows);
}

/* Round one block of activations to bf16, rows past the end 0. */
static void convert_block(void *context, int64_t block, int thread) {
    const job *j = context;
    const int64_t width = j->weight->width, rows = rows_of(j, block);
    const int64_t padded = block == j->blocks - 1 ? j->last_padded : SAL_PRODUCT_ROWS;
    ggml_bf16_t *to = (ggml_bf16_t *)(void *)rows_in(j->store) + block * SAL_PRODUCT_ROWS * width;
    (void)thread;
    ggml_fp32_to_bf16_row(j->x + block * SAL_PRODUCT_ROWS * width, to, rows * width);
    memset(to + rows * width, 0, (size_t)((padded - rows) * width) * sizeof *to);
}

static int reserve_rows(sal_cpu_weights *store, size_t bytes, sal_error *err) {
    if (bytes <= store->rows_bytes)
        return SAL_OK;
    char *rows = sal_calloc(bytes + SAL_WEIGHTS_ALIGNMENT, 1);
    if (rows == NULL)
        return sal_fail_memory(err, "the rows of a product");
    sal_free(store->rows);
    store->rows = rows;
    store->rows_bytes = bytes;
    return SAL_OK;
}

static int prepare_rows(job *j, int threads, sal_error *err) {
    const size_t width = (size_t)j->weight->width;
    if (j->converted) {
        const size_t rows = (size_t)((j->blocks - 1) * SAL_PRODUCT_ROWS + j->last_padded);
        int status = reserve_rows(j->store, rows * width * sizeof(ggml_bf16_t), err);
        if (status == SAL_OK)
            sal_parallel_for(threads, j->blocks, convert_block, j);
        return status;
    }
    if (j->last_padded == j->last_rows)
        return SAL_OK;
    int status = reserve_rows(j->store, (size_t)j->last_padded * width * sizeof(float), err);
    if (status != SAL_OK)
        return status;
    const size_t bytes = (size_t)j->last_rows * width * sizeof(float);
    memcpy(rows_in(j->store), j->x + (size_t)((j->blocks - 1) * SAL_PRODUCT_ROWS) * width, bytes);
    memset(rows_in(j->store) + bytes, 0,
           (size_t)(j->last_padded - j->last_rows) * width * sizeof(float));
    return SAL_OK;
}

static const void *rows_at(const job *j, int64_t block) {
    const int64_t offset = block * SAL_PRODUCT_ROWS * j->weight->width;
    if (j->converted)
        return (const ggml_bf16_t *)(const void *)rows_in(j->store) + offset;
    if (block == j->blocks - 1 && j->last_padded != j->last_rows)
        return rows_in(j->store);
    return j->x + offset;
}

/* One tile times one block, by way of memory of the thread's own: oneDNN wants its rows one after the other, and those past the end
 * are nobody's. */
static void multiply(job *j, int64_t tile, int64_t block, int thread, const sal_tile *packed) {
    const sal_weight *weight = j->weight;
    const int64_t columns = sal_weight_tile_columns(weight, tile), rows = rows_of(j, block);
    float *out = j->out + block * SAL_PRODUCT_ROWS * weight->columns + tile * weight->tile_columns;
    float *to = sal_weights_spare(j->store, weight, thread, SAL_SPARE_OUT);
    const int status =
        sal_product_run(j->products[tile == weight->tiles - 1][block == j->blocks - 1], thread,
                        rows_at(j, block), packed, to);
    if (status != 0)
        atomic_store(&j->failure, status);
    for (int64_t row = 0; row < rows; row++)
        memcpy(out + row * weight->columns, to + row * columns, (size_t)columns * sizeof *out);
}

static void packed_task(void *context, int64_t index, int thread) {
    job *j = context;
    const int64_t tile = index / j->blocks;
    multiply(j, tile, index % j->blocks, thread, j->weight->handles[tile]);
}

/* Past the budget: one thread packs a tile for itself and multiplies all blocks with it. */
static void unpacked_task(void *context, int64_t tile, int thread) {
    job *j = context;
    const sal_weight *weight = j->weight;
    const sal_shape *shape = &j->store->shapes[sal_weight_shape(weight, tile)];
    sal_tile *own = NULL;
    if (sal_tile_open(shape->format, sal_weights_spare(j->store, weight, thread, SAL_SPARE_TILE),
                      &own, NULL) != SAL_OK) {
        atomic_store(&j->failure, NO_MEMORY);
        return;
    }
    const int status = sal_weights_convert(j->store, weight, tile, thread, own);
    if (status != 0)
        atomic_store(&j->failure, status);
    for (int64_t block = 0; status == 0 && block < j->blocks; block++)
        multiply(j, tile, block, thread, own);
    sal_tile_close(own);
}

/* The primitives a job needs, at most four. */
static int choose_products(job *j, sal_error *err) {
    int status = SAL_OK;
    for (int last = 0; status == SAL_OK && last < 2; last++) {
        const int shape = last ? j->weight->last_shape : j->weight->shape;
        if (j->blocks > 1)
            status =
                sal_weights_product(j->store, shape, SAL_PRODUCT_ROWS, &j->products[last][0], err);
        if (status == SAL_OK)
            status =
                sal_weights_product(j->store, shape, j->last_padded, &j->products[last][1], err);
    }
    return status;
}

/* ---- few rows ------------------------------------------------------------------------------------------------------------------- */

/* How a few rows are multiplied by weights as the file has them; SAL_HALVES: not at all. Depends on nothing that a budget decides. */
static sal_half half_of(const sal_cpu_weights *store, const sal_weight *weight, int64_t rows) {
    const enum ggml_type type = weight->tensor->type;
    if (store->few == NULL || rows > SAL_FEW_ROWS || weight->width % store->few->step != 0)
        return SAL_HALVES;
    if (weight->bf16) /* with AMX oneDNN's tiles are the better ones */
        return type == GGML_TYPE_BF16 && store->few->multiply[SAL_HALF_BF16_BOTH] != NULL &&
                       !sal_onednn_amx()
                   ? SAL_HALF_BF16_BOTH
                   : SAL_HALVES;
    return type == GGML_TYPE_BF16  ? SAL_HALF_BF16
           : type == GGML_TYPE_F16 ? SAL_HALF_F16
                                   : SAL_HALVES;
}

/* Products of the same rows with one weight after another, in one loop: every loop's end is a wait for the slowest thread. */
typedef struct few_job {
    const sal_few_kernel *kernel;
    sal_half half;
    int64_t piece; /* columns of a task */
    int64_t tasks; /* so far */
    int count;
    sal_few part[SAL_PRODUCTS_TOGETHER]; /* each with all its columns */
    int64_t first[SAL_PRODUCTS_TOGETHER];
} few_job;

static void few_task(void *context, int64_t index, int thread) {
    const few_job *j = context;
    int p = 0;
    while (p + 1 < j->count && j->first[p + 1] <= index)
        p++;
    sal_few own = j->part[p];
    const int64_t first = (index - j->first[p]) * j->piece, left = own.columns - first;
    (void)thread;
    own.columns = left < j->piece ? left : j->piece;
    own.weights += first * own.width;
    own.out += first;
    j->kernel->multiply[j->half](&own);
}

/* Neighbouring columns for one thread, who fetches ahead, and a few tasks a thread, for they may not all run at once. */
static int64_t piece_of(int64_t columns, int threads, int64_t multiple) {
    const int64_t tasks = columns > 8192 ? 16 * threads : 2 * threads;
    return ((columns + tasks - 1) / tasks + multiple - 1) / multiple * multiple;
}

/* The rows as the kernel wants them, in the store's memory. */
static int prepare_few(sal_cpu_weights *store, few_job *j, sal_error *err) {
    const float *x = j->part[0].x;
    const int64_t count = j->part[0].rows * j->part[0].width;
    if (store->few->prepare[j->half] == NULL)
        return SAL_OK;
    int status = reserve_rows(store, (size_t)count * sizeof(float), err);
    if (status != SAL_OK)
        return status;
    float *rows = (float *)(void *)rows_in(store);
    store->few->prepare[j->half](x, count, rows);
    for (int p = 0; p < j->count; p++)
        j->part[p].x = rows;
    return SAL_OK;
}

static int run_few(sal_cpu_weights *store, int threads, few_job *j, sal_error *err) {
    int64_t columns = 0;
    int status = prepare_few(store, j, err);
    if (status != SAL_OK)
        return status;
    for (int p = 0; p < j->count; p++)
        columns += j->part[p].columns;
    j->piece = piece_of(columns, threads, store->few->columns);
    for (int p = 0; p < j->count; p++) {
        j->first[p] = j->tasks;
        j->tasks += (j->part[p].columns + j->piece - 1) / j->piece;
    }
    sal_parallel_for(threads, j->tasks, few_task, j);
    return SAL_OK;
}

/* ---- many rows ------------------------------------------------------------------------------------------------------------------ */

static int run_many(sal_cpu_weights *store, int threads, const sal_weight *weight,
                    struct ggml_tensor *node, sal_error *err) {
    int status;
    job j = {.store = store,
             .weight = weight,
             .x = node->src[1]->data,
             .out = node->data,
             .rows = ggml_nrows(node->src[1]),
             .converted = weight->bf16};
    j.blocks = (j.rows + SAL_PRODUCT_ROWS - 1) / SAL_PRODUCT_ROWS;
    j.last_rows = j.rows - (j.blocks - 1) * SAL_PRODUCT_ROWS;
    j.last_padded = round_rows(j.last_rows);
    status = prepare_rows(&j, threads, err);
    if (status == SAL_OK)
        status = choose_products(&j, err);
    if (status != SAL_OK)
        return status;
    if (weight->packed)
        sal_parallel_for(threads, weight->tiles * j.blocks, packed_task, &j);
    else
        sal_parallel_for(threads, weight->tiles, unpacked_task, &j);
    const int failure = atomic_load(&j.failure);
    return failure == 0
               ? SAL_OK
               : sal_fail(err, SAL_EMODEL, "oneDNN cannot multiply with %s (its status %d)",
                          node->src[0]->name, failure);
}

int sal_products_run(sal_cpu_weights *store, int threads, struct ggml_tensor *const *nodes,
                     int count, sal_error *err) {
    few_job few = {.kernel = store->few, .half = SAL_HALVES};
    int status = SAL_OK;
    threads = threads < store->threads ? threads : store->threads;
    for (int i = 0; status == SAL_OK && i < count; i++) {
        sal_weight *weight = NULL;
        const int64_t rows = ggml_nrows(nodes[i]->src[1]);
        status = sal_weights_find(store, nodes[i]->src[0], &weight, err);
        if (status != SAL_OK)
            return status;
        const sal_half half = half_of(store, weight, rows);
        if (half == SAL_HALVES) {
            status = run_many(store, threads, weight, nodes[i], err);
            continue;
        }
        if (few.count > 0 && half != few.half) /* weights of two types */
            status = run_few(store, threads, &few, err);
        if (few.count > 0 && half != few.half)
            few = (few_job){.kernel = store->few};
        few.half = half;
        few.part[few.count++] = (sal_few){.rows = rows,
                                          .width = weight->width,
                                          .columns = weight->columns,
                                          .x = nodes[i]->src[1]->data,
                                          .weights = weight->data,
                                          .out = nodes[i]->data,
                                          .stride = weight->columns};
    }
    return status == SAL_OK && few.count > 0 ? run_few(store, threads, &few, err) : status;
}
