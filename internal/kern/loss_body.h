// Cross-entropy of rows of logits. Sums of exponentials are float32 within blocks of LOSS_BLOCK and double across them.
INL vf FN(loss_cap)(vf z, float cap) { return cap > 0 ? FN(vtanh)(z / cap) * cap : z; }

static float FN(row_max)(const float *z, long n, float cap)
{
	vf a = FN(set1)(-INFINITY), b = a, c = a, d = a;
	long i = 0;
	for (; i + 4 * VW <= n; i += 4 * VW) {
		a = FN(vmax)(FN(load)(z + i), a);
		b = FN(vmax)(FN(load)(z + i + VW), b);
		c = FN(vmax)(FN(load)(z + i + 2 * VW), c);
		d = FN(vmax)(FN(load)(z + i + 3 * VW), d);
	}
	for (; i < n; i += VW) a = FN(vmax)(i + VW <= n ? FN(load)(z + i) : FN(loadn)(z + i, n - i, -INFINITY), a);
	vf m = FN(vmax)(FN(vmax)(a, b), FN(vmax)(c, d));
	return FN(hmax)(FN(loss_cap)(m, cap)); // the cap is monotonic
}

// Sum of exp(z - max); with keep the exponentials replace z.
INL double FN(row_sum)(float *z, long n, float max, float cap, const int keep)
{
	double total = 0;
	for (long i = 0; i < n;) {
		long end = i + LOSS_BLOCK < n ? i + LOSS_BLOCK : n;
		vf a = {}, b = {};
		for (; i + 2 * VW <= end; i += 2 * VW) {
			vf e = FN(vexp)(FN(loss_cap)(FN(load)(z + i), cap) - max), f = FN(vexp)(FN(loss_cap)(FN(load)(z + i + VW), cap) - max);
			a += e, b += f;
			if (keep) FN(store)(z + i, e), FN(store)(z + i + VW, f);
		}
		while (i < end) {
			long w = end - i < VW ? end - i : VW;
			vf e = FN(vexp)(FN(loss_cap)(FN(loadn)(z + i, w, -INFINITY), cap) - max);
			float t[VW];
			FN(store)(t, e);
			for (long j = 0; j < w; j++) {
				total += t[j];
				if (keep) z[i + j] = t[j];
			}
			i += w;
		}
		total += FN(hsum)(a + b);
	}
	return total;
}

static void FN(cross_entropy)(long rows, long vocab, float *z, const int *target, float *loss, int grad, float scale, float cap)
{
	for (long r = 0; r < rows; r++, z += vocab) {
		if (target[r] < 0) {
			loss[r] = 0;
			if (grad) memset(z, 0, vocab * sizeof *z);
			continue;
		}
		float max = FN(row_max)(z, vocab, cap), at = z[target[r]];
		if (cap > 0) at = cap * tanhf(at / cap);
		double sum = grad && cap <= 0 ? FN(row_sum)(z, vocab, max, 0, 1) : FN(row_sum)(z, vocab, max, cap, 0);
		loss[r] = (float)(log(sum) + ((double)max - at));
		if (!grad) continue;
		float f = (float)(scale / sum);
		if (cap <= 0) {
			long i = 0;
			for (; i + VW <= vocab; i += VW) FN(store)(z + i, FN(load)(z + i) * f);
			for (; i < vocab; i++) z[i] *= f;
			z[target[r]] -= scale;
			continue;
		}
		float slope = scale * (1 - at / cap * (at / cap));
		for (long i = 0; i < vocab; i += VW) {
			long w = vocab - i < VW ? vocab - i : VW;
			vf c = FN(loss_cap)(w == VW ? FN(load)(z + i) : FN(loadn)(z + i, w, 0), cap);
			vf g = FN(vexp)(c - max) * f * (1.0f - (c / cap) * (c / cap));
			if (w == VW) FN(store)(z + i, g);
			else FN(storen)(z + i, g, w);
		}
		z[target[r]] -= slope;
	}
}
