/** Errors: the one idiom of the library.
 *
 *  A function that can fail returns int: 0, or a negative SAL_E* code, and takes an explicit last argument `sal_error *err` (NULL
 *  allowed) that receives the code and one line of text: what happened, where (file:line, document), the value seen, the value
 *  allowed, and what to do. The library never prints, exits or aborts.
 */
#ifndef SALIENT_ERROR_H
#define SALIENT_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SAL_MUST_CHECK __attribute__((warn_unused_result))
#define SAL_PRINTF(format_index, first_index)                                                      \
    __attribute__((format(printf, format_index, first_index)))
#else
#define SAL_MUST_CHECK
#define SAL_PRINTF(format_index, first_index)
#endif

enum {
    SAL_OK = 0,
    SAL_EINVAL = -1,       /* an argument or option has a value that is not allowed */
    SAL_ENOMEM = -2,       /* out of memory */
    SAL_EIO = -3,          /* the operating system refused to read or write */
    SAL_EFORMAT = -4,      /* input is malformed: JSON, CSV, UTF-8, GGUF */
    SAL_ENOTFOUND = -5,    /* a file, document, summarizer or study is not there */
    SAL_EEXISTS = -6,      /* it is there already, and different */
    SAL_EBUSY = -7,        /* another process is writing to the study */
    SAL_ESHAPE = -8,       /* sizes do not fit together */
    SAL_EMODEL = -9,       /* libllama could not load or run a model */
    SAL_ECANCELLED = -10,  /* interrupted; what is finished is kept */
    SAL_ELIMIT = -11,      /* input exceeds a stated limit: nesting, length, context */
    SAL_EUNSUPPORTED = -12 /* this build or this model cannot do that */
};

/** Room for one error. Zero-initialise it; a successful call leaves it alone. */
typedef struct sal_error {
    int code;
    char text[1000]; /* one line of UTF-8, NUL-terminated, control characters replaced */
} sal_error;

/** Store code and formatted text (cut at the buffer's end on a character) in *err.
 *  out    err may be NULL
 *  return code, so that `return sal_fail(err, SAL_EIO, ...)` reads well */
int sal_fail(sal_error *err, int code, const char *format, ...) SAL_PRINTF(3, 4);

/** Put "formatted text: " before the text already in *err; used by callers to add where it happened.
 *  return code unchanged */
int sal_fail_in(sal_error *err, int code, const char *format, ...) SAL_PRINTF(3, 4);

#ifdef __clang_analyzer__ /* clang-tidy sees one file at a time: this tells it what the two return */
static inline int sal_code_returned(int returned, int code) {
    (void)returned;
    return code;
}
#define sal_fail(err, code, ...) sal_code_returned((sal_fail)(err, code, __VA_ARGS__), code)
#define sal_fail_in(err, code, ...) sal_code_returned((sal_fail_in)(err, code, __VA_ARGS__), code)
#endif

/** Short name of a code ("SAL_EIO"), for logs; "SAL_OK" for 0, "SAL_E?" for an unknown one. */
const char *sal_error_name(int code);

#ifdef __cplusplus
}
#endif
#endif
