// What sums.c compares. The layouts are those of SumTerm, SumRow, SumSpan and SumMet in sums.go.
#ifndef FAMKIT_SUMS_H
#define FAMKIT_SUMS_H

enum { SUM_F32 = 0, SUM_BF16 = 1, SUM_F16 = 2 };
enum { SPAN_SUMS = 0, SPAN_ZEROS = 1, SPAN_FINITE = 2 };
enum { SUM_TERMS = 16 }; // a sum has at most so many, or is not accepted
#define SUM_ONE_SIGN 0x1.00001p0 // nor are terms whose magnitudes add up to more than so many times their sum's

struct sum_term { long long at; double scale; };
struct sum_row { int parent, first, terms, near; double scale; };
struct sum_span { int kind, from, len, first, terms, near, plain, pad; double scale; };
struct sum_met { double ratio, size; long long rounded; };

struct sum_block {
	int type;
	double unit;
	const unsigned char *parent, *child;
	long parent_stride, child_stride; // bytes
	const struct sum_row *rows;
	const struct sum_term *row_terms, *col_terms;
	const struct sum_span *spans;
	long nspans;
};

// kern_sums compares rows from..rows and gives the first that it does not accept, or rows.
long kern_sums(int isa, int type, double unit, const unsigned char *parent, long parent_stride, const unsigned char *child,
	long child_stride, const struct sum_row *rows, long from, long nrows, const struct sum_term *row_terms,
	const struct sum_span *spans, long nspans, const struct sum_term *col_terms, struct sum_met *met);

#endif
