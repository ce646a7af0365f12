/** Half precision: IEEE 754 binary16 in memory. Internal to the library. */
#ifndef SALIENT_IO_HALF_H
#define SALIENT_IO_HALF_H

#include <stddef.h>
#include <stdint.h>

/** Nearest half, ties to even; beyond ±65504 it becomes ±65504, NaN stays NaN. */
void sal_half_from_floats(const float *values, size_t count, uint16_t *halves);
/** Exact. */
void sal_half_to_floats(const uint16_t *halves, size_t count, float *values);

#endif
