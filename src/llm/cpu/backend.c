/* The backend as ggml sees it.
 *
 * ggml keeps its backends in one registry per process, and hands them to every context. So that a context is ours only when it was asked
 * for, the device that the registry knows supports nothing; sal_cpu_enter names, for this thread, whose backend the next context
 * gets, and that backend carries a device of its own. The registration and this name are the room's only static state. */
#include "backend_internal.h"

#include <stdlib.h>
#include <string.h>

#include "onednn.h"

#ifdef SALIENT_GGML_INTERNAL

#include <pthread.h>

#include <ggml-backend-impl.h>
#include <ggml-cpu.h>

#include "parallel.h"
#include "weights.h"

static _Thread_local sal_cpu *entered;

/* ---- which nodes ------------------------------------------------------------------------------------------------------------------ */

static bool is_weight(const struct ggml_tensor *tensor) {
    const struct ggml_backend_buffer *buffer =
        tensor->view_src != NULL ? tensor->view_src->buffer : tensor->buffer;
    return buffer != NULL && buffer->usage == GGML_BACKEND_BUFFER_USAGE_WEIGHTS &&
           tensor->view_src == NULL;
}

bool sal_node_is_product(const sal_cpu_weights *weights, int64_t least_rows,
                         const struct ggml_tensor *node) {
    const struct ggml_tensor *w = node->src[0], *x = node->src[1];
    if (node->op != GGML_OP_MUL_MAT || w == NULL || x == NULL || !is_weight(w) ||
        !sal_weights_takes(weights, w->type))
        return false;
    if (node->op_params[1] == GGML_HINT_SRC0_IS_HADAMARD)
        return false;
    /* The least precise type that the model allows for x. */
    if (sal_weights_bf16(weights, w->type) && node->op_params[3] != GGML_PREC_UNDEFINED &&
        node->op_params[3] < GGML_PREC_BF16)
        return false;
    return x->type == GGML_TYPE_F32 && node->type == GGML_TYPE_F32 && ggml_is_contiguous(w) &&
           ggml_is_contiguous(x) && ggml_is_contiguous(node) && w->ne[2] == 1 && w->ne[3] == 1 &&
           w->ne[0] == x->ne[0] && ggml_nrows(x) >= least_rows;
}

/* Depends on nothing but the node and what was fixed when the context was made: graphs are planned without data, and used again. */
static bool supports_op(ggml_backend_dev_t device, const struct ggml_tensor *op) {
    const sal_cpu *cpu = device->context;
    if (cpu == NULL)
        return false;
    switch (op->op) {
    case GGML_OP_NONE:
    case GGML_OP_RESHAPE:
    case GGML_OP_VIEW:
    case GGML_OP_PERMUTE:
    case GGML_OP_TRANSPOSE:
        return true;
    case GGML_OP_MUL_MAT:
        return sal_node_is_product(cpu->weights, cpu->least_rows, op);
    case GGML_OP_FLASH_ATTN_EXT:
        return sal_cpu_takes_attention(op);
    default:
        return false;
    }
}

/* ---- a graph ------------------------------------------------------------------------------------------------------------------------ */

/* The reshape right after an attention is "kqv_out-<layer>"; where a caller cut the graph between them, the cache's name has to do. */
static int layer_of_attention(struct ggml_cgraph *graph, int index) {
    const struct ggml_tensor *k = ggml_graph_node(graph, index)->src[1];
    for (int i = index + 1; i < ggml_graph_n_nodes(graph) && i <= index + 2; i++) {
        const char *name = ggml_graph_node(graph, i)->name;
        if (strncmp(name, "kqv_out-", 8) == 0)
            return sal_layer_of_name(name);
    }
    return sal_layer_of_name(k->view_src != NULL ? k->view_src->name : k->name);
}

static bool is_computed(const struct ggml_tensor *node) {
    return (node->flags & GGML_TENSOR_FLAG_COMPUTE) != 0 && !ggml_is_empty(node) &&
           (node->op == GGML_OP_FLASH_ATTN_EXT || node->op == GGML_OP_MUL_MAT);
}

