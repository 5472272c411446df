package kern

import "fmt"

// SumType is the stored type of the numbers that are added up.
type SumType int32

// The types, little-endian. Only the Go twin knows SumF64.
const (
	SumF32 SumType = iota
	SumBF16
	SumF16
	SumF64
)

// Size is the bytes of a number.
func (t SumType) Size() int { return [...]int{4, 2, 2, 8}[t] }

// Unit is the unit roundoff: how far a rounded number may be from what it was, relative to it.
func (t SumType) Unit() float64 { return [...]float64{0x1p-24, 0x1p-8, 0x1p-11, 0x1p-53}[t] }

// SpanKind says what is asked of a stretch of columns.
type SpanKind int32

// Sums of terms that equal the parent's number, all bits zero, or anything finite.
const (
	SpanSums SpanKind = iota
	SpanZeros
	SpanFinite
)

// OneSign is how many times the magnitude of their sum the magnitudes of terms may add up to: those of one sign add
// up to it, but for the rounding of the additions. Sums of others are not accepted.
const OneSign = 1 + 0x1p-20

// SumTerm is a row or a column of the child that is added up, and the factor that it counts with.
type SumTerm struct {
	At    int64
	Scale float64
}

// SumRow is a row of the parent, and the rows of the child that it equals the sum of, Terms many from First on in the
// block's list. Scale is what the parent's numbers count with. Near allows each sum to be rounded.
type SumRow struct {
	Parent, First, Terms, near int32
	Scale                      float64
}

// SumSpan is Len columns of the parent from From on, and where the stretches of the child start that they equal the
// sum of.
type SumSpan struct {
	Kind                                 SpanKind
	From, Len, first, terms, near, plain int32
	_                                    int32
	Scale                                float64
}

// SumMet is what was met among the numbers that were compared as rounded ones: the largest distance relative to the
// magnitude of the terms, and that magnitude.
type SumMet struct {
	Ratio, Size float64
	rounded     int64
}

// Rounded reports whether anything was compared as rounded.
func (m *SumMet) Rounded() bool { return m.rounded != 0 }

// SumPlan is how the columns of a parent's and a child's matrix belong together.
type SumPlan struct {
	t             SumType
	parent, child int // columns
	spans         []SumSpan
	terms         []SumTerm
	values, wants []float64 // the Go twin's scratch
}

// NewSumPlan starts the plan of a parent's matrix and a child's, of so many columns.
func NewSumPlan(t SumType, parent, child int) *SumPlan {
	return &SumPlan{t: t, parent: parent, child: child}
}

// Sums asks that n columns of the parent from from on, times scale, equal the sums of the terms, each n columns of
// the child. near allows them to be rounded; without it all scales must be powers of two.
func (p *SumPlan) Sums(from, n int, scale float64, near bool, terms ...SumTerm) {
	if from < 0 || n < 0 || from+n > p.parent {
		panic(fmt.Sprintf("kern: columns %d to %d of %d", from, from+n, p.parent))
	}
	plain := scale == 1
	for _, t := range terms {
		p.inside(int(t.At), n)
		plain = plain && t.Scale == 1
	}
	p.spans = append(p.spans, SumSpan{Kind: SpanSums, From: int32(from), Len: int32(n), first: int32(len(p.terms)),
		terms: int32(len(terms)),
		near:  bit(near), plain: bit(plain), Scale: scale})
	p.terms = append(p.terms, terms...)
}

// Only asks for zeros, or anything finite, in n columns of the child from at on.
func (p *SumPlan) Only(kind SpanKind, at, n int) {
	p.inside(at, n)
	p.spans = append(p.spans, SumSpan{Kind: kind, Len: int32(n), first: int32(len(p.terms)), terms: 1})
	p.terms = append(p.terms, SumTerm{At: int64(at), Scale: 1})
}

func (p *SumPlan) inside(at, n int) {
	if at < 0 || n < 0 || at+n > p.child {
		panic(fmt.Sprintf("kern: columns %d to %d of %d", at, at+n, p.child))
	}
}

// SumBlock is rows of both matrices that are compared.
type SumBlock struct {
	Parent, Child []byte // whole rows
	Rows          []SumRow
	Terms         []SumTerm // rows of Child
	Met           SumMet
	checked       bool
}

// Reset empties the block for other rows.
func (b *SumBlock) Reset(parent, child []byte) {
	b.Parent, b.Child, b.Rows, b.Terms, b.checked = parent, child, b.Rows[:0], b.Terms[:0], false
}

// Add appends a row to the block: row parent of Parent, times scale, equals the sum of rows of Child.
func (b *SumBlock) Add(parent int, scale float64, near bool, rows ...SumTerm) {
	b.checked = false
	b.Rows = append(b.Rows, SumRow{Parent: int32(parent), First: int32(len(b.Terms)), Terms: int32(len(rows)),
		near: bit(near), Scale: scale})
	b.Terms = append(b.Terms, rows...)
}

// check panics where a row is not in the block.
func (p *SumPlan) check(b *SumBlock) {
	if b.checked {
		return
	}
	b.checked = true
	parents, children := len(b.Parent)/max(1, p.parent*p.t.Size()), len(b.Child)/max(1, p.child*p.t.Size())
	for _, r := range b.Rows {
		if r.Parent < 0 || int(r.Parent) >= parents || r.First < 0 || r.Terms < 0 || int(r.First+r.Terms) > len(b.Terms) {
			panic("kern: row outside its block")
		}
	}
	for _, t := range b.Terms {
		if t.At < 0 || int(t.At) >= children {
			panic("kern: row outside its block")
		}
	}
}

func bit(b bool) int32 {
	if b {
		return 1
	}
	return 0
}
