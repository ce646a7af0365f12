#include "onednn.h"

#include <stdio.h>
#include <string.h>

#ifdef SALIENT_ONEDNN

#include <oneapi/dnnl/dnnl.h>

#ifdef _OPENMP
#include <omp.h>
#endif

/* ---- the two interfaces ------------------------------------------------------------------------------------------------------
 * In 2.x a memory descriptor is a struct and an operation has a descriptor of its own; in 3.x a descriptor is a handle and the operation
 * goes straight into its primitive descriptor. */

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t layout;
#define LAYOUT(x) (x)
typedef const_dnnl_memory_desc_t layout_view;
static dnnl_status_t layout_plain(layout *out, const dnnl_dims_t dims, dnnl_data_type_t type,
                                  const dnnl_dims_t strides) {
    return dnnl_memory_desc_create_with_strides(out, 2, dims, type, strides);
}
static dnnl_status_t layout_any(layout *out, const dnnl_dims_t dims, dnnl_data_type_t type) {
    return dnnl_memory_desc_create_with_tag(out, 2, dims, type, dnnl_format_tag_any);
}
static dnnl_status_t layout_copy(layout *out, layout_view from) {
    return dnnl_memory_desc_clone(out, from);
}
static void layout_drop(layout *x) {
    if (*x != NULL)
        dnnl_memory_desc_destroy(*x);
    *x = NULL;
}
static dnnl_status_t product_desc(dnnl_primitive_desc_t *out, dnnl_engine_t engine, layout_view x,
                                  layout_view w, layout_view y, dnnl_primitive_attr_t attributes) {
    return dnnl_matmul_primitive_desc_create(out, engine, x, w, NULL, y, attributes);
}
#else
typedef dnnl_memory_desc_t layout;
#define LAYOUT(x) (&(x))
typedef const dnnl_memory_desc_t *layout_view;
static dnnl_status_t layout_plain(layout *out, const dnnl_dims_t dims, dnnl_data_type_t type,
                                  const dnnl_dims_t strides) {
    return dnnl_memory_desc_init_by_strides(out, 2, dims, type, strides);
}
static dnnl_status_t layout_any(layout *out, const dnnl_dims_t dims, dnnl_data_type_t type) {
    return dnnl_memory_desc_init_by_tag(out, 2, dims, type, dnnl_format_tag_any);
}
static dnnl_status_t layout_copy(layout *out, layout_view from) {
    *out = *from;
    return dnnl_success;
}
static void layout_drop(layout *x) {
    (void)x;
}
static dnnl_status_t product_desc(dnnl_primitive_desc_t *out, dnnl_engine_t engine, layout_view x,
                                  layout_view w, layout_view y, dnnl_primitive_attr_t attributes) {
    dnnl_matmul_desc_t operation;
    dnnl_status_t status = dnnl_matmul_desc_init(&operation, x, w, NULL, y);
    return status != dnnl_success
               ? status
               : dnnl_primitive_desc_create(out, &operation, attributes, engine, NULL);
}
#endif

/* oneDNN may spread a primitive over all threads it thinks there are, when it makes it and when it runs it: let it see one. */
static int one_thread(void) {
#ifdef _OPENMP
    int before = omp_get_max_threads();
    omp_set_num_threads(1);
    return before;
#else
    return 1;
#endif
}

static void all_threads(int before) {
#ifdef _OPENMP
    omp_set_num_threads(before);
#else
    (void)before;
#endif
}

/* ---- the library --------------------------------------------------------------------------------------------------------------- */

struct sal_onednn {
    dnnl_engine_t engine;
    int threads;
    dnnl_stream_t *streams; /* [threads] */
};

struct sal_tile_format {
    const sal_onednn *library;
    int64_t width, columns;
    bool bf16;
    layout plain, packed; /* float [columns, width] as it comes; as it is packed */
    size_t bytes;
    dnnl_primitive_t pack;
};

struct sal_tile {
    dnnl_memory_t memory;
};

struct sal_product {
    const sal_onednn *library;
    dnnl_primitive_t primitive;
    dnnl_memory_t *memories; /* [threads, 3]: x, out, scratchpad */
    void *scratchpads;       /* [threads, scratchpad_bytes] */
};

static int fail(sal_error *err, dnnl_status_t status, const char *what) {
    if (status == dnnl_out_of_memory)
        return sal_fail_memory(err, what);
    return sal_fail(err, status == dnnl_unimplemented ? SAL_EUNSUPPORTED : SAL_EMODEL,
                    "oneDNN cannot make %s (its status %d); --compute stock does without it", what,
                    (int)status);
}

bool sal_onednn_here(void) {
    return true;
}

