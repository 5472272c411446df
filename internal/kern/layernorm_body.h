// LayerNorm over strided vectors: the mean first, then the squares of what is left, so that a large mean costs nothing.
INL float FN(sum_of)(const float *x, long n)
{
	vf s = {};
	long i = 0;
	for (; i + VW <= n; i += VW) s += FN(load)(x + i);
	if (i < n) s += FN(loadn)(x + i, n - i, 0);
	return FN(hsum)(s);
}

static void FN(layer_norm)(long rows, long groups, long dim, const float *x, long sx, float *y, long sy, const float *gain,
	const float *bias, float *stat, float *mean, float eps, float plus)
{
	for (long r = 0; r < rows; r++)
		for (long g = 0; g < groups; g++) {
			const float *xs = x + r * sx + g * dim;
			float *ys = y + r * sy + g * dim;
			float mu = FN(sum_of)(xs, dim) / dim;
			vf sq = {};
			long i = 0;
			for (; i + VW <= dim; i += VW) {
				vf v = FN(load)(xs + i) - mu;
				sq += v * v;
			}
			if (i < dim) {
				vf v = FN(loadn)(xs + i, dim - i, mu) - mu;
				sq += v * v;
			}
			float inv = 1 / sqrtf(FN(hsum)(sq) / dim + eps);
			if (stat) stat[r * groups + g] = inv, mean[r * groups + g] = mu;
			for (i = 0; i + VW <= dim; i += VW)
				FN(store)(ys + i, (FN(load)(xs + i) - mu) * inv * (FN(load)(gain + i) + plus) + FN(load)(bias + i));
			for (; i < dim; i++) ys[i] = (xs[i] - mu) * inv * (gain[i] + plus) + bias[i];
		}
}

// With h = (x-mean)*inv and w = dy*gain: dx = inv * (w - mean(w) - h*mean(w*h)), dgain += dy*h, dbias += dy.
static void FN(layer_norm_grad)(long rows, long groups, long dim, const float *x, long sx, const float *dy, long sy,
	const float *gain, const float *stat, const float *mean, float plus, float *dx, float *dgain, float *dbias, int accumulate)
{
	for (long r = 0; r < rows; r++)
		for (long g = 0; g < groups; g++) {
			const float *xs = x + r * sx + g * dim, *ds = dy + r * sy + g * dim;
			float inv = stat[r * groups + g], mu = mean[r * groups + g];
			vf sum = {}, dot = {};
			long i = 0;
			for (; i + VW <= dim; i += VW) {
				vf d = FN(load)(ds + i), h = (FN(load)(xs + i) - mu) * inv, w = d * (FN(load)(gain + i) + plus);
				sum += w;
				dot += w * h;
				if (!dgain) continue;
				FN(store)(dgain + i, FN(load)(dgain + i) + d * h);
				FN(store)(dbias + i, FN(load)(dbias + i) + d);
			}
			float s = 0, c = 0;
			for (; i < dim; i++) {
				float h = (xs[i] - mu) * inv, w = ds[i] * (gain[i] + plus);
				s += w;
				c += w * h;
				if (dgain) dgain[i] += ds[i] * h, dbias[i] += ds[i];
			}
			if (!dx) continue;
			s = (FN(hsum)(sum) + s) / dim, c = (FN(hsum)(dot) + c) / dim;
			float *out = dx + r * sx + g * dim;
			for (i = 0; i + VW <= dim; i += VW) {
				vf h = (FN(load)(xs + i) - mu) * inv;
				vf v = (FN(load)(ds + i) * (FN(load)(gain + i) + plus) - s - h * c) * inv;
				if (accumulate) v += FN(load)(out + i);
				FN(store)(out + i, v);
			}
			for (; i < dim; i++) {
				float v = (ds[i] * (gain[i] + plus) - s - (xs[i] - mu) * inv * c) * inv;
				out[i] = accumulate ? out[i] + v : v;
			}
		}
}
