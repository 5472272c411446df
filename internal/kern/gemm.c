#include "kern.h"

// Block sizes: KC*(MR or NR) floats of a panel pass through the first-level cache, MC*KC lie in the second, NC*KC in the third.
enum { GEMM_KC = 384, GEMM_MC = 280, GEMM_NC = 2048, PACK_ROWS = 16 };

#if KERN_X86
#include <immintrin.h>
static void pack_rows_bf16(float *dst, long pw, const float *src, long ld, long n, long kc, long k);
static void pack_cols_bf16(float *dst, long pw, const float *src, long ld, long n, long kc, long k);
static void run_tile_bf16(long mr, long kc, const float *a, const float *b, const void *o, long ncol);
#endif

#define BODY "gemm_body.h"
#include "isa.h"

#if KERN_X86
#include "gemm_bf16.h"
#endif

long kern_gemm_work(void) { return (long)GEMM_NC * GEMM_KC + (long)GEMM_MC * GEMM_KC + 64; }

void kern_gemm(int isa, int mode, int ta, int tb, long m0, long m1, long n0, long n1, long k, const float *a, long lda,
	const float *b, long ldb, float *c, long ldc, int beta, const float *bias, const float *add, long ldadd, float *work)
{
	PICK(isa, gemm)(mode, ta, tb, m0, m1, n0, n1, k, a, lda, b, ldb, c, ldc, beta, bias, add, ldadd, work);
}
