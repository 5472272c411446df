// RMSNorm over strided vectors, and rotary positions.
static void FN(norm)(long rows, long groups, long dim, const float *x, long sx, float *y, long sy, const float *gain,
	float *stat, float eps, float plus)
{
	for (long r = 0; r < rows; r++)
		for (long g = 0; g < groups; g++) {
			const float *xs = x + r * sx + g * dim;
			float *ys = y + r * sy + g * dim;
			vf sq = {};
			long i = 0;
			for (; i + VW <= dim; i += VW) {
				vf v = FN(load)(xs + i);
				sq += v * v;
			}
			if (i < dim) {
				vf v = FN(loadn)(xs + i, dim - i, 0);
				sq += v * v;
			}
			float inv = 1 / sqrtf(FN(hsum)(sq) / dim + eps);
			if (stat) stat[r * groups + g] = inv;
			for (i = 0; i + VW <= dim; i += VW) FN(store)(ys + i, FN(load)(xs + i) * inv * (FN(load)(gain + i) + plus));
			for (; i < dim; i++) ys[i] = xs[i] * inv * (gain[i] + plus);
		}
}

// With h = x*inv and c = mean(dy*gain*h): dx = inv * (dy*gain - h*c), dgain += dy*h.
static void FN(norm_grad)(long rows, long groups, long dim, const float *x, long sx, const float *dy, long sy,
	const float *gain, const float *stat, float plus, float *dx, float *dgain, int accumulate)
{
	for (long r = 0; r < rows; r++)
		for (long g = 0; g < groups; g++) {
			const float *xs = x + r * sx + g * dim, *ds = dy + r * sy + g * dim;
			float inv = stat[r * groups + g];
			vf sum = {};
			long i = 0;
			for (; i + VW <= dim; i += VW) {
				vf d = FN(load)(ds + i), h = FN(load)(xs + i) * inv;
				sum += d * (FN(load)(gain + i) + plus) * h;
				if (dgain) FN(store)(dgain + i, FN(load)(dgain + i) + d * h);
			}
			float rest = 0;
			for (; i < dim; i++) {
				float h = xs[i] * inv;
				rest += ds[i] * (gain[i] + plus) * h;
				if (dgain) dgain[i] += ds[i] * h;
			}
			if (!dx) continue;
			float c = (FN(hsum)(sum) + rest) / dim;
			float *out = dx + r * sx + g * dim;
			for (i = 0; i + VW <= dim; i += VW) {
				vf v = (FN(load)(ds + i) * (FN(load)(gain + i) + plus) - FN(load)(xs + i) * inv * c) * inv;
				if (accumulate) v += FN(load)(out + i);
				FN(store)(out + i, v);
			}
			for (; i < dim; i++) {
				float v = (ds[i] * (gain[i] + plus) - xs[i] * inv * c) * inv;
				out[i] = accumulate ? out[i] + v : v;
			}
		}
}

static void FN(rope)(long row0, long rows, long t, long heads, long hd, long dim, float *x, long stride, const float *cosv,
	const float *sinv, int inverse)
{
	long half = dim / 2;
	float sign = inverse ? -1 : 1;
	for (long r = row0; r < row0 + rows; r++) {
		const float *c = cosv + r % t * half, *s = sinv + r % t * half;
		for (long h = 0; h < heads; h++) {
			float *a = x + r * stride + h * hd, *b = a + half;
			long i = 0;
			for (; i + VW <= half; i += VW) {
				vf u = FN(load)(a + i), v = FN(load)(b + i), cc = FN(load)(c + i), ss = FN(load)(s + i) * sign;
				FN(store)(a + i, u * cc - v * ss);
				FN(store)(b + i, v * cc + u * ss);
			}
			for (; i < half; i++) {
				float u = a[i], v = b[i], ss = s[i] * sign;
				a[i] = u * c[i] - v * ss;
				b[i] = v * c[i] + u * ss;
			}
		}
	}
}
