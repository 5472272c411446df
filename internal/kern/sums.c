#include "kern.h"
#include "sums.h"

#define BODY "sums_body.h"
#include "isa.h"

long kern_sums(int isa, int type, double unit, const unsigned char *parent, long parent_stride, const unsigned char *child,
	long child_stride, const struct sum_row *rows, long from, long nrows, const struct sum_term *row_terms,
	const struct sum_span *spans, long nspans, const struct sum_term *col_terms, struct sum_met *met)
{
	const struct sum_block b = {type, unit, parent, child, parent_stride, child_stride, rows, row_terms, col_terms, spans, nspans};
	return PICK(isa, sums)(&b, from, nrows, met);
}
