/* Another type of weights, through libllama's own quantiser. It converts from any type to any other through f32, so a file made from a
 * quantised one holds exactly the values that the quantised one stands for (f32) or their rounding (the rest). */
#include <string.h>
#include <sys/stat.h>

#include "llm_internal.h"
#include "salient/file.h"

typedef struct weight_type {
    const char *name;
    enum llama_ftype type;
} weight_type;

static const weight_type weight_types[] = {
    {"f32", LLAMA_FTYPE_ALL_F32},          {"f16", LLAMA_FTYPE_MOSTLY_F16},
    {"bf16", LLAMA_FTYPE_MOSTLY_BF16},     {"q8_0", LLAMA_FTYPE_MOSTLY_Q8_0},
    {"q6_k", LLAMA_FTYPE_MOSTLY_Q6_K},     {"q5_k_m", LLAMA_FTYPE_MOSTLY_Q5_K_M},
    {"q5_1", LLAMA_FTYPE_MOSTLY_Q5_1},     {"q5_0", LLAMA_FTYPE_MOSTLY_Q5_0},
    {"q4_k_m", LLAMA_FTYPE_MOSTLY_Q4_K_M}, {"q4_1", LLAMA_FTYPE_MOSTLY_Q4_1},
    {"q4_0", LLAMA_FTYPE_MOSTLY_Q4_0},     {"q3_k_m", LLAMA_FTYPE_MOSTLY_Q3_K_M},
    {"q2_k", LLAMA_FTYPE_MOSTLY_Q2_K},
};

enum { WEIGHT_TYPES = sizeof weight_types / sizeof *weight_types };

const char *const *sal_model_types(void) {
    static const char *const names[] = {"f32",    "f16",    "bf16", "q8_0",   "q6_k",
                                        "q5_k_m", "q5_1",   "q5_0", "q4_k_m", "q4_1",
                                        "q4_0",   "q3_k_m", "q2_k", NULL};
    _Static_assert(sizeof names / sizeof *names == WEIGHT_TYPES + 1, "one name for each type");
    return names;
}

static int find_type(const char *name, enum llama_ftype *type, sal_error *err) {
    for (size_t i = 0; i < WEIGHT_TYPES; i++)
        if (strcmp(weight_types[i].name, name) == 0) {
            *type = weight_types[i].type;
            return SAL_OK;
        }
    sal_buffer known = {0};
    int status = SAL_OK;
    for (size_t i = 0; status == SAL_OK && i < WEIGHT_TYPES; i++)
        status =
            sal_buffer_add_format(&known, err, "%s%s", i == 0 ? "" : ", ", weight_types[i].name);
    if (status == SAL_OK)
        status = sal_fail(err, SAL_EINVAL, "unknown type of weights '%s'; known are %s", name,
                          known.bytes);
    sal_buffer_free(&known);
    return status;
}

static bool same_file(const char *a, const char *b) {
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int quantise(const char *in, const char *partial, enum llama_ftype type, int threads,
                    sal_error *err) {
    struct llama_model_quantize_params params = llama_model_quantize_default_params();
    params.ftype = type;
    params.nthread = threads;
    params.allow_requantize = true;
    sal_llm_log_clear();
    if (llama_model_quantize(in, partial, &params) == 0)
        return SAL_OK;
    const char *cause = sal_llm_log_error();
    return sal_fail(err, SAL_EMODEL, "%s: libllama cannot convert the model: %s", in,
                    cause[0] != '\0' ? cause : "no reason given");
}

static int check_input(const char *in, sal_error *err) {
    char **files = NULL;
    size_t count = 0;
    sal_gguf_facts facts = {0};
    int status = sal_model_files(in, &files, &count, err);
    for (size_t i = 0; status == SAL_OK && i < count; i++)
        status = sal_gguf_check(files[i], i == 0, &facts, err);
    sal_strings_free(files, count);
    return status;
}

int sal_model_convert(const char *in, const char *out, const char *type, int threads,
                      sal_error *err) {
    enum llama_ftype wanted = LLAMA_FTYPE_ALL_F32;
    sal_output *output = NULL;
    sal_llm_start();
    int status = find_type(type, &wanted, err);
    if (status == SAL_OK)
        status = check_input(in, err);
    if (status == SAL_OK && same_file(in, out))
        status = sal_fail(
            err, SAL_EINVAL,
            "%s: the converted model cannot replace the one it is made from; give another name",
            out);
    if (status == SAL_OK)
        status = sal_output_open(out, &output, err);
    if (status == SAL_OK)
        status = quantise(in, sal_output_name(output), wanted, threads, err);
    if (status == SAL_OK)
        return sal_output_commit(output, err);
    sal_output_discard(output);
    return status;
}
