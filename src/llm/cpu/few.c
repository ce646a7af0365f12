#include "few.h"

#include <stddef.h>

const sal_few_kernel *sal_few_kernel_of(sal_cpu_features features) {
#if defined(__x86_64__)
    if (features == SAL_CPU_AVX512)
        return __builtin_cpu_supports("avx512bf16") ? &sal_few_avx512_bf16 : &sal_few_avx512;
    if (features == SAL_CPU_AVX2)
        return &sal_few_avx2;
#endif
    (void)features;
    return NULL;
}
