/** Attention in plain double precision, as a textbook writes it, to hold the fast kernels against. */
#ifndef SALIENT_ATTENTION_REFERENCE_H
#define SALIENT_ATTENTION_REFERENCE_H

#include "llm/cpu/attention.h"

/** Half to double, every kind of number. */
double reference_of_half(uint16_t half);
/** The nearest half; for finite |x| < 65504. */
uint16_t reference_to_half(double x);

/** out [streams, queries, heads, value_width]; weights NULL or [heads, queries, keys] of stream 0. Masked cells are never read. */
void reference_attention(const sal_attention *attention, double *out, double *weights);

#endif
