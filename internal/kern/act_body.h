// Activations without a gate.
INL void FN(act_of)(const int act, long rows, long dim, const float *g, long sg, float *h, long sh)
{
	vf slope;
	for (long r = 0; r < rows; r++, g += sg, h += sh) {
		long i = 0;
		for (; i + VW <= dim; i += VW) FN(store)(h + i, FN(activate)(act, FN(load)(g + i), &slope));
		if (i < dim) FN(storen)(h + i, FN(activate)(act, FN(loadn)(g + i, dim - i, 0), &slope), dim - i);
	}
}

INL void FN(act_grad_of)(const int act, long rows, long dim, const float *g, float *dg, long sg, const float *dh, long sh)
{
	vf slope;
	for (long r = 0; r < rows; r++, g += sg, dg += sg, dh += sh) {
		long i = 0;
		for (; i + VW <= dim; i += VW) {
			FN(activate)(act, FN(load)(g + i), &slope);
			FN(store)(dg + i, FN(load)(dh + i) * slope);
		}
		if (i < dim) {
			FN(activate)(act, FN(loadn)(g + i, dim - i, 0), &slope);
			FN(storen)(dg + i, FN(loadn)(dh + i, dim - i, 0) * slope, dim - i);
		}
	}
}

static void FN(act_silu)(long rows, long dim, const float *g, long sg, float *h, long sh) { FN(act_of)(0, rows, dim, g, sg, h, sh); }
static void FN(act_gelu)(long rows, long dim, const float *g, long sg, float *h, long sh) { FN(act_of)(1, rows, dim, g, sg, h, sh); }
static void FN(act_erf)(long rows, long dim, const float *g, long sg, float *h, long sh) { FN(act_of)(2, rows, dim, g, sg, h, sh); }
static void FN(act_silu_grad)(long rows, long dim, const float *g, float *dg, long sg, const float *dh, long sh)
{
	FN(act_grad_of)(0, rows, dim, g, dg, sg, dh, sh);
}
static void FN(act_gelu_grad)(long rows, long dim, const float *g, float *dg, long sg, const float *dh, long sh)
{
	FN(act_grad_of)(1, rows, dim, g, dg, sg, dh, sh);
}
static void FN(act_erf_grad)(long rows, long dim, const float *g, float *dg, long sg, const float *dh, long sh)
{
	FN(act_grad_of)(2, rows, dim, g, dg, sg, dh, sh);
}
