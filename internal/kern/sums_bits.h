// Elements as bits: BITS is the unsigned type, BN(x) the name x takes. Included by sums_body.h. exp has the bits of the
// exponent, which are all set where an element is not finite.
typedef BITS BN(v) __attribute__((vector_size(VW * 4)));

// load gives the first bytes of p, zeros behind the first n.
INL BN(v) BN(load)(const unsigned char *p, long n)
{
	BN(v) x = {};
	memcpy(&x, p, n < (long)sizeof x ? n : (long)sizeof x);
	return x;
}

INL int BN(any)(BN(v) x)
{
	long long t[VW / 2], r = 0;
	memcpy(t, &x, sizeof x);
	for (int i = 0; i < VW / 2; i++) r |= t[i];
	return r != 0;
}

INL BN(v) BN(unlike)(BITS exp, const unsigned char *w, const unsigned char *row, const struct sum_term *t, int terms, long n)
{
	BN(v) in = BN(load)(w, n), sum = BN(load)(row + t->at * (long)sizeof(BITS), n), bad = (BN(v))((in & exp) == exp);
	for (int j = 1; j < terms; j++) {
		BN(v) x = BN(load)(row + t[j].at * (long)sizeof(BITS), n);
		bad |= (BN(v))(x != 0) & (BN(v))(sum != 0);
		sum |= x;
	}
	return bad | (sum ^ in);
}

INL int BN(chosen_of)(BITS exp, const unsigned char *w, const unsigned char *row, const struct sum_term *t, int terms, long n)
{
	const long size = sizeof(BN(v));
	BN(v) bad = {};
	for (; n >= 4 * size; n -= 4 * size, w += 4 * size, row += 4 * size) {
		for (int i = 0; i < 4; i++) bad |= BN(unlike)(exp, w + i * size, row + i * size, t, terms, size);
		if (BN(any)(bad)) return 0;
	}
	for (; n > 0; n -= size, w += size, row += size) bad |= BN(unlike)(exp, w, row, t, terms, n);
	return !BN(any)(bad);
}

// chosen: each of the n elements of w is finite and stands whole in one of the terms of a row, all others being zero.
static int BN(chosen)(BITS exp, const unsigned char *w, const unsigned char *row, const struct sum_term *t, int terms, long n)
{
	n *= sizeof(BITS);
	if (terms == 1) return BN(chosen_of)(exp, w, row, t, 1, n);
	if (terms == 2) return BN(chosen_of)(exp, w, row, t, 2, n);
	return BN(chosen_of)(exp, w, row, t, terms, n);
}

// zeros: all bits of the n elements are zero.
static int BN(zeros)(const unsigned char *p, long n)
{
	BN(v) bad = {};
	for (n *= sizeof(BITS); n > 0; n -= sizeof bad, p += sizeof bad) bad |= BN(load)(p, n);
	return !BN(any)(bad);
}

// finite: all n elements are.
static int BN(finite)(BITS exp, const unsigned char *p, long n)
{
	BN(v) bad = {};
	for (n *= sizeof(BITS); n > 0; n -= sizeof bad, p += sizeof bad) bad |= (BN(v))((BN(load)(p, n) & exp) == exp);
	return !BN(any)(bad);
}
