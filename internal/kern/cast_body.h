// Conversions between float32 and the 16-bit types; to 16 bits nearest even, NaN stays a quiet NaN.
static void FN(bf16_to_f32)(float *d, const unsigned short *s, long n)
{
	for (long i = 0; i < n; i++) {
		unsigned b = (unsigned)s[i] << 16;
		memcpy(d + i, &b, 4);
	}
}

static void FN(f32_to_bf16)(unsigned short *d, const float *s, long n)
{
	for (long i = 0; i < n; i++) {
		unsigned b;
		memcpy(&b, s + i, 4);
		unsigned r = (b + 0x7fff + (b >> 16 & 1)) >> 16;
		d[i] = (b & 0x7fffffff) > 0x7f800000 ? b >> 16 | 0x40 : r;
	}
}

#if VW > 4
static void FN(f16_to_f32)(float *d, const unsigned short *s, long n)
{
	for (long i = 0; i < n; i += 8) {
		long w = n - i < 8 ? n - i : 8;
		unsigned short in[8] = {0};
		float outv[8];
		memcpy(in, s + i, w * sizeof *in);
		__m128i h;
		memcpy(&h, in, sizeof h);
		_mm256_storeu_ps(outv, _mm256_cvtph_ps(h));
		memcpy(d + i, outv, w * sizeof *outv);
	}
}

static void FN(f32_to_f16)(unsigned short *d, const float *s, long n)
{
	for (long i = 0; i < n; i += 8) {
		long w = n - i < 8 ? n - i : 8;
		float in[8] = {0};
		unsigned short outv[8];
		memcpy(in, s + i, w * sizeof *in);
		__m128i h = _mm256_cvtps_ph(_mm256_loadu_ps(in), _MM_FROUND_TO_NEAREST_INT);
		memcpy(outv, &h, sizeof h);
		for (long j = 0; j < w; j++)
			if ((outv[j] & 0x7fff) > 0x7c00) outv[j] = (outv[j] & 0x8000) | 0x7e00; // one NaN for every NaN, on every path
		memcpy(d + i, outv, w * sizeof *outv);
	}
}
#else
static float half_to_float(unsigned short h)
{
	unsigned sign = (unsigned)(h & 0x8000) << 16, e = h >> 10 & 31, m = h & 0x3ff, b;
	if (e == 0) {
		float f = m * (1.0f / (1 << 24));
		return sign ? -f : f;
	}
	b = sign | (e == 31 ? 0x7f800000 : (e + 112) << 23) | m << 13;
	if (e == 31 && m) b |= 0x400000;
	float f;
	memcpy(&f, &b, 4);
	return f;
}

static unsigned short float_to_half(float f)
{
	unsigned b;
	memcpy(&b, &f, 4);
	unsigned sign = b >> 16 & 0x8000, a = b & 0x7fffffff;
	if (a > 0x7f800000) return sign | 0x7e00;
	if (a >= 0x477ff000) return sign | 0x7c00; // 65520 and more round to infinity
	if (a >= 0x38800000) return sign | ((a - 0x38000000 + 0xfff + (a >> 13 & 1)) >> 13);
	float m, magic = 0.5f; // the lowest bit of 0.5's significand weighs 2^-24: adding rounds to the half's denormals
	memcpy(&m, &a, 4);
	m += magic;
	memcpy(&a, &m, 4);
	return sign | (a - 0x3f000000);
}

static void FN(f16_to_f32)(float *d, const unsigned short *s, long n)
{
	for (long i = 0; i < n; i++) d[i] = half_to_float(s[i]);
}
static void FN(f32_to_f16)(unsigned short *d, const float *s, long n)
{
	for (long i = 0; i < n; i++) d[i] = float_to_half(s[i]);
}
#endif
