// Gated activations. act: 0 SiLU, 1 GELU by tanh, 2 GELU by erf.

// erfc(|g|/sqrt 2) from e = exp(-g^2/2): a polynomial of degree 10 in t = 1/(1 + |g|/sqrt 8), fitted to within 1.3e-8
// of erfc(z) exp(z^2) / t on the whole half line.
INL vf FN(verfc)(vf g, vf e)
{
	vf t = 1.0f / (1.0f + FN(abs)(g) * 0.35355339059327376f);
	vf p = t * 4.319543324e-02f + -2.347335927e-01f;
	p = p * t + 4.936949316e-01f;
	p = p * t + -4.549739880e-01f;
	p = p * t + 1.321770443e-01f;
	p = p * t + -5.921135776e-02f;
	p = p * t + 9.346243437e-02f;
	p = p * t + 1.753159758e-01f;
	p = p * t + 2.468845747e-01f;
	p = p * t + 2.820937538e-01f;
	p = p * t + 2.820947952e-01f;
	return p * t * e;
}

// The activation and its slope.
INL vf FN(activate)(const int act, vf g, vf *slope)
{
	if (act == 0) {
		vf s = 1.0f / (1.0f + FN(vexp)(-g));
		*slope = s * (1.0f + g * (1.0f - s));
		return g * s;
	}
	if (act == 2) {
		vf e = FN(vexp)(g * g * -0.5f), tail = 0.5f * FN(verfc)(g, e);
		vf cdf = FN(pick)(g > 0.0f, 1.0f - tail, tail);
		*slope = cdf + g * 0.39894228040143268f * e;
		return g * cdf;
	}
	const float c = 0.79788456080286536f, k = 0.044715f;
	vf t = FN(vtanh)(c * (g + k * g * g * g));
	*slope = 0.5f * (1.0f + t) + 0.5f * g * (1.0f - t * t) * c * (1.0f + 3 * k * g * g);
	return 0.5f * g * (1.0f + t);
}

INL void FN(gate_act)(const int act, long rows, long dim, const float *g, const float *u, long sg, float *h, long sh)
{
	vf slope;
	for (long r = 0; r < rows; r++, g += sg, u += sg, h += sh) {
		long i = 0;
		for (; i + VW <= dim; i += VW) FN(store)(h + i, FN(activate)(act, FN(load)(g + i), &slope) * FN(load)(u + i));
		if (i < dim) FN(storen)(h + i, FN(activate)(act, FN(loadn)(g + i, dim - i, 0), &slope) * FN(loadn)(u + i, dim - i, 0), dim - i);
	}
}

INL void FN(gate_grad_at)(const int act, vf g, vf u, vf d, vf *dg, vf *du)
{
	vf slope, y = FN(activate)(act, g, &slope);
	*dg = d * u * slope;
	*du = d * y;
}

INL void FN(gate_grad_act)(const int act, long rows, long dim, const float *g, const float *u, float *dg, float *du, long sg,
	const float *dh, long sh)
{
	for (long r = 0; r < rows; r++, g += sg, u += sg, dg += sg, du += sg, dh += sh) {
		long i = 0;
		vf a, b;
		for (; i + VW <= dim; i += VW) {
			FN(gate_grad_at)(act, FN(load)(g + i), FN(load)(u + i), FN(load)(dh + i), &a, &b);
			FN(store)(dg + i, a);
			FN(store)(du + i, b);
		}
		if (i < dim) {
			long n = dim - i;
			FN(gate_grad_at)(act, FN(loadn)(g + i, n, 0), FN(loadn)(u + i, n, 0), FN(loadn)(dh + i, n, 0), &a, &b);
			FN(storen)(dg + i, a, n);
			FN(storen)(du + i, b, n);
		}
	}
}

static void FN(gate_silu)(long rows, long dim, const float *g, const float *u, long sg, float *h, long sh)
{
	FN(gate_act)(0, rows, dim, g, u, sg, h, sh);
}
static void FN(gate_gelu)(long rows, long dim, const float *g, const float *u, long sg, float *h, long sh)
{
	FN(gate_act)(1, rows, dim, g, u, sg, h, sh);
}
static void FN(gate_erf)(long rows, long dim, const float *g, const float *u, long sg, float *h, long sh)
{
	FN(gate_act)(2, rows, dim, g, u, sg, h, sh);
}
static void FN(gate_erf_grad)(long rows, long dim, const float *g, const float *u, float *dg, float *du, long sg, const float *dh,
	long sh)
{
	FN(gate_grad_act)(2, rows, dim, g, u, dg, du, sg, dh, sh);
}
static void FN(gate_silu_grad)(long rows, long dim, const float *g, const float *u, float *dg, float *du, long sg, const float *dh,
	long sh)
{
	FN(gate_grad_act)(0, rows, dim, g, u, dg, du, sg, dh, sh);
}
static void FN(gate_gelu_grad)(long rows, long dim, const float *g, const float *u, float *dg, float *du, long sg, const float *dh,
	long sh)
{
	FN(gate_grad_act)(1, rows, dim, g, u, dg, du, sg, dh, sh);
}

static void FN(softcap)(float *x, long n, float cap)
{
	long i = 0;
	for (; i + VW <= n; i += VW) FN(store)(x + i, FN(vtanh)(FN(load)(x + i) / cap) * cap);
	if (i < n) FN(storen)(x + i, FN(vtanh)(FN(loadn)(x + i, n - i, 0) / cap) * cap, n - i);
}

#include "act_body.h"
