#include "kern.h"

#define BODY "norm_body.h"
#include "isa.h"

void kern_norm(int isa, long rows, long groups, long dim, const float *x, long sx, float *y, long sy, const float *gain,
	float *stat, float eps, float plus)
{
	PICK(isa, norm)(rows, groups, dim, x, sx, y, sy, gain, stat, eps, plus);
}

void kern_norm_grad(int isa, long rows, long groups, long dim, const float *x, long sx, const float *dy, long sy,
	const float *gain, const float *stat, float plus, float *dx, float *dgain, int accumulate)
{
	PICK(isa, norm_grad)(rows, groups, dim, x, sx, dy, sy, gain, stat, plus, dx, dgain, accumulate);
}

void kern_rope(int isa, long row0, long rows, long t, long heads, long hd, long dim, float *x, long stride,
	const float *cosv, const float *sinv, int inverse)
{
	PICK(isa, rope)(row0, rows, t, heads, hd, dim, x, stride, cosv, sinv, inverse);
}
