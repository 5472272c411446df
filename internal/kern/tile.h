// The matrix tile: C[mr,ncol] = A[mr,K] B[K,nv*VW] (+ C, bias, add), with up to MR x 2 vectors of accumulators in registers. A is
// read by broadcasts at A[i*rs + k*cs], so it may be packed (rs 1), plain rows (cs 1) or plain columns (rs 1); B is read by rows.
// Spelt out by macros: the accumulators must be named variables to stay in registers.
#undef EACH_ROW
#undef PLAIN
#undef FETCH
#undef ADDED
#undef SPILL
#undef FINISH
#if MR == 14
#define EACH_ROW(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11) F(12) F(13)
#elif MR == 6
#define EACH_ROW(F) F(0) F(1) F(2) F(3) F(4) F(5)
#else
#define EACH_ROW(F) F(0) F(1) F(2) F(3)
#endif

// What happens to a finished tile: beta says whether C is added to; bias and add may be NULL.
typedef struct {
	float *c;
	long ldc;
	int beta;
	const float *bias, *add;
	long ldadd;
} FN(tile_out);
#define tile_out FN(tile_out)

// The general end of a tile, from its values laid out in rows of 2*VW.
static __attribute__((noinline)) void FN(finish)(const float *t, const tile_out *o, long mr, long ncol)
{
	for (long i = 0; i < mr; i++, t += 2 * VW) {
		float *c = o->c + i * o->ldc;
		const float *add = o->add ? o->add + i * o->ldadd : 0;
		for (long j = 0; j < ncol; j++) {
			float x = t[j];
			if (o->beta) x += c[j];
			if (o->bias) x += o->bias[j];
			if (add) x += add[j];
			c[j] = x;
		}
	}
}

#define DECLARE(i) vf x##i = {}, y##i = {};
#define STEP(i) if (i < mr) { vf a##i = FN(set1)(A[i * rs]); x##i += a##i * b0; if (nv > 1) y##i += a##i * b1; }
// The tile's place in C is fetched while the products run.
#define FETCH(i) if (i < mr) { \
	__builtin_prefetch(o->c + i * o->ldc, 1); \
	if (nv > 1) __builtin_prefetch(o->c + i * o->ldc + 2 * VW - 1, 1); }
#define PLAIN(i) if (i < mr) { \
	FN(store)(o->c + i * o->ldc, x##i); \
	if (nv > 1) FN(store)(o->c + i * o->ldc + VW, y##i); }
#define ADDED(i) if (i < mr) { \
	float *c = o->c + i * o->ldc; \
	FN(store)(c, x##i + FN(load)(c)); \
	if (nv > 1) FN(store)(c + VW, y##i + FN(load)(c + VW)); }
#define SPILL(i) if (i < mr) { FN(store)(t + i * 2 * VW, x##i); FN(store)(t + i * 2 * VW + VW, y##i); }
#define FINISH \
	if (ncol == nv * VW && !o->bias && !o->add) { \
		if (o->beta) { EACH_ROW(ADDED) } else { EACH_ROW(PLAIN) } \
	} else { \
		float t[MR * 2 * VW]; \
		EACH_ROW(SPILL) \
		FN(finish)(t, o, mr, ncol); \
	}

INL void FN(tile)(const int mr, const int nv, long K, const float *A, const long rs, const long cs, const float *B, long ldb,
	const tile_out *o, long ncol)
{
	EACH_ROW(DECLARE)
	EACH_ROW(FETCH)
	for (long k = 0; k < K; k++, A += cs, B += ldb) {
		vf b0 = FN(load)(B), b1 = nv > 1 ? FN(load)(B + VW) : b0;
		EACH_ROW(STEP)
	}
	FINISH
}

// One function per height, width and layout of A, so that the loop above is unrolled and branch-free in each.
typedef void (*FN(tile_fn))(long K, const float *A, long rs, long cs, const float *B, long ldb, const tile_out *o, long ncol);
#define TILE_FNS(m) \
	static __attribute__((noinline)) void FN(tile_p1_##m)(long K, const float *A, long rs, long cs, const float *B, long ldb, const tile_out *o, long ncol) \
	{ (void)rs; FN(tile)(m, 1, K, A, 1, cs, B, ldb, o, ncol); } \
	static __attribute__((noinline)) void FN(tile_p2_##m)(long K, const float *A, long rs, long cs, const float *B, long ldb, const tile_out *o, long ncol) \
	{ (void)rs; FN(tile)(m, 2, K, A, 1, cs, B, ldb, o, ncol); } \
	static __attribute__((noinline)) void FN(tile_r1_##m)(long K, const float *A, long rs, long cs, const float *B, long ldb, const tile_out *o, long ncol) \
	{ (void)cs; FN(tile)(m, 1, K, A, rs, 1, B, ldb, o, ncol); } \
	static __attribute__((noinline)) void FN(tile_r2_##m)(long K, const float *A, long rs, long cs, const float *B, long ldb, const tile_out *o, long ncol) \
	{ (void)cs; FN(tile)(m, 2, K, A, rs, 1, B, ldb, o, ncol); }
TILE_FNS(1) TILE_FNS(2) TILE_FNS(3) TILE_FNS(4)
#if MR >= 6
TILE_FNS(5) TILE_FNS(6)
#endif
#if MR >= 14
TILE_FNS(7) TILE_FNS(8) TILE_FNS(9) TILE_FNS(10) TILE_FNS(11) TILE_FNS(12) TILE_FNS(13) TILE_FNS(14)
#endif
#define TILE_ROW(m) { FN(tile_p1_##m), FN(tile_p2_##m), FN(tile_r1_##m), FN(tile_r2_##m) },
static const FN(tile_fn) FN(tiles)[MR][4] = {
	TILE_ROW(1) TILE_ROW(2) TILE_ROW(3) TILE_ROW(4)
#if MR >= 6
	TILE_ROW(5) TILE_ROW(6)
#endif
#if MR >= 14
	TILE_ROW(7) TILE_ROW(8) TILE_ROW(9) TILE_ROW(10) TILE_ROW(11) TILE_ROW(12) TILE_ROW(13) TILE_ROW(14)
#endif
};

INL void FN(run_tile)(long mr, long K, const float *A, long rs, long cs, const float *B, long ldb, const tile_out *o, long ncol)
{
	FN(tiles)[mr - 1][(rs == 1 ? 0 : 2) + (ncol > VW)](K, A, rs, cs, B, ldb, o, ncol);
}
#undef DECLARE
#undef STEP
#undef TILE_FNS
#undef TILE_ROW
