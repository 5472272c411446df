// Element by element, and sums.
typedef double FN(vd) __attribute__((vector_size(VW * 4))); // half as many doubles
typedef float FN(vh) __attribute__((vector_size(VW * 2)));

static void FN(add)(float *d, const float *s, long n)
{
	long i = 0;
	for (; i + VW <= n; i += VW) FN(store)(d + i, FN(load)(d + i) + FN(load)(s + i));
	for (; i < n; i++) d[i] += s[i];
}

static void FN(scaled_add)(float *d, const float *s, long n, float f)
{
	long i = 0;
	for (; i + VW <= n; i += VW) FN(store)(d + i, FN(load)(d + i) + FN(load)(s + i) * f);
	for (; i < n; i++) d[i] += s[i] * f;
}

static void FN(scaled_copy)(float *d, const float *s, long n, float f)
{
	long i = 0;
	for (; i + VW <= n; i += VW) FN(store)(d + i, FN(load)(s + i) * f);
	for (; i < n; i++) d[i] = s[i] * f;
}

static void FN(column_sums)(float *d, const float *y, long rows, long n, long stride)
{
	long j = 0;
	for (; j + VW <= n; j += VW) {
		vf a = {};
		for (long r = 0; r < rows; r++) a += FN(load)(y + r * stride + j);
		FN(store)(d + j, FN(load)(d + j) + a);
	}
	for (; j < n; j++) {
		float a = 0;
		for (long r = 0; r < rows; r++) a += y[r * stride + j];
		d[j] += a;
	}
}

INL FN(vd) FN(widen)(const float *p)
{
	FN(vh) h;
	memcpy(&h, p, sizeof h);
	return __builtin_convertvector(h, FN(vd));
}
INL double FN(dsum)(FN(vd) v)
{
	double t[VW / 2], s = 0;
	memcpy(t, &v, sizeof t);
	for (int i = 0; i < VW / 2; i++) s += t[i];
	return s;
}

static double FN(sum)(const float *x, long n)
{
	FN(vd) a = {}, b = {};
	long i = 0;
	for (; i + VW <= n; i += VW) a += FN(widen)(x + i), b += FN(widen)(x + i + VW / 2);
	double s = FN(dsum)(a + b);
	for (; i < n; i++) s += x[i];
	return s;
}

static double FN(dot)(const float *x, const float *y, long n)
{
	FN(vd) a = {}, b = {};
	long i = 0;
	for (; i + VW <= n; i += VW) {
		a += FN(widen)(x + i) * FN(widen)(y + i);
		b += FN(widen)(x + i + VW / 2) * FN(widen)(y + i + VW / 2);
	}
	double s = FN(dsum)(a + b);
	for (; i < n; i++) s += (double)x[i] * y[i];
	return s;
}

static double FN(sum_squares)(const float *x, long n)
{
	FN(vd) a = {}, b = {};
	long i = 0;
	for (; i + VW <= n; i += VW) {
		FN(vd) u = FN(widen)(x + i), v = FN(widen)(x + i + VW / 2);
		a += u * u, b += v * v;
	}
	double s = FN(dsum)(a + b);
	for (; i < n; i++) s += (double)x[i] * x[i];
	return s;
}

static void FN(adamw)(float *restrict w, const float *restrict g, float *restrict m, float *restrict v, long n, float decay, float b1,
	float b2, float step, float root, float eps, float gscale)
{
	for (long i = 0; i < n; i++) {
		float x = g[i] * gscale;
		float mi = m[i] * b1 + x * (1 - b1), vi_ = v[i] * b2 + x * x * (1 - b2);
		m[i] = mi, v[i] = vi_;
		w[i] = w[i] * decay - step * mi / (sqrtf(vi_) * root + eps);
	}
}

static void FN(exp)(float *y, const float *x, long n)
{
	for (long i = 0; i < n; i += VW) {
		long w = n - i < VW ? n - i : VW;
		FN(storen)(y + i, FN(vexp)(FN(loadn)(x + i, w, 0)), w);
	}
}

static void FN(tanh)(float *y, const float *x, long n)
{
	for (long i = 0; i < n; i += VW) {
		long w = n - i < VW ? n - i : VW;
		FN(storen)(y + i, FN(vtanh)(FN(loadn)(x + i, w, 0)), w);
	}
}