/* The products from this node on that have the same rows, nothing but views between them. return the node after the last one */
static int next_products(struct ggml_cgraph *graph, int index, struct ggml_tensor **nodes,
                         int *count) {
    int end = index;
    *count = 0;
    for (int i = index; i < ggml_graph_n_nodes(graph) && *count < SAL_PRODUCTS_TOGETHER; i++) {
        struct ggml_tensor *node = ggml_graph_node(graph, i);
        if (!is_computed(node))
            continue;
        if (node->op != GGML_OP_MUL_MAT || (*count > 0 && node->src[1] != nodes[0]->src[1]))
            break;
        nodes[(*count)++] = node;
        end = i + 1;
    }
    return end;
}

static enum ggml_status graph_compute(ggml_backend_t backend, struct ggml_cgraph *graph) {
    sal_cpu *cpu = backend->context;
    int status = SAL_OK;
    for (int i = 0; cpu != NULL && status == SAL_OK && i < ggml_graph_n_nodes(graph);) {
        struct ggml_tensor *node = ggml_graph_node(graph, i), *products[SAL_PRODUCTS_TOGETHER];
        int count = 0;
        if (!is_computed(node)) { /* views: nothing else is supported */
            i++;
        } else if (node->op == GGML_OP_FLASH_ATTN_EXT) {
            const int layer = cpu->tap != NULL ? layer_of_attention(graph, i) : -1;
            cpu->counts.attentions++;
            status = sal_tap_attention(cpu, node, layer, &cpu->failure);
            i++;
        } else {
            i = next_products(graph, i, products, &count);
            cpu->counts.products += count;
            status = sal_products_run(cpu->weights, cpu->threads, products, count, &cpu->failure);
        }
    }
    return status == SAL_OK       ? GGML_STATUS_SUCCESS
           : status == SAL_ENOMEM ? GGML_STATUS_ALLOC_FAILED
                                  : GGML_STATUS_FAILED;
}

enum { COPY_BYTES = 1 << 17 };

typedef struct copy {
    char *to;
    const char *from;
    size_t size;
} copy;

static void copy_task(void *context, int64_t index, int thread) {
    const copy *c = context;
    const size_t first = (size_t)index * COPY_BYTES, left = c->size - first;
    (void)thread;
    memcpy(c->to + first, c->from + first, left < COPY_BYTES ? left : COPY_BYTES);
}

/* libllama fetches results this way, and nothing else: megabytes, where the vocabulary is large. */
static void get_tensor(ggml_backend_t backend, const struct ggml_tensor *tensor, void *data,
                       size_t offset, size_t size) {
    const sal_cpu *cpu = backend->context;
    copy all = {.to = data, .from = (const char *)tensor->data + offset, .size = size};
    if (cpu == NULL)
        ggml_backend_tensor_get(tensor, data, offset, size);
    else if (!cpu->results_unread)
        sal_parallel_for(cpu->threads, (int64_t)((size + COPY_BYTES - 1) / COPY_BYTES), copy_task,
                         &all);
}

/* ---- ggml's tables -------------------------------------------------------------------------------------------------------------------- */

static const char *backend_name(ggml_backend_t backend) {
    (void)backend;
    return "salient";
}

static void backend_free(ggml_backend_t backend) {
    (void)backend; /* it belongs to its sal_cpu, or is the idle one */
}

static const char *device_name(ggml_backend_dev_t device) {
    (void)device;
    return "salient";
}

static const char *device_description(ggml_backend_dev_t device) {
    (void)device;
    return "attention that measures itself, and products by oneDNN";
}

static void device_memory(ggml_backend_dev_t device, size_t *free_bytes, size_t *total) {
    (void)device;
    *free_bytes = 0; /* nothing to report: the memory is the CPU's */
    *total = 0;
}

static enum ggml_backend_dev_type device_type(ggml_backend_dev_t device) {
    (void)device;
    return GGML_BACKEND_DEVICE_TYPE_ACCEL;
}

static void device_props(ggml_backend_dev_t device, struct ggml_backend_dev_props *props) {
    memset(props, 0, sizeof *props);
    props->name = device_name(device);
    props->description = device_description(device);
    props->type = device_type(device);
    props->caps.buffer_from_host_ptr = true;
}

static ggml_backend_buffer_type_t device_buffer_type(ggml_backend_dev_t device) {
    (void)device;
    return ggml_backend_cpu_buffer_type();
}