void sal_onednn_version(char text[32]) {
    const dnnl_version_t *version = dnnl_version();
    (void)snprintf(text, 32, "oneDNN %d.%d.%d", version->major, version->minor, version->patch);
}

bool sal_onednn_amx(void) {
    const unsigned amx = (unsigned)dnnl_cpu_isa_avx512_core_amx;
    return ((unsigned)dnnl_get_effective_cpu_isa() & amx) == amx;
}

bool sal_onednn_fast_bf16(void) {
    const unsigned pairs = (unsigned)dnnl_cpu_isa_avx512_core_bf16;
    bool amd = false;
#if defined(__x86_64__)
    amd = __builtin_cpu_is("amd");
#endif
    return sal_onednn_amx() || (amd && ((unsigned)dnnl_get_effective_cpu_isa() & pairs) == pairs);
}

bool sal_onednn_bf16(void) {
    const unsigned needed = (unsigned)dnnl_cpu_isa_avx512_core;
    return ((unsigned)dnnl_get_effective_cpu_isa() & needed) == needed;
}

int sal_onednn_open(int threads, sal_onednn **out, sal_error *err) {
    sal_onednn *library = sal_calloc(1, sizeof *library);
    dnnl_status_t status = dnnl_out_of_memory;
    if (library == NULL)
        goto done;
    library->threads = threads;
    library->streams = sal_calloc((size_t)threads, sizeof *library->streams);
    if (library->streams == NULL)
        goto done;
    status = dnnl_engine_create(&library->engine, dnnl_cpu, 0);
    for (int i = 0; status == dnnl_success && i < threads; i++)
        status =
            dnnl_stream_create(&library->streams[i], library->engine, dnnl_stream_default_flags);
done:
    if (status != dnnl_success) {
        sal_onednn_close(library);
        return fail(err, status, "its engine");
    }
    *out = library;
    return SAL_OK;
}

void sal_onednn_close(sal_onednn *library) {
    if (library == NULL)
        return;
    for (int i = 0; library->streams != NULL && i < library->threads; i++) {
        if (library->streams[i] != NULL)
            dnnl_stream_destroy(library->streams[i]);
    }
    if (library->engine != NULL)
        dnnl_engine_destroy(library->engine);
    sal_free(library->streams);
    sal_free(library);
}

/* ---- formats ------------------------------------------------------------------------------------------------------------------------ */

/* The primitive descriptor of a product; weights NULL: oneDNN chooses their format. Its scratchpad is ours, so that threads may share it. */
static dnnl_status_t describe(const sal_tile_format *format, int64_t rows, const layout *weights,
                              dnnl_primitive_desc_t *out) {
    const dnnl_data_type_t type = format->bf16 ? dnnl_bf16 : dnnl_f32;
    const dnnl_dims_t x_dims = {rows, format->width}, x_strides = {format->width, 1};
    const dnnl_dims_t w_dims = {format->width, format->columns};
    const dnnl_dims_t y_dims = {rows, format->columns}, y_strides = {format->columns, 1};
    layout x, w, y;
    dnnl_primitive_attr_t attributes = NULL;
    memset(&x, 0, sizeof x);
    memset(&w, 0, sizeof w);
    memset(&y, 0, sizeof y);
    dnnl_status_t status = dnnl_primitive_attr_create(&attributes);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    if (status == dnnl_success)
        status = layout_plain(&x, x_dims, type, x_strides);
    if (status == dnnl_success)
        status = layout_plain(&y, y_dims, dnnl_f32, y_strides);
    if (status == dnnl_success && weights == NULL)
        status = layout_any(&w, w_dims, type);
    if (status == dnnl_success)
        status =
            product_desc(out, format->library->engine, LAYOUT(x),
                         weights == NULL ? LAYOUT(w) : LAYOUT(*weights), LAYOUT(y), attributes);
    layout_drop(&x);
    layout_drop(&w);
    layout_drop(&y);
    if (attributes != NULL)
        dnnl_primitive_attr_destroy(attributes);
    return status;
}

static dnnl_status_t choose_format(sal_tile_format *format) {
    const dnnl_dims_t dims = {format->width, format->columns}, strides = {1, format->width};
    dnnl_primitive_desc_t product = NULL, pack = NULL;
    dnnl_status_t status = describe(format, SAL_PRODUCT_ROWS, NULL, &product);
    if (status == dnnl_success)
        status = layout_copy(&format->packed,
                             dnnl_primitive_desc_query_md(product, dnnl_query_weights_md, 0));
    if (status == dnnl_success)
        status = layout_plain(&format->plain, dims, dnnl_f32, strides);
    if (status == dnnl_success)
        status = dnnl_reorder_primitive_desc_create(&pack, LAYOUT(format->plain),
                                                    format->library->engine, LAYOUT(format->packed),
                                                    format->library->engine, NULL);
    if (status == dnnl_success)
        status = dnnl_primitive_create(&format->pack, pack);
    if (status == dnnl_success)
        format->bytes = dnnl_memory_desc_get_size(LAYOUT(format->packed));
    if (product != NULL)
        dnnl_primitive_desc_destroy(product);
    if (pack != NULL)
        dnnl_primitive_desc_destroy(pack);
    return status;
}

