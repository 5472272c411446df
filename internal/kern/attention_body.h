// Causal attention of one head (forward) or of one key-value head with its group of query heads (backward), in tiles of BQ queries by
// ATTN_BU keys. Keys and values are laid out anew per head, padded to whole vectors, so that every product is a plain tile product.
#include "tile.h"

#define UP(n) (((n) + VW - 1) / VW * VW)

// C[m,n] (+)= A[m,k] B[k,n], n a multiple of VW.
static void FN(mm)(long m, long n, long k, const float *a, long rs, long cs, const float *b, long ldb, float *c, long ldc, int beta)
{
	for (long j = 0; j < n; j += 2 * VW)
		for (long i = 0; i < m; i += MR) {
			tile_out o = {c + i * ldc + j, ldc, beta, 0, 0, 0};
			FN(run_tile)(m - i < MR ? m - i : MR, k, a + i * rs, rs, cs, b + j, ldb, &o, n - j < 2 * VW ? n - j : 2 * VW);
		}
}

// dst[d][u] = src[u][d], tp to a row, zero from t on.
static void FN(turn)(float *dst, long tp, const float *src, long stride, long t, long hd)
{
	for (long u0 = 0; u0 < tp; u0 += 16)
		for (long d = 0; d < hd; d++)
			for (long u = u0; u < u0 + 16 && u < tp; u++) dst[d * tp + u] = u < t ? src[u * stride + d] : 0;
}

// dst[u][0:hdp] = src[u][0:hd], zero beyond.
static void FN(pad)(float *dst, long hdp, const float *src, long stride, long t, long hd)
{
	for (long u = 0; u < t; u++) {
		memcpy(dst + u * hdp, src + u * stride, hd * sizeof *dst);
		for (long d = hd; d < hdp; d++) dst[u * hdp + d] = 0;
	}
}

// The first and one past the last key that query q sees, within [u0, u0+nu), relative to u0.
INL void FN(seen)(long q, long window, long u0, long nu, long *lo, long *hi)
{
	long first = window > 0 && q - window + 1 > u0 ? q - window + 1 - u0 : 0;
	long last = q + 1 - u0 < nu ? q + 1 - u0 : nu;
	*lo = first < nu ? first : nu;
	*hi = last > *lo ? last : *lo;
}

// Zero outside [lo, hi), up to n.
INL void FN(clear_outside)(float *s, long lo, long hi, long n)
{
	for (long u = 0; u < lo; u++) s[u] = 0;
	for (long u = hi; u < n; u++) s[u] = 0;
}

INL vf FN(capped)(vf s, float scale, float cap)
{
	s = s * scale;
	return cap > 0 ? FN(vtanh)(s / cap) * cap : s;
}

// One row of scores becomes exp(score - max); max and sum are carried from tile to tile, and the outcome so far is rescaled
// when the max moves.
INL void FN(soften)(float *s, long lo, long hi, float scale, float cap, float *max, float *sum, float *o, long hdp)
{
	long v0 = lo / VW * VW, v1 = UP(hi);
	for (long u = v0; u < lo; u++) s[u] = 0;
	for (long u = hi; u < v1; u++) s[u] = 0;
	vf m = FN(set1)(-INFINITY);
	for (long u = v0; u < v1; u += VW) FN(store)(s + u, FN(capped)(FN(load)(s + u), scale, cap));
	for (long u = v0; u < lo; u++) s[u] = -INFINITY;
	for (long u = hi; u < v1; u++) s[u] = -INFINITY;
	for (long u = v0; u < v1; u += VW) m = FN(vmax)(FN(load)(s + u), m);
	float top = FN(hmax)(m);
	if (!(top > *max)) top = *max;
	vf z = {};
	float ref = top == -INFINITY ? 0 : top; // every score -inf: weights 0, not NaN
	for (long u = v0; u < v1; u += VW) {
		vf e = FN(vexp)(FN(load)(s + u) - ref);
		z += e;
		FN(store)(s + u, e);
	}
	if (top != *max) {
		float f = *max == -INFINITY ? 0 : expf(*max - top);
		*sum *= f;
		for (long d = 0; d < hdp; d += VW) FN(store)(o + d, FN(load)(o + d) * f);
		*max = top;
	}
	*sum += FN(hsum)(z);
}

// Query i is row past+i of the sequence, which has past+t keys.
static void FN(attn)(long past, long t, long hd, float scale, float cap, long window, const float *q, long sq, const float *k, long sk,
	const float *v, long sv, float *o, long so, float *lse, float *work)
{
	long keys = past + t, tp = UP(keys), hdp = UP(hd);
	float *kt = work, *vp = kt + hd * tp, *s = vp + keys * hdp, *acc = s + BQ * ATTN_BU;
	FN(turn)(kt, tp, k, sk, keys, hd);
	FN(pad)(vp, hdp, v, sv, keys, hd);
	for (long q0 = 0; q0 < t; q0 += BQ) {
		long rows = t - q0 < BQ ? t - q0 : BQ, p0 = past + q0, end = p0 + rows;
		long start = window > 0 && p0 - window + 1 > 0 ? (p0 - window + 1) / VW * VW : 0;
		float max[BQ], sum[BQ];
		for (long i = 0; i < rows; i++) max[i] = -INFINITY, sum[i] = 0;
		memset(acc, 0, rows * hdp * sizeof *acc);
		for (long u0 = start; u0 < end; u0 += ATTN_BU) {
			long nu = end - u0 < ATTN_BU ? end - u0 : ATTN_BU;
			FN(mm)(rows, UP(nu), hd, q + q0 * sq, sq, 1, kt + u0, tp, s, ATTN_BU, 0);
			for (long i = 0; i < rows; i++) {
				long lo, hi;
				FN(seen)(p0 + i, window, u0, nu, &lo, &hi);
				if (lo < hi) FN(soften)(s + i * ATTN_BU, lo, hi, scale, cap, max + i, sum + i, acc + i * hdp, hdp);
				FN(clear_outside)(s + i * ATTN_BU, lo, hi, nu);
			}
			FN(mm)(rows, hdp, nu, s, ATTN_BU, 1, vp + u0 * hdp, hdp, acc, hdp, 1);
		}
		for (long i = 0; i < rows; i++) {
			float inv = 1 / sum[i], *row = o + (q0 + i) * so;
			for (long d = 0; d < hd; d++) row[d] = acc[i * hdp + d] * inv;
			if (lse) lse[q0 + i] = max[i] + logf(sum[i]);
		}
	}
}