static ggml_backend_buffer_t buffer_from_pointer(ggml_backend_dev_t device, void *pointer,
                                                 size_t size, size_t max_tensor_size) {
    (void)device;
    (void)max_tensor_size;
    return ggml_backend_cpu_buffer_from_ptr(pointer, size);
}

static bool supports_buffer_type(ggml_backend_dev_t device, ggml_backend_buffer_type_t type) {
    (void)device;
    return ggml_backend_buft_is_host(type);
}

static ggml_backend_t device_init(ggml_backend_dev_t device, const char *parameters);

static const struct ggml_backend_device_i device_interface = {
    .get_name = device_name,
    .get_description = device_description,
    .get_memory = device_memory,
    .get_type = device_type,
    .get_props = device_props,
    .init_backend = device_init,
    .get_buffer_type = device_buffer_type,
    .buffer_from_host_ptr = buffer_from_pointer,
    .supports_op = supports_op,
    .supports_buft = supports_buffer_type,
};

static const struct ggml_backend_i backend_interface = {
    .get_name = backend_name,
    .free = backend_free,
    .get_tensor_async = get_tensor,
    .graph_compute = graph_compute,
};

static const char *reg_name(ggml_backend_reg_t reg) {
    (void)reg;
    return "salient";
}

static size_t reg_device_count(ggml_backend_reg_t reg) {
    (void)reg;
    return 1;
}

static ggml_backend_dev_t reg_device(ggml_backend_reg_t reg, size_t index);

static void set_n_threads(ggml_backend_t backend, int threads) {
    sal_cpu *cpu = backend->context;
    if (cpu != NULL)
        cpu->threads = threads < 1 ? 1 : threads;
}

static void *reg_function(ggml_backend_reg_t reg, const char *name) {
    (void)reg;
    if (strcmp(name, "ggml_backend_set_n_threads") != 0)
        return NULL;
    /* A function's address as a data pointer: what ggml's interface asks for and POSIX allows. */
    union {
        ggml_backend_set_n_threads_t function;
        void *address;
    } found = {set_n_threads};
    return found.address;
}

static struct ggml_backend_reg registration = {
    .api_version = GGML_BACKEND_API_VERSION,
    .iface = {.get_name = reg_name,
              .get_device_count = reg_device_count,
              .get_device = reg_device,
              .get_proc_address = reg_function},
};

static struct ggml_backend_device registered_device; /* filled when it is registered */

static ggml_backend_dev_t reg_device(ggml_backend_reg_t reg, size_t index) {
    (void)reg;
    (void)index;
    return &registered_device;
}

/* Of every context that nobody asked to be ours: it is never given anything to do. */
static struct ggml_backend idle_backend;

static struct ggml_backend make_backend(struct ggml_backend_device *device, sal_cpu *cpu) {
    static ggml_guid guid = {0x5a, 0x1e, 0x4e, 0x17, 0x63, 0x70, 0x75, 0x2d,
                             0x61, 0x74, 0x74, 0x6e, 0x2d, 0x30, 0x30, 0x31};
    return (struct ggml_backend){
        .guid = &guid, .iface = backend_interface, .device = device, .context = cpu};
}

static ggml_backend_t device_init(ggml_backend_dev_t device, const char *parameters) {
    (void)device;
    (void)parameters;
    return entered != NULL ? entered->backend : &idle_backend;
}

/* ---- the room's door -------------------------------------------------------------------------------------------------------------------- */

static void add_to_ggml(void) {
    registered_device = (struct ggml_backend_device){device_interface, &registration, NULL};
    idle_backend = make_backend(&registered_device, NULL);
    ggml_backend_register(&registration);
}

int sal_cpu_register(sal_error *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    ggml_backend_reg_t theirs = ggml_backend_cpu_reg();
    if (theirs == NULL || theirs->api_version != GGML_BACKEND_API_VERSION)
        return sal_fail(err, SAL_EUNSUPPORTED,
                        "ggml's backend interface is version %d, this program was built for %d",
                        theirs != NULL ? theirs->api_version : 0, GGML_BACKEND_API_VERSION);
    (void)pthread_once(&once, add_to_ggml);
    return SAL_OK;
}