int sal_tile_format_open(sal_onednn *library, int64_t width, int64_t columns, bool bf16,
                         sal_tile_format **out, sal_error *err) {
    sal_tile_format *format = sal_calloc(1, sizeof *format);
    if (format == NULL)
        return sal_fail_memory(err, "a format of weights");
    *format =
        (sal_tile_format){.library = library, .width = width, .columns = columns, .bf16 = bf16};
    const int before = one_thread();
    dnnl_status_t status = choose_format(format);
    all_threads(before);
    if (status != dnnl_success) {
        sal_tile_format_close(format);
        return fail(err, status, bf16 ? "bf16 products" : "f32 products");
    }
    *out = format;
    return SAL_OK;
}

void sal_tile_format_close(sal_tile_format *format) {
    if (format == NULL)
        return;
    if (format->pack != NULL)
        dnnl_primitive_destroy(format->pack);
    layout_drop(&format->plain);
    layout_drop(&format->packed);
    sal_free(format);
}

size_t sal_tile_format_bytes(const sal_tile_format *format) {
    return format->bytes;
}

int sal_tile_open(const sal_tile_format *format, void *bytes, sal_tile **out, sal_error *err) {
    sal_tile *tile = sal_calloc(1, sizeof *tile);
    if (tile == NULL)
        return sal_fail_memory(err, "a tile of weights");
    dnnl_status_t status =
        dnnl_memory_create(&tile->memory, LAYOUT(format->packed), format->library->engine, bytes);
    if (status != dnnl_success) {
        sal_free(tile);
        return fail(err, status, "a tile of weights");
    }
    *out = tile;
    return SAL_OK;
}

void sal_tile_close(sal_tile *tile) {
    if (tile == NULL)
        return;
    dnnl_memory_destroy(tile->memory);
    sal_free(tile);
}

static dnnl_status_t run(dnnl_primitive_t primitive, dnnl_stream_t stream, int count,
                         const dnnl_exec_arg_t *arguments) {
    const int before = one_thread();
    dnnl_status_t status = dnnl_primitive_execute(primitive, stream, count, arguments);
    if (status == dnnl_success)
        status = dnnl_stream_wait(stream);
    all_threads(before);
    return status;
}

int sal_tile_pack(const sal_tile_format *format, int thread, const float *weights, sal_tile *tile) {
    dnnl_memory_t plain = NULL;
    union {
        const float *in;
        void *out;
    } handle = {weights}; /* oneDNN takes what it only reads without const */
    dnnl_status_t status =
        dnnl_memory_create(&plain, LAYOUT(format->plain), format->library->engine, handle.out);
    if (status != dnnl_success)
        return (int)status;
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, plain}, {DNNL_ARG_TO, tile->memory}};
    status = run(format->pack, format->library->streams[thread], 2, arguments);
    dnnl_memory_destroy(plain);
    return (int)status;
}

/* ---- products --------------------------------------------------------------------------------------------------------------------------- */

static dnnl_status_t make_memories(const sal_tile_format *format, sal_product *product,
                                   dnnl_primitive_desc_t desc) {
    const int threads = format->library->threads;
    layout_view scratchpad = dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0);
    const size_t bytes = (dnnl_memory_desc_get_size(scratchpad) + 4096 + 63) / 64 * 64;
    dnnl_status_t status = dnnl_success;
    product->memories = sal_calloc((size_t)threads * 3, sizeof(dnnl_memory_t));
    product->scratchpads = sal_calloc((size_t)threads, bytes);
    if (product->memories == NULL || product->scratchpads == NULL)
        return dnnl_out_of_memory;
    for (int i = 0; status == dnnl_success && i < threads; i++) {
        dnnl_memory_t *own = product->memories + 3 * i;
        char *pad = (char *)product->scratchpads + (size_t)i * bytes;
        pad += (4096 - (uintptr_t)pad % 4096) % 4096;
        status =
            dnnl_memory_create(&own[0], dnnl_primitive_desc_query_md(desc, dnnl_query_src_md, 0),
                               format->library->engine, DNNL_MEMORY_NONE);
        if (status == dnnl_success)
            status = dnnl_memory_create(&own[1],
                                        dnnl_primitive_desc_query_md(desc, dnnl_query_dst_md, 0),
                                        format->library->engine, DNNL_MEMORY_NONE);
        if (status == dnnl_success)
            status = dnnl_memory_create(&own[2], scratchpad, format->library->engine, pad);
    }
    return status;
}

