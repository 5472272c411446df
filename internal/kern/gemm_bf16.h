// Matrix tiles from pairs of bfloat16 (AVX512_BF16). A panel holds, for each pair of k, one 32-bit unit per row or column: the even k in
// the low half. vdpbf16ps multiplies both and adds in float32; it reads and writes denormals as zero.
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512cd,avx512bf16,avx2,fma,f16c,bmi2,prefer-vector-width=512")

#define FN(x) x##_avx512
#define VW 16
#define MR 14
#undef EACH_ROW
#define EACH_ROW(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11) F(12) F(13)
#define DECLARE(i) vf x##i = {}, y##i = {};
#define STEP(i) if (i < mr) { \
	__m512bh a##i = (__m512bh)_mm512_set1_epi32(A[i]); \
	x##i = (vf)_mm512_dpbf16_ps((__m512)x##i, a##i, b0); \
	if (nv > 1) y##i = (vf)_mm512_dpbf16_ps((__m512)y##i, a##i, b1); }

static inline __attribute__((always_inline)) void tile_bf16(const int mr, const int nv, long kc, const int *A, const float *B,
	const tile_out_avx512 *o, long ncol)
{
	EACH_ROW(DECLARE)
	EACH_ROW(FETCH)
	for (long k = 0; k < kc; k++, A += 14, B += 32) {
		__m512bh b0 = (__m512bh)_mm512_loadu_si512(B), b1 = nv > 1 ? (__m512bh)_mm512_loadu_si512(B + 16) : b0;
		EACH_ROW(STEP)
	}
	FINISH
}

#define CASE(m) case m: \
	if (ncol > 16) tile_bf16(m, 2, kc, (const int *)a, b, o, ncol); \
	else tile_bf16(m, 1, kc, (const int *)a, b, o, ncol); \
	break;

static void run_tile_bf16(long mr, long kc, const float *a, const float *b, const void *dst, long ncol)
{
	const tile_out_avx512 *o = dst;
	switch (mr) {
	CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14)
	}
}

#undef FN
#undef VW
#undef MR
#undef DECLARE
#undef STEP
#undef CASE

// k is the number of rows that the source has from here on, kc the pairs wanted: an odd last row is paired with zeros. A few pairs of
// rows at a time, so that both sides stay in the first-level cache.
static void pack_rows_bf16(float *dst, long pw, const float *src, long ld, long n, long kc, long k)
{
	unsigned short order[32];
	for (int i = 0; i < 16; i++) order[2 * i] = i, order[2 * i + 1] = 16 + i;
	__m512i idx = _mm512_loadu_si512(order);
	for (long q0 = 0; q0 < kc; q0 += PACK_ROWS) {
		long q1 = q0 + PACK_ROWS < kc ? q0 + PACK_ROWS : kc;
		for (long p = 0; p < n; p += pw)
			for (long h = 0; h < pw; h += 16) {
				long w = n - p - h, width = pw - h < 16 ? pw - h : 16;
				w = w < 0 ? 0 : w > width ? width : w;
				__mmask16 m = (1u << w) - 1, keep = (1u << width) - 1;
				const float *s = src + 2 * q0 * ld + p + h;
				float *d = dst + p * kc + q0 * pw + h;
				for (long q = q0; q < q1; q++, s += 2 * ld, d += pw) {
					__m512 lo = _mm512_maskz_loadu_ps(m, s);
					__m512 hi = _mm512_maskz_loadu_ps(2 * q + 1 < k ? m : 0, s + ld);
					__m512i v = _mm512_permutexvar_epi16(idx, (__m512i)_mm512_cvtne2ps_pbh(hi, lo));
					_mm512_mask_storeu_epi32(d, keep, v);
				}
			}
	}
}

static void pack_cols_bf16(float *dst, long pw, const float *src, long ld, long n, long kc, long k)
{
	for (long p = 0; p < n; p += pw) {
		float *panel = dst + p * kc;
		for (long h = 0; h < pw; h += 16) {
			long w = n - p - h, width = pw - h < 16 ? pw - h : 16;
			w = w < 0 ? 0 : w > width ? width : w;
			const float *s = src + (p + h) * ld;
			__mmask16 keep = width == 16 ? 0xffff : (1u << width) - 1;
			for (long q = 0; q < kc; q += 16) {
				long left = k - 2 * q, pairs = kc - q < 16 ? kc - q : 16;
				__mmask16 m0 = left >= 16 ? 0xffff : (1u << left) - 1;
				__mmask16 m1 = left >= 32 ? 0xffff : left > 16 ? (1u << (left - 16)) - 1 : 0;
				if (pairs < 16) { // the block may end before the source does
					m0 &= 2 * pairs >= 16 ? 0xffff : (1u << (2 * pairs)) - 1;
					m1 &= 2 * pairs <= 16 ? 0 : (1u << (2 * pairs - 16)) - 1;
				}
				__m512i r[16];
#pragma GCC unroll 16
				for (int i = 0; i < 16; i++) {
					if (i >= w) {
						r[i] = _mm512_setzero_si512();
						continue;
					}
					__m512 lo = _mm512_maskz_loadu_ps(m0, s + i * ld + 2 * q);
					__m512 hi = _mm512_maskz_loadu_ps(m1, s + i * ld + 2 * q + 16);
					r[i] = (__m512i)_mm512_cvtne2ps_pbh(hi, lo);
				}
				transpose16_avx512(r);
				float *d = panel + q * pw + h;
				if (pairs == 16) {
#pragma GCC unroll 16
					for (int i = 0; i < 16; i++) _mm512_mask_storeu_epi32(d + i * pw, keep, r[i]);
				} else {
					for (int i = 0; i < pairs; i++) _mm512_mask_storeu_epi32(d + i * pw, keep, r[i]);
				}
			}
		}
	}
}
#pragma GCC pop_options
