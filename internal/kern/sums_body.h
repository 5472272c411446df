// Comparing rows of a grown matrix with the rows they come from; see sums.go. A row is accepted or not: whoever called looks
// at those that are not, number by number.

// Elements as bits.
#define BITS unsigned
#define BN(x) FN(x##_32)
#include "sums_bits.h"
#undef BITS
#undef BN
#define BITS unsigned short
#define BN(x) FN(x##_16)
#include "sums_bits.h"
#undef BITS
#undef BN

// Float32 is added up in float64, which rounds far below it; bfloat16 in float32.
#define LANE double
#define LANE_BITS long long
#define LANES (VW / 2)
#define SIZE 4
#define LEAST 0x1p-200
#define LN(x) FN(x##_f32)
INL LANE FN(double_of)(float x) { return x; }
typedef float FN(f32x) __attribute__((vector_size(VW * 2)));
typedef double FN(f64x) __attribute__((vector_size(VW * 4)));
INL FN(f64x) LN(up)(const unsigned char *p)
{
	FN(f32x) v;
	memcpy(&v, p, sizeof v);
	return __builtin_convertvector(v, FN(f64x));
}
#include "sums_lane.h"
#undef SIZE
#undef LN
// A half that is not finite is refused before it comes here.
#define SIZE 2
#define LN(x) FN(x##_f16)
typedef unsigned short FN(u16x) __attribute__((vector_size(VW)));
typedef unsigned FN(u32x) __attribute__((vector_size(VW * 2)));
INL FN(f64x) LN(up)(const unsigned char *p)
{
	FN(u16x) h;
	memcpy(&h, p, sizeof h);
	FN(u32x) b = __builtin_convertvector(h, FN(u32x));
	b = (b & 0x8000) << 16 | (b & 0x7fff) << 13; // its exponent is 112 less than a float32's
	return __builtin_convertvector((FN(f32x))b, FN(f64x)) * 0x1p112;
}
#include "sums_lane.h"
#undef LANE
#undef LANE_BITS
#undef LANES
#undef LEAST
#undef LN
#define LANE float
#define LANE_BITS int
#define LANES VW
#define LEAST 0x1p-8f
#define LN(x) FN(x##_bf16)
typedef unsigned short FN(u16w) __attribute__((vector_size(VW * 2)));
typedef unsigned FN(u32w) __attribute__((vector_size(VW * 4)));
INL vf LN(up)(const unsigned char *p)
{
	FN(u16w) h;
	memcpy(&h, p, sizeof h);
	return (vf)(__builtin_convertvector(h, FN(u32w)) << 16);
}
#include "sums_lane.h"
#undef LANE
#undef LANE_BITS
#undef LANES
#undef SIZE
#undef LEAST
#undef LN

// exponent has the bits that are all set in elements that are not finite.
INL unsigned FN(exponent)(int type) { return type == SUM_F32 ? 0x7f800000 : type == SUM_BF16 ? 0x7f80 : 0x7c00; }

static int FN(span_bits)(const struct sum_block *b, const struct sum_span *s, const unsigned char *in, const unsigned char *row)
{
	const struct sum_term *t = b->col_terms + s->first;
	if (b->type == SUM_F32) return FN(chosen_32)(FN(exponent)(b->type), in + 4L * s->from, row, t, s->terms, s->len);
	return FN(chosen_16)(FN(exponent)(b->type), in + 2L * s->from, row, t, s->terms, s->len);
}

static int FN(plainly)(int type, const unsigned char *p, long n, int zeros)
{
	if (type == SUM_F32) return zeros ? FN(zeros_32)(p, n) : FN(finite_32)(FN(exponent)(type), p, n);
	return zeros ? FN(zeros_16)(p, n) : FN(finite_16)(FN(exponent)(type), p, n);
}

static int FN(halves_finite)(const struct sum_block *b, const struct sum_row *r, const struct sum_span *s, const unsigned char *in)
{
	if (!FN(plainly)(SUM_F16, in + 2L * s->from, s->len, 0)) return 0;
	for (int i = 0; i < r->terms; i++)
		for (int k = 0; k < s->terms; k++)
			if (!FN(plainly)(SUM_F16, b->child + b->row_terms[r->first + i].at * b->child_stride + 2 * b->col_terms[s->first + k].at, s->len, 0))
				return 0;
	return 1;
}

static int FN(span_sums)(const struct sum_block *b, const struct sum_row *r, const struct sum_span *s, const unsigned char *in,
	struct sum_met *met)
{
	if (b->type == SUM_BF16) return FN(sums_bf16)(b, r, s, in, met);
	if (b->type == SUM_F16) return FN(halves_finite)(b, r, s, in) && FN(sums_f16)(b, r, s, in, met);
	return FN(sums_f32)(b, r, s, in, met);
}

static int FN(sum_row)(const struct sum_block *b, const struct sum_row *r, struct sum_met *met)
{
	const struct sum_term *first = b->row_terms + r->first;
	const unsigned char *in = b->parent + r->parent * b->parent_stride;
	int plain = r->terms == 1 && r->scale == 1 && first->scale == 1;
	for (const struct sum_span *s = b->spans; s < b->spans + b->nspans; s++) {
		if (s->kind == SPAN_SUMS) {
			if (plain && s->plain && FN(span_bits)(b, s, in, b->child + first->at * b->child_stride)) continue;
			if (!FN(span_sums)(b, r, s, in, met)) return 0;
			continue;
		}
		long at = b->col_terms[s->first].at * (b->type == SUM_F32 ? 4 : 2);
		for (int i = 0; i < r->terms; i++)
			if (!FN(plainly)(b->type, b->child + first[i].at * b->child_stride + at, s->len, s->kind == SPAN_ZEROS)) return 0;
	}
	return 1;
}

static long FN(sums)(const struct sum_block *b, long from, long rows, struct sum_met *met)
{
	while (from < rows && b->rows[from].terms > 0 && FN(sum_row)(b, b->rows + from, met)) from++;
	return from;
}
