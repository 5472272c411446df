#pragma GCC optimize("no-math-errno") // a square root is then one instruction
#include "kern.h"

#define BODY "elem_body.h"
#include "isa.h"

int kern_best_isa(void)
{
#if KERN_X86
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
		__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd"))
		return ISA_AVX512;
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
		return ISA_AVX2;
#endif
	return ISA_PORTABLE;
}

int kern_has_bf16(void)
{
#if KERN_X86
	return kern_best_isa() == ISA_AVX512 && __builtin_cpu_supports("avx512bf16");
#else
	return 0;
#endif
}

void kern_add(int isa, float *d, const float *s, long n) { PICK(isa, add)(d, s, n); }
void kern_scaled_add(int isa, float *d, const float *s, long n, float f) { PICK(isa, scaled_add)(d, s, n, f); }
void kern_scaled_copy(int isa, float *d, const float *s, long n, float f) { PICK(isa, scaled_copy)(d, s, n, f); }
void kern_column_sums(int isa, float *d, const float *y, long rows, long n, long stride)
{
	PICK(isa, column_sums)(d, y, rows, n, stride);
}
double kern_dot(int isa, const float *x, const float *y, long n) { return PICK(isa, dot)(x, y, n); }
double kern_sum(int isa, const float *x, long n) { return PICK(isa, sum)(x, n); }
double kern_sum_squares(int isa, const float *x, long n) { return PICK(isa, sum_squares)(x, n); }
void kern_adamw(int isa, float *w, const float *g, float *m, float *v, long n, float decay, float b1, float b2, float step,
	float root, float eps, float gscale)
{
	PICK(isa, adamw)(w, g, m, v, n, decay, b1, b2, step, root, eps, gscale);
}
void kern_exp(int isa, float *y, const float *x, long n) { PICK(isa, exp)(y, x, n); }
void kern_tanh(int isa, float *y, const float *x, long n) { PICK(isa, tanh)(y, x, n); }
