// One thread's rectangle of a matrix product: blocks of B and, unless A can be read where it lies, of A are packed into panels,
// and tiles computed from them. Blocks are sized for a 1 MiB second-level and a shared third-level cache.
#include "tile.h"

#define NR (2 * VW)

#if VW != 16
// Panels of pw from a source whose panel dimension is contiguous: dst[k][i] = src[k*ld + i].
static void FN(pack_rows)(float *dst, long pw, const float *src, long ld, long n, long kc)
{
	for (long p = 0; p < n; p += pw, dst += pw * kc) {
		long w = n - p < pw ? n - p : pw;
		for (long k = 0; k < kc; k++) {
			const float *s = src + k * ld + p;
			float *d = dst + k * pw;
			if (w == pw) {
				memcpy(d, s, pw * sizeof *d);
				continue;
			}
			for (long i = 0; i < pw; i++) d[i] = i < w ? s[i] : 0;
		}
	}
}

// Panels of pw from a source that is contiguous in k: dst[k][i] = src[i*ld + k].
static void FN(pack_cols)(float *dst, long pw, const float *src, long ld, long n, long kc)
{
	for (long p = 0; p < n; p += pw, dst += pw * kc) {
		long w = n - p < pw ? n - p : pw;
		for (long k0 = 0; k0 < kc; k0 += 16) {
			long k1 = k0 + 16 < kc ? k0 + 16 : kc;
			for (long i = 0; i < pw; i++) {
				const float *s = src + (p + i) * ld;
				if (i < w)
					for (long k = k0; k < k1; k++) dst[k * pw + i] = s[k];
				else
					for (long k = k0; k < k1; k++) dst[k * pw + i] = 0;
			}
		}
	}
}
#else
// A few rows at a time, so that both sides stay in the first-level cache.
static void FN(pack_rows)(float *dst, long pw, const float *src, long ld, long n, long kc)
{
	for (long k0 = 0; k0 < kc; k0 += PACK_ROWS) {
		long k1 = k0 + PACK_ROWS < kc ? k0 + PACK_ROWS : kc;
		for (long p = 0; p < n; p += pw) {
			long w = n - p < pw ? n - p : pw;
			__mmask16 m0 = w >= 16 ? 0xffff : (1u << w) - 1, m1 = w >= 32 ? 0xffff : w > 16 ? (1u << (w - 16)) - 1 : 0;
			float *d = dst + p * kc + k0 * pw;
			const float *s = src + k0 * ld + p;
			if (pw == NR) {
				for (long k = k0; k < k1; k++, d += NR, s += ld) {
					_mm512_storeu_ps(d, _mm512_maskz_loadu_ps(m0, s));
					_mm512_storeu_ps(d + 16, _mm512_maskz_loadu_ps(m1, s + 16));
				}
				continue;
			}
			for (long k = k0; k < k1; k++, d += MR, s += ld) _mm512_mask_storeu_ps(d, (1 << MR) - 1, _mm512_maskz_loadu_ps(m0, s));
		}
	}
}

INL void FN(transpose16)(__m512i r[16])
{
	__m512i t[16];
	for (int i = 0; i < 16; i += 2) {
		t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
		t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
	}
	for (int i = 0; i < 16; i += 4) {
		r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
		r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
		r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
		r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
	}
	for (int i = 0; i < 4; i++) {
		t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
		t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
		t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
		t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
	}
	for (int i = 0; i < 4; i++) {
		r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
		r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
		r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
		r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
	}
}

static void FN(pack_cols)(float *dst, long pw, const float *src, long ld, long n, long kc)
{
	for (long p = 0; p < n; p += pw) {
		float *panel = dst + p * kc;
		for (long h = 0; h < pw; h += 16) {
			long w = n - p - h < 0 ? 0 : n - p - h < pw - h ? n - p - h : pw - h;
			w = w > 16 ? 16 : w;
			const float *s = src + (p + h) * ld;
			for (long k = 0; k < kc; k += 16) {
				long kk = kc - k < 16 ? kc - k : 16;
				__mmask16 m = kk == 16 ? 0xffff : (1u << kk) - 1;
				__m512i r[16];
#pragma GCC unroll 16
				for (int i = 0; i < 16; i++)
					r[i] = i < w ? _mm512_maskz_loadu_epi32(m, s + i * ld + k) : _mm512_setzero_si512();
				FN(transpose16)(r);
				float *d = panel + k * pw + h;
				if (kk == 16) {
#pragma GCC unroll 16
					for (int i = 0; i < 16; i++) _mm512_storeu_si512(d + i * pw, r[i]);
				} else {
					for (int i = 0; i < kk; i++) _mm512_storeu_si512(d + i * pw, r[i]);
				}
			}
		}
	}
}
#endif

