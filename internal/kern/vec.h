// Vectors of VW floats by the compiler's vector extension: the same text becomes AVX-512, AVX2 or whatever the
// machine has. Included by isa.h once per instruction set, so there is no include guard.
typedef float FN(vf) __attribute__((vector_size(VW * 4)));
typedef int FN(vi) __attribute__((vector_size(VW * 4)));
#define vf FN(vf)
#define vi FN(vi)
#define INL static inline __attribute__((always_inline, unused))

INL vf FN(load)(const float *p) { vf v; memcpy(&v, p, sizeof v); return v; }
INL void FN(store)(float *p, vf v) { memcpy(p, &v, sizeof v); }
INL vf FN(set1)(float x) { return x - (vf){}; }

// The first n < VW floats, the rest fill; and back.
INL vf FN(loadn)(const float *p, long n, float fill)
{
	float t[VW];
	for (long i = 0; i < VW; i++) t[i] = i < n ? p[i] : fill;
	return FN(load)(t);
}
INL void FN(storen)(float *p, vf v, long n)
{
	float t[VW];
	FN(store)(t, v);
	for (long i = 0; i < n; i++) p[i] = t[i];
}

// Where m is all ones x, where it is zero y.
INL vf FN(pick)(vi m, vf x, vf y) { return (vf)(((vi)x & m) | ((vi)y & ~m)); }
INL vf FN(abs)(vf x) { return (vf)((vi)x & 0x7fffffff); }
// y where x is NaN: callers that must keep NaN add it back.
INL vf FN(vmax)(vf x, vf y) { return FN(pick)(x > y, x, y); }

// Pairwise, so that the order is the same for every caller.
INL float FN(hsum)(vf v)
{
	float t[VW];
	FN(store)(t, v);
	for (int w = VW / 2; w; w /= 2)
		for (int i = 0; i < w; i++) t[i] += t[i + w];
	return t[0];
}
INL float FN(hmax)(vf v)
{
	float t[VW];
	FN(store)(t, v);
	for (int i = 1; i < VW; i++) t[0] = t[i] > t[0] ? t[i] : t[0];
	return t[0];
}

// exp by Cody-Waite reduction and a polynomial of degree 6 in [-ln2/2, ln2/2]: within 1 ulp of the true value for x in
// [-87, 88.7], 0 below, infinity above, NaN kept. 2^n is applied in two halves so that n = 128 does not overflow early.
INL vf FN(vexp)(vf x)
{
	vf lo = FN(set1)(-87.33654f), hi = FN(set1)(88.72284f);
	vf z = FN(pick)(x < lo, lo, x);
	z = FN(pick)(z > hi, hi, z);
	vf magic = FN(set1)(12582912.0f); // 1.5 * 2^23: adding it rounds to an integer that stands in the low bits
	vf t = z * 1.44269504088896341f + magic;
	vi n = (vi)t - (vi)magic;
	vf f = t - magic;
	vf r = z - f * 0.693359375f;
	r = r - f * -2.12194440e-4f;
	vf p = r * 1.9875691500e-4f + 1.3981999507e-3f;
	p = p * r + 8.3334519073e-3f;
	p = p * r + 4.1665795894e-2f;
	p = p * r + 1.6666665459e-1f;
	p = p * r + 5.0000001201e-1f;
	p = p * (r * r) + r + 1.0f;
	vi h = n >> 1;
	vf y = p * (vf)((h + 127) << 23) * (vf)((n - h + 127) << 23);
	y = FN(pick)(x < lo, (vf){}, y);
	y = FN(pick)(x > hi, FN(set1)(INFINITY), y);
	return FN(pick)(x == x, y, x);
}

// tanh: odd polynomial below 0.625, 1 - 2/(exp(2x)+1) above; within 1.5 ulp; NaN kept.
INL vf FN(vtanh)(vf x)
{
	vf a = FN(abs)(x), s = x * x;
	vf p = s * -5.70498872745e-3f + 2.06390887954e-2f;
	p = p * s + -5.37397155531e-2f;
	p = p * s + 1.33314422036e-1f;
	p = p * s + -3.33332819422e-1f;
	vf small = p * s * x + x;
	vf big = 1.0f - 2.0f / (FN(vexp)(a + a) + 1.0f);
	big = (vf)((vi)big | ((vi)x & (int)0x80000000));
	return FN(pick)(a < 0.625f, small, big);
}