int sal_cpu_open(const sal_cpu_options *options, sal_cpu **out, sal_error *err) {
    sal_cpu *cpu = sal_calloc(1, sizeof *cpu);
    struct ggml_backend_device *device = sal_calloc(1, sizeof *device);
    struct ggml_backend *backend = sal_calloc(1, sizeof *backend);
    if (cpu == NULL || device == NULL || backend == NULL) {
        sal_free(cpu);
        sal_free(device);
        sal_free(backend);
        return sal_fail_memory(err, "a backend");
    }
    *device = (struct ggml_backend_device){device_interface, &registration, cpu};
    *backend = make_backend(device, cpu);
    *cpu = (sal_cpu){.weights = options->weights,
                     .features = sal_cpu_features_here(options->cap),
                     .threads = options->threads < 1 ? 1 : options->threads,
                     .least_rows = options->least_rows > 0 ? options->least_rows : 2,
                     .device = device,
                     .backend = backend};
    *out = cpu;
    return SAL_OK;
}

void sal_cpu_close(sal_cpu *cpu) {
    if (cpu == NULL)
        return;
    sal_attention_workspace_free(&cpu->workspace);
    sal_free(cpu->device);
    sal_free(cpu->backend);
    sal_free(cpu);
}

void sal_cpu_enter(sal_cpu *cpu) {
    entered = cpu;
}

void sal_cpu_leave(void) {
    entered = NULL;
}

#else /* libllama without its internal header */

bool sal_node_is_product(const sal_cpu_weights *weights, int64_t least_rows,
                         const struct ggml_tensor *node) {
    (void)weights;
    (void)least_rows;
    (void)node;
    return false;
}

int sal_cpu_register(sal_error *err) {
    return sal_fail(err, SAL_EUNSUPPORTED,
                    "this libllama came without ggml's internal header (scripts/deps builds one)");
}

int sal_cpu_open(const sal_cpu_options *options, sal_cpu **out, sal_error *err) {
    (void)options;
    (void)out;
    return sal_cpu_register(err);
}

void sal_cpu_close(sal_cpu *cpu) {
    (void)cpu;
}

void sal_cpu_enter(sal_cpu *cpu) {
    (void)cpu;
}

void sal_cpu_leave(void) {
}

#endif

void sal_cpu_measure(sal_cpu *cpu, sal_cpu_tap *tap) {
    cpu->tap = tap;
}

void sal_cpu_leave_results(sal_cpu *cpu) {
    cpu->results_unread = true;
}

int sal_cpu_failure(sal_cpu *cpu, sal_error *err) {
    const sal_error failure = cpu->failure;
    cpu->failure = (sal_error){0};
    return failure.code == SAL_OK ? SAL_OK : sal_fail(err, failure.code, "%s", failure.text);
}

sal_cpu_counts sal_cpu_count(const sal_cpu *cpu) {
    return cpu->counts;
}

sal_cpu_features sal_cpu_cap(void) {
    static const char *const names[] = {"portable", "avx2", "avx512"};
    const char *asked = getenv("SALIENT_MAX_CPU_ISA");
    for (int i = 0; asked != NULL && i < 3; i++) {
        if (strcmp(asked, names[i]) == 0)
            return (sal_cpu_features)i;
    }
    return SAL_CPU_BEST;
}

const char *sal_cpu_arithmetic(sal_compute compute) {
    if (!sal_onednn_here())
        return "attention only";
    if (compute == SAL_COMPUTE_BF16)
        return "bf16";
    return compute == SAL_COMPUTE_AUTO && sal_onednn_fast_bf16() ? "auto bf16" : "f32";
}

int sal_cpu_describe(sal_compute compute, sal_buffer *out, sal_error *err) {
    sal_error reason = {0};
    char library[32];
    if (compute == SAL_COMPUTE_STOCK)
        return sal_buffer_add_string(out, "libllama alone (--compute stock)", err);
    if (sal_cpu_register(&reason) != SAL_OK)
        return sal_buffer_add_format(out, err, "libllama alone: %s", reason.text);
    sal_onednn_version(library);
    const char *attention = sal_cpu_features_name(sal_cpu_features_here(sal_cpu_cap()));
    if (!sal_onednn_here())
        return sal_buffer_add_format(out, err, "%s attention; products by libllama: %s", attention,
                                     library);
    return sal_buffer_add_format(out, err, "%s attention, %s products in %s%s", attention, library,
                                 sal_cpu_arithmetic(compute), sal_onednn_amx() ? " (AMX)" : "");
}