// Rounds to bfloat16, nearest even, leaving float32: what the processor's own bfloat16 product reads.
static void FN(round_bf16)(float *x, long n)
{
	for (long i = 0; i < n; i++) {
		unsigned b, r;
		memcpy(&b, x + i, 4);
		r = (b + 0x7fff + (b >> 16 & 1)) & 0xffff0000u;
		r = (b & 0x7fffffff) > 0x7f800000 ? (b | 0x400000) & 0xffff0000u : r;
		memcpy(x + i, &r, 4);
	}
}

static long FN(even)(long n, long block, long multiple)
{
	long parts = (n + block - 1) / block;
	if (parts <= 1) return n > 0 ? n : 1;
	long size = (n + parts - 1) / parts;
	return (size + multiple - 1) / multiple * multiple;
}

static void FN(pack)(int mode, int rows, float *dst, long pw, const float *src, long ld, long n, long k0, long kc, long k)
{
#if VW == 16
	if (mode == 2) {
		src += rows ? 2 * k0 * ld : 2 * k0;
		(rows ? pack_rows_bf16 : pack_cols_bf16)(dst, pw, src, ld, n, kc, k - 2 * k0);
		return;
	}
#endif
	(void)k;
	src += rows ? k0 * ld : k0;
	(rows ? FN(pack_rows) : FN(pack_cols))(dst, pw, src, ld, n, kc);
	if (mode == 1) FN(round_bf16)(dst, (n + pw - 1) / pw * pw * kc);
}

static void FN(gemm)(int mode, int ta, int tb, long m0, long m1, long n0, long n1, long k, const float *a, long lda,
	const float *b, long ldb, float *c, long ldc, int beta, const float *bias, const float *add, long ldadd, float *work)
{
	long unit = mode == 2 ? 2 : 1, ku = (k + unit - 1) / unit;
	long nc = FN(even)(n1 - n0, GEMM_NC, NR), kc = FN(even)(ku, GEMM_KC, 8), mc = FN(even)(m1 - m0, GEMM_MC / MR * MR, MR);
	// Rows whose distance is a multiple of half the first-level cache's way would evict one another.
	int direct = mode == 0 && !ta && lda % 512 != 0;
	float *bp = work, *ap = work + GEMM_NC * GEMM_KC;
	for (long n = n0; n < n1; n += nc) {
		long nn = n1 - n < nc ? n1 - n : nc;
		long kk = 0;
		do {
			long kn = ku - kk < kc ? ku - kk : kc;
			int first = kk == 0, last = kk + kn >= ku;
			FN(pack)(mode, !tb, bp, NR, tb ? b + n * ldb : b + n, ldb, nn, kk, kn, k);
			for (long m = m0; m < m1; m += mc) {
				long mm = m1 - m < mc ? m1 - m : mc;
				const float *ab = a + m * lda + kk;
				long rs = lda, cs = 1, panel = MR * lda;
				if (!direct) {
					FN(pack)(mode, ta, ap, MR, ta ? a + m : a + m * lda, lda, mm, kk, kn, k);
					ab = ap, rs = 1, cs = MR, panel = MR * kn;
				}
				for (long j = 0; j < nn; j += NR) {
					long ncol = nn - j < NR ? nn - j : NR;
					for (long i = 0; i < mm; i += MR) {
						tile_out o = {c + (m + i) * ldc + n + j, ldc, first ? beta : 1, 0, 0, ldadd};
						if (last && bias) o.bias = bias + n + j;
						if (last && add) o.add = add + (m + i) * ldadd + n + j;
						long mr = mm - i < MR ? mm - i : MR;
						const float *at = ab + i / MR * panel;
#if VW == 16
						if (mode == 2) {
							run_tile_bf16(mr, kn, at, bp + j * kn, &o, ncol);
							continue;
						}
#endif
						FN(run_tile)(mr, kn, at, rs, cs, bp + j * kn, NR, &o, ncol);
					}
				}
			}
			kk += kn;
		} while (kk < ku);
	}
}
#undef NR
