/* The probe networks over float. */
#include <math.h>
#include <string.h>

#include <cblas.h>

#include "probe/network.h"
#include "salient/memory.h"

typedef float real;
#define NAME(verb) probe_f32_##verb
#define GEMM cblas_sgemm
#define EXP expf
#define SQRT sqrtf
#include "probe/network_body.h"