// Scores become weights p and the gradient dp becomes that of the raw score, ds = p (dp - delta) scale (and the cap's slope).
INL void FN(unsoften)(float *s, float *dp, long lo, long hi, float scale, float cap, float lse, float delta)
{
	long v1 = UP(hi);
	for (long u = lo / VW * VW; u < v1; u += VW) {
		vf z = FN(capped)(FN(load)(s + u), scale, cap);
		vf p = FN(vexp)(z - lse);
		vf d = p * (FN(load)(dp + u) - delta) * scale;
		if (cap > 0) d *= 1.0f - (z / cap) * (z / cap);
		FN(store)(s + u, p);
		FN(store)(dp + u, d);
	}
}

static void FN(attn_grad)(long t, long hd, long group, float scale, float cap, long window, const float *q, long sq, const float *k,
	long sk, const float *v, long sv, const float *o, const float *dout, long so, const float *lse, float *dq, float *dk, float *dv,
	float *delta, float *work)
{
	long tp = UP(t), hdp = UP(hd);
	float *kt = work, *vt = kt + hd * tp, *kp = vt + hd * tp, *dkp = kp + t * hdp, *dvp = dkp + t * hdp;
	float *s = dvp + t * hdp, *dp = s + BQ * ATTN_BU, *qp = dp + BQ * ATTN_BU, *dop = qp + BQ * hdp, *dqp = dop + BQ * hdp;
	FN(turn)(kt, tp, k, sk, t, hd);
	FN(turn)(vt, tp, v, sv, t, hd);
	FN(pad)(kp, hdp, k, sk, t, hd);
	memset(dkp, 0, 2 * t * hdp * sizeof *dkp);
	for (long h = 0; h < group; h++, q += hd, dq += hd, o += hd, dout += hd, lse += t, delta += t)
		for (long q0 = 0; q0 < t; q0 += BQ) {
			long rows = t - q0 < BQ ? t - q0 : BQ, end = q0 + rows;
			long start = window > 0 && q0 - window + 1 > 0 ? (q0 - window + 1) / VW * VW : 0;
			FN(pad)(qp, hdp, q + q0 * sq, sq, rows, hd);
			FN(pad)(dop, hdp, dout + q0 * so, so, rows, hd);
			for (long i = 0; i < rows; i++) {
				float sum = 0;
				for (long d = 0; d < hd; d++) sum += dop[i * hdp + d] * o[(q0 + i) * so + d];
				delta[q0 + i] = sum;
			}
			memset(dqp, 0, rows * hdp * sizeof *dqp);
			for (long u0 = start; u0 < end; u0 += ATTN_BU) {
				long nu = end - u0 < ATTN_BU ? end - u0 : ATTN_BU;
				FN(mm)(rows, UP(nu), hd, qp, hdp, 1, kt + u0, tp, s, ATTN_BU, 0);
				FN(mm)(rows, UP(nu), hd, dop, hdp, 1, vt + u0, tp, dp, ATTN_BU, 0);
				for (long i = 0; i < rows; i++) {
					long lo, hi;
					FN(seen)(q0 + i, window, u0, nu, &lo, &hi);
					if (lo < hi) FN(unsoften)(s + i * ATTN_BU, dp + i * ATTN_BU, lo, hi, scale, cap, lse[q0 + i], delta[q0 + i]);
					FN(clear_outside)(s + i * ATTN_BU, lo, hi, nu);
					FN(clear_outside)(dp + i * ATTN_BU, lo, hi, nu);
				}
				FN(mm)(rows, hdp, nu, dp, ATTN_BU, 1, kp + u0 * hdp, hdp, dqp, hdp, 1);
				FN(mm)(nu, hdp, rows, dp, 1, ATTN_BU, qp, hdp, dkp + u0 * hdp, hdp, 1);
				FN(mm)(nu, hdp, rows, s, 1, ATTN_BU, dop, hdp, dvp + u0 * hdp, hdp, 1);
			}
			for (long i = 0; i < rows; i++) memcpy(dq + (q0 + i) * sq, dqp + i * hdp, hd * sizeof *dq);
		}
	for (long u = 0; u < t; u++) {
		memcpy(dk + u * sk, dkp + u * hdp, hd * sizeof *dk);
		memcpy(dv + u * sv, dvp + u * hdp, hd * sizeof *dv);
	}
}
#undef UP