int sal_product_open(const sal_tile_format *format, int64_t rows, sal_product **out,
                     sal_error *err) {
    sal_product *product = sal_calloc(1, sizeof *product);
    dnnl_primitive_desc_t desc = NULL;
    if (product == NULL)
        return sal_fail_memory(err, "a product");
    product->library = format->library;
    const int before = one_thread();
    dnnl_status_t status = describe(format, rows, &format->packed, &desc);
    if (status == dnnl_success)
        status = dnnl_primitive_create(&product->primitive, desc);
    if (status == dnnl_success)
        status = make_memories(format, product, desc);
    all_threads(before);
    if (desc != NULL)
        dnnl_primitive_desc_destroy(desc);
    if (status != dnnl_success) {
        sal_product_close(product);
        return fail(err, status, "a product");
    }
    *out = product;
    return SAL_OK;
}

void sal_product_close(sal_product *product) {
    if (product == NULL)
        return;
    for (int i = 0; product->memories != NULL && i < 3 * product->library->threads; i++) {
        if (product->memories[i] != NULL)
            dnnl_memory_destroy(product->memories[i]);
    }
    if (product->primitive != NULL)
        dnnl_primitive_destroy(product->primitive);
    sal_free(product->memories);
    sal_free(product->scratchpads);
    sal_free(product);
}

int sal_product_run(sal_product *product, int thread, const void *x, const sal_tile *tile,
                    float *out) {
    dnnl_memory_t *own = product->memories + 3 * thread;
    union {
        const void *in;
        void *out;
    } handle = {x};
    dnnl_status_t status = dnnl_memory_set_data_handle(own[0], handle.out);
    if (status == dnnl_success)
        status = dnnl_memory_set_data_handle(own[1], out);
    if (status != dnnl_success)
        return (int)status;
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, own[0]},
                                         {DNNL_ARG_WEIGHTS, tile->memory},
                                         {DNNL_ARG_DST, own[1]},
                                         {DNNL_ARG_SCRATCHPAD, own[2]}};
    return (int)run(product->primitive, product->library->streams[thread], 4, arguments);
}

#else /* without oneDNN: every door says so, and products stay with libllama */

bool sal_onednn_here(void) {
    return false;
}
void sal_onednn_version(char text[32]) {
    (void)snprintf(text, 32, "no oneDNN");
}
bool sal_onednn_amx(void) {
    return false;
}
bool sal_onednn_fast_bf16(void) {
    return false;
}
bool sal_onednn_bf16(void) {
    return false;
}
int sal_onednn_open(int threads, sal_onednn **out, sal_error *err) {
    (void)threads, (void)out;
    return sal_fail(err, SAL_EUNSUPPORTED, "this salient was built without oneDNN");
}
void sal_onednn_close(sal_onednn *library) {
    (void)library;
}
int sal_tile_format_open(sal_onednn *library, int64_t width, int64_t columns, bool bf16,
                         sal_tile_format **out, sal_error *err) {
    (void)library, (void)width, (void)columns, (void)bf16, (void)out;
    return sal_fail(err, SAL_EUNSUPPORTED, "this salient was built without oneDNN");
}
void sal_tile_format_close(sal_tile_format *format) {
    (void)format;
}
size_t sal_tile_format_bytes(const sal_tile_format *format) {
    (void)format;
    return 0;
}
int sal_tile_open(const sal_tile_format *format, void *bytes, sal_tile **out, sal_error *err) {
    (void)format, (void)bytes, (void)out;
    return sal_fail(err, SAL_EUNSUPPORTED, "this salient was built without oneDNN");
}
void sal_tile_close(sal_tile *tile) {
    (void)tile;
}
int sal_tile_pack(const sal_tile_format *format, int thread, const float *weights, sal_tile *tile) {
    (void)format, (void)thread, (void)weights, (void)tile;
    return -1;
}
int sal_product_open(const sal_tile_format *format, int64_t rows, sal_product **out,
                     sal_error *err) {
    (void)format, (void)rows, (void)out;
    return sal_fail(err, SAL_EUNSUPPORTED, "this salient was built without oneDNN");
}
void sal_product_close(sal_product *product) {
    (void)product;
}
int sal_product_run(sal_product *product, int thread, const void *x, const sal_tile *tile,
                    float *out) {
    (void)product, (void)thread, (void)x, (void)tile, (void)out;
    return -1;
}

#endif
