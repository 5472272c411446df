#include "kern.h"

#define BODY "layernorm_body.h"
#include "isa.h"

void kern_layer_norm(int isa, long rows, long groups, long dim, const float *x, long sx, float *y, long sy, const float *gain,
	const float *bias, float *stat, float *mean, float eps, float plus)
{
	PICK(isa, layer_norm)(rows, groups, dim, x, sx, y, sy, gain, bias, stat, mean, eps, plus);
}

void kern_layer_norm_grad(int isa, long rows, long groups, long dim, const float *x, long sx, const float *dy, long sy,
	const float *gain, const float *stat, const float *mean, float plus, float *dx, float *dgain, float *dbias, int accumulate)
{
	PICK(isa, layer_norm_grad)(rows, groups, dim, x, sx, dy, sy, gain, stat, mean, plus, dx, dgain, dbias, accumulate);
}
