/* The probe networks over double. */
#include <math.h>
#include <string.h>

#include <cblas.h>

#include "probe/network.h"
#include "salient/memory.h"

typedef double real;
#define NAME(verb) probe_f64_##verb
#define GEMM cblas_dgemm
#define EXP exp
#define SQRT sqrt
#include "probe/network_body.h"
