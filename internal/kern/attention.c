#include "kern.h"

enum { ATTN_BU = 256, ATTN_BQ = 56, ATTN_VW = 16 }; // keys to a tile; the largest tile of queries and vector below

#define BODY "attention_body.h"
#include "isa.h"

long kern_attn_work(long t, long hd)
{
	long tp = t + ATTN_VW, hdp = hd + ATTN_VW;
	return 2 * hdp * tp + 3 * t * hdp + 2 * ATTN_BQ * ATTN_BU + 3 * ATTN_BQ * hdp + 64;
}

void kern_attn(int isa, long past, long t, long hd, float scale, float cap, long window, const float *q, long sq, const float *k,
	long sk, const float *v, long sv, float *o, long so, float *lse, float *work)
{
	PICK(isa, attn)(past, t, hd, scale, cap, window, q, sq, k, sk, v, sv, o, so, lse, work);
}

void kern_attn_grad(int isa, long t, long hd, long group, float scale, float cap, long window, const float *q, long sq,
	const float *k, long sk, const float *v, long sv, const float *o, const float *dout, long so, const float *lse, float *dq,
	float *dk, float *dv, float *delta, float *work)
{
	PICK(isa, attn_grad)(t, hd, group, scale, cap, window, q, sq, k, sk, v, sv, o, dout, so, lse, dq, dk, dv, delta, work);
}
