// The kernels' C interface. Every function takes the instruction set to use first; all sizes and strides are in
// elements. Pointers need no alignment.
#ifndef FAMKIT_KERN_H
#define FAMKIT_KERN_H

// The vector paths need gcc's way to choose instruction sets within a file; other compilers get the portable path.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(KERN_PORTABLE_ONLY)
#define KERN_X86 1
#else
#define KERN_X86 0
#endif

enum { ISA_PORTABLE = 1, ISA_AVX2 = 2, ISA_AVX512 = 3 };

// kern_best_isa asks the processor; kern_has_bf16 whether it multiplies bfloat16 pairs itself.
int kern_best_isa(void);
int kern_has_bf16(void);

// gemm.c. mode: 0 float32, 1 inputs rounded to bfloat16 and multiplied in float32, 2 bfloat16 pairs (AVX512_BF16).
// Computes the rectangle [m0,m1) x [n0,n1) of C = op(A) op(B) + beta*C + bias + add on the calling thread.
long kern_gemm_work(void);
void kern_gemm(int isa, int mode, int ta, int tb, long m0, long m1, long n0, long n1, long k, const float *a, long lda,
	const float *b, long ldb, float *c, long ldc, int beta, const float *bias, const float *add, long ldadd, float *work);

// attention.c
long kern_attn_work(long t, long hd);
void kern_attn(int isa, long past, long t, long hd, float scale, float cap, long window, const float *q, long sq,
	const float *k, long sk, const float *v, long sv, float *o, long so, float *lse, float *work);
void kern_attn_grad(int isa, long t, long hd, long group, float scale, float cap, long window, const float *q, long sq,
	const float *k, long sk, const float *v, long sv, const float *o, const float *dout, long so, const float *lse, float *dq,
	float *dk, float *dv, float *delta, float *work);

// norm.c
void kern_norm(int isa, long rows, long groups, long dim, const float *x, long sx, float *y, long sy, const float *gain,
	float *stat, float eps, float plus);
void kern_norm_grad(int isa, long rows, long groups, long dim, const float *x, long sx, const float *dy, long sy,
	const float *gain, const float *stat, float plus, float *dx, float *dgain, int accumulate);
void kern_rope(int isa, long row0, long rows, long t, long heads, long hd, long dim, float *x, long stride,
	const float *cosv, const float *sinv, int inverse);

// layernorm.c
void kern_layer_norm(int isa, long rows, long groups, long dim, const float *x, long sx, float *y, long sy, const float *gain,
	const float *bias, float *stat, float *mean, float eps, float plus);
void kern_layer_norm_grad(int isa, long rows, long groups, long dim, const float *x, long sx, const float *dy, long sy,
	const float *gain, const float *stat, const float *mean, float plus, float *dx, float *dgain, float *dbias, int accumulate);

// gate.c
void kern_gate(int isa, int act, long rows, long dim, const float *g, const float *u, long sg, float *h, long sh);
void kern_gate_grad(int isa, int act, long rows, long dim, const float *g, const float *u, float *dg, float *du, long sg,
	const float *dh, long sh);
void kern_act(int isa, int act, long rows, long dim, const float *g, long sg, float *h, long sh);
void kern_act_grad(int isa, int act, long rows, long dim, const float *g, float *dg, long sg, const float *dh, long sh);
void kern_softcap(int isa, float *x, long n, float cap);

// loss.c
void kern_cross_entropy(int isa, long rows, long vocab, float *z, const int *target, float *loss, int grad, float scale,
	float cap);

// elem.c
void kern_add(int isa, float *d, const float *s, long n);
void kern_scaled_add(int isa, float *d, const float *s, long n, float f);
void kern_scaled_copy(int isa, float *d, const float *s, long n, float f);
void kern_column_sums(int isa, float *d, const float *y, long rows, long n, long stride);
double kern_dot(int isa, const float *x, const float *y, long n);
double kern_sum(int isa, const float *x, long n);
double kern_sum_squares(int isa, const float *x, long n);
void kern_adamw(int isa, float *w, const float *g, float *m, float *v, long n, float decay, float b1, float b2, float step,
	float root, float eps, float gscale);
void kern_exp(int isa, float *y, const float *x, long n);
void kern_tanh(int isa, float *y, const float *x, long n);

// cast.c
void kern_bf16_to_f32(int isa, float *d, const unsigned short *s, long n);
void kern_f32_to_bf16(int isa, unsigned short *d, const float *s, long n);
void kern_f16_to_f32(int isa, float *d, const unsigned short *s, long n);
void kern_f32_to_f16(int isa, unsigned short *d, const float *s, long n);

#endif
