// Compiles the file named by BODY once for each instruction set, with VW floats to a vector, MR rows to a matrix tile, and
// FN(x) the name x takes in it. PICK then chooses at run time. Included last in a kernel's .c file.
#include <math.h>
#include <string.h>

#if KERN_X86
#include <immintrin.h>

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512cd,avx2,fma,f16c,bmi2,prefer-vector-width=512")
#define FN(x) x##_avx512
#define VW 16
#define MR 14
#define BQ 56
#include "vec.h"
#include BODY
#undef FN
#undef VW
#undef MR
#undef BQ
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,bmi2")
#define FN(x) x##_avx2
#define VW 8
#define MR 6
#define BQ 48
#include "vec.h"
#include BODY
#undef FN
#undef VW
#undef MR
#undef BQ
#pragma GCC pop_options
#endif

#define FN(x) x##_portable
#define VW 4
#define MR 4
#define BQ 48
#include "vec.h"
#include BODY
#undef FN
#undef VW
#undef MR
#undef BQ

#if KERN_X86
#define PICK(isa, f) ((isa) == ISA_AVX512 ? f##_avx512 : (isa) == ISA_AVX2 ? f##_avx2 : f##_portable)
#else
#define PICK(isa, f) ((void)(isa), f##_portable)
#endif
