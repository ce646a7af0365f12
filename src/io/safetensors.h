/** What the writer and the reader of safetensors share. */
#ifndef SALIENT_IO_SAFETENSORS_H
#define SALIENT_IO_SAFETENSORS_H

#include "salient/safetensors.h"

/* Arrays are written and read as they lie in memory. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors are little-endian; this processor is not"
#endif

enum {
    SAL_SAFETENSORS_LENGTH = 8,        /* bytes of the header's length */
    SAL_SAFETENSORS_HEADER = 16 << 20, /* longest header */
    SAL_SAFETENSORS_NESTING = 3        /* {"name": {"shape": [..]}} */
};

#define SAL_SAFETENSORS_METADATA "__metadata__"

/** Bytes of a tensor's data. errs SAL_ELIMIT */
int sal_tensor_bytes(const sal_tensor *tensor, size_t *bytes, sal_error *err) SAL_MUST_CHECK;

#endif
