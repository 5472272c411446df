// Elements as numbers: LANES of LANE type in a vector, read from SIZE bytes each by LN(up); LN(x) is the name x takes.
// LEAST is the least factor by which no element underflows. Included by sums_body.h.
typedef LANE LN(v) __attribute__((vector_size(VW * 4)));
typedef LANE_BITS LN(i) __attribute__((vector_size(VW * 4)));

// sums is where n numbers of the parent, and the terms they are the sums of, stand. All factors are relative to the first term's.
struct LN(at) {
	const unsigned char *in, *term[SUM_TERMS];
	LANE want, factor[SUM_TERMS];
	int terms;
};

INL LN(v) LN(mag)(LN(v) x) { return (LN(v))((LN(i))x & ~((LANE_BITS)1 << (8 * sizeof(LANE) - 1))); }

INL LN(v) LN(get)(const unsigned char *p, long n)
{
	if (n >= LANES) return LN(up)(p);
	unsigned char all[LANES * SIZE] = {0};
	memcpy(all, p, n * SIZE);
	return LN(up)(all);
}

INL int LN(all)(LN(i) x)
{
	LANE_BITS t[LANES], r = -1;
	memcpy(t, &x, sizeof x);
	for (int i = 0; i < LANES; i++) r &= t[i];
	return r != 0;
}

// near: all ones where the sum is within bound times what is added up, which goes to size, of the parent's number, and that is
// not too much.
INL LN(i) LN(near)(const struct LN(at) *s, int terms, long off, long n, LANE bound, LN(v) *diff, LN(v) *size)
{
	LN(v) x = LN(get)(s->term[0] + off * SIZE, n), z = LN(mag)(x);
	for (int j = 1; j < terms; j++) {
		LN(v) y = LN(get)(s->term[j] + off * SIZE, n) * s->factor[j];
		x += y;
		z += LN(mag)(y);
	}
	LN(v) w = LN(get)(s->in + off * SIZE, n) * s->want;
	LN(v) d = LN(mag)(x - w), held = z * bound;
	LN(i) ok = (LN(i))(d <= held) & (LN(i))(z <= (LANE)0x1p120) & (LN(i))(z <= LN(mag)(x) * (LANE)SUM_ONE_SIGN);
	if (sizeof(LANE) == 4) // small ones have lost bits
		ok &= (LN(i))(z >= (LANE)0x1p-90) | (LN(i))((z == 0) & (d == 0));
	*diff = d;
	*size = z;
	return ok;
}

// worse is near for numbers that are not within the worst ratio met so far; it notes the worst of them.
static int LN(worse)(const struct LN(at) *s, long off, long n, double unit, struct sum_met *met)
{
	for (; n > 0; n -= LANES, off += LANES) {
		LN(v) d, z;
		if (!LN(all)(LN(near)(s, s->terms, off, n, (LANE)unit, &d, &z))) return 0;
		for (int i = 0; i < LANES; i++)
			if ((double)d[i] > met->ratio * (double)z[i]) {
				met->ratio = (double)d[i] / (double)z[i];
				met->size = z[i];
			}
	}
	return 1;
}

INL int LN(nearly)(const struct LN(at) *s, int terms, long len, double unit, struct sum_met *met)
{
	LN(v) d, z;
	long off = 0;
	for (; off + 4 * LANES <= len; off += 4 * LANES) {
		LN(i) ok = LN(near)(s, terms, off, LANES, (LANE)met->ratio, &d, &z);
		for (int i = 1; i < 4; i++) ok &= LN(near)(s, terms, off + i * LANES, LANES, (LANE)met->ratio, &d, &z);
		if (!LN(all)(ok) && !LN(worse)(s, off, 4 * LANES, unit, met)) return 0;
	}
	for (; off < len; off += LANES)
		if (!LN(all)(LN(near)(s, terms, off, len - off, (LANE)met->ratio, &d, &z)) &&
			!LN(worse)(s, off, len - off < LANES ? len - off : LANES, unit, met))
			return 0;
	return 1;
}

// exactly: the sums are the parent's numbers, and no addition was rounded. All factors are powers of two.
INL int LN(exactly)(const struct LN(at) *s, int terms, long len)
{
	LN(i) ok = {};
	ok = ~ok;
	for (long off = 0; off < len; off += LANES) {
		LN(v) x = LN(get)(s->term[0] + off * SIZE, len - off), z = LN(mag)(x);
		for (int j = 1; j < terms; j++) {
			LN(v) y = LN(get)(s->term[j] + off * SIZE, len - off) * s->factor[j];
			LN(v) sum = x + y, v = sum - x;
			ok &= (LN(i))((x - (sum - v)) + (y - v) == 0);
			x = sum;
			z += LN(mag)(y);
		}
		// an infinity equals itself, but less itself is no number
		LN(v) w = LN(get)(s->in + off * SIZE, len - off) * s->want;
		ok &= (LN(i))(x == w) & (LN(i))(w - w == 0) & (LN(i))(z <= LN(mag)(x) * (LANE)SUM_ONE_SIGN);
	}
	return LN(all)(ok);
}

static int LN(sums)(const struct sum_block *b, const struct sum_row *r, const struct sum_span *s, const unsigned char *in, struct sum_met *met)
{
	const struct sum_term *rt = b->row_terms + r->first, *ct = b->col_terms + s->first;
	struct LN(at) at = {.in = in + (long)s->from * SIZE};
	if (s->terms == 0 || (long)r->terms * s->terms > SUM_TERMS) return 0;
	double one = rt->scale * ct->scale, want = r->scale * s->scale / one;
	int fits = fabs(want) >= LEAST && fabs(want) <= 1 / LEAST;
	at.want = (LANE)want;
	for (int i = 0; i < r->terms; i++)
		for (int k = 0; k < s->terms; k++) {
			double f = rt[i].scale * ct[k].scale / one;
			fits &= fabs(f) >= LEAST && fabs(f) <= 1 / LEAST;
			at.factor[at.terms] = (LANE)f;
			at.term[at.terms++] = b->child + rt[i].at * b->child_stride + ct[k].at * SIZE;
		}
	if (!fits) return 0;
	if (!r->near && !s->near) return at.terms == 1 ? LN(exactly)(&at, 1, s->len) : LN(exactly)(&at, at.terms, s->len);
	met->rounded = 1;
	if (at.terms == 1) return LN(nearly)(&at, 1, s->len, b->unit, met);
	if (at.terms == 2) return LN(nearly)(&at, 2, s->len, b->unit, met);
	return LN(nearly)(&at, at.terms, s->len, b->unit, met);
}
