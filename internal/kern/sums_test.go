package kern

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// encode writes numbers of a type; they need not be representable.
func (t SumType) encode(v []float64) []byte {
	le, out := binary.LittleEndian, []byte(nil)
	for _, x := range v {
		switch t {
		case SumF32:
			out = le.AppendUint32(out, math.Float32bits(float32(x)))
		case SumBF16:
			out = le.AppendUint16(out, bf16FromF32(float32(x)))
		case SumF16:
			out = le.AppendUint16(out, f16FromF32(float32(x)))
		case SumF64:
			out = le.AppendUint64(out, math.Float64bits(x))
		}
	}
	return out
}

// grownRow is one row of n numbers, and the child's row of terms of n columns each whose sum, each times its factor,
// it is.
type grownRow struct {
	t     SumType
	plan  *SumPlan
	in    []float64
	child []float64
	near  bool
}

func (g *grownRow) holds(k Kernels) bool {
	var b SumBlock
	b.Reset(g.t.encode(g.in), g.t.encode(g.child))
	b.Add(0, 1, g.near, SumTerm{0, 1})
	return k.SumsHold(g.plan, &b, 0) == 1
}

// randomGrown splits each number among the terms by choice of one, or in two halves.
func randomGrown(r *rand.Rand, t SumType, n, terms int, near bool) *grownRow {
	g := &grownRow{t: t, plan: NewSumPlan(t, n, n*terms), near: near}
	in := make([]float64, n)
	for i := range in {
		in[i] = r.NormFloat64()
	}
	g.in = t.decode(nil, t.encode(in))
	factor, k := make([]SumTerm, terms), make([]float64, terms)
	for j := range factor {
		k[j] = []float64{1, 0.5, 2}[r.IntN(3)]
		if near {
			k[j] = 0.3 + r.Float64()
		}
		factor[j] = SumTerm{int64(j * n), k[j]}
	}
	g.child = make([]float64, n*terms)
	for i, w := range g.in {
		j := r.IntN(terms)
		if !near && terms > 1 && r.IntN(2) == 0 {
			j2 := (j + 1) % terms
			g.child[j*n+i], g.child[j2*n+i] = w/2/k[j], w/2/k[j2]
			continue
		}
		g.child[j*n+i] = w / k[j]
	}
	g.plan.Sums(0, n, 1, near, factor...)
	return g
}

func onAllPaths(t *testing.T, f func(t *testing.T, k Kernels)) {
	t.Run(string(Go), func(t *testing.T) { f(t, twins{}) })
	onPaths(t, f)
}

var sumTypes = []SumType{SumF32, SumBF16, SumF16, SumF64}

// TestSumsHold: what was split is accepted; one number moved by little more than a rounding, or by the least step where
// nothing is rounded, and whatever is not finite, are not.
func TestSumsHold(t *testing.T) {
	onAllPaths(t, func(t *testing.T, k Kernels) {
		r := rand.New(rand.NewPCG(1, 2))
		for _, typ := range sumTypes {
			for trial := range 300 {
				near, terms, n := trial%2 == 1, 1+r.IntN(4), 1+r.IntN(150)
				g := randomGrown(r, typ, n, terms, near)
				what := fmt.Sprintf("type %d, %d numbers of %d terms, near %v", typ, n, terms, near)
				if !g.holds(k) && (typ != SumF64 || !near) { // a sum in float64 has an error of its own
					t.Fatalf("%s: a sound row is refused", what)
				}
				i := r.IntN(n * terms)
				for was := g.child[i]; was == 0; was = g.child[i] {
					i = r.IntN(n * terms)
				}
				for _, damage := range []float64{1 + 4*typ.Unit(), 1 - 4*typ.Unit(), 2, -1, 0, math.NaN(), math.Inf(1)} {
					was := g.child[i]
					if g.child[i] *= damage; g.holds(k) {
						t.Fatalf("%s: number %d, %v times too large, is accepted", what, i, damage)
					}
					g.child[i] = was
				}
				for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
					w := i % n
					wasIn, was := g.in[w], g.child[i]
					g.in[w], g.child[i] = bad, bad
					if g.holds(k) {
						t.Fatalf("%s: %v in both is accepted", what, bad)
					}
					g.in[w], g.child[i] = wasIn, was
				}
			}
		}
	})
}

// TestSumsOfSmallNumbers: where products or sums lose bits to underflow, nothing wrong is accepted.
func TestSumsOfSmallNumbers(t *testing.T) {
	onAllPaths(t, func(t *testing.T, k Kernels) {
		for typ, least := range map[SumType]float64{SumF32: 0x1p-149, SumBF16: 0x1p-133, SumF16: 0x1p-24, SumF64: 0x1p-1074} {
			for _, scale := range []float64{1, 0x1p-7, 0x1p-30, 0x1p-99, 0x1p-250, 0x1p-500, 0x1p90, 1.1e-2, 1.1e-8, 1.1e-70,
				1.1e-300} {
				for _, near := range []bool{false, true} {
					if m, _ := math.Frexp(scale); m != 0.5 && !near {
						continue
					}
					for _, where := range []int{0, 1} { // scales what is wanted, or what is added up
						p := NewSumPlan(typ, 3, 3)
						if where == 0 {
							p.Sums(0, 3, scale, near, SumTerm{0, 1})
						} else {
							p.Sums(0, 3, 1, near, SumTerm{0, scale})
						}
						for _, pair := range [][2]float64{{1, 0}, {0, 1}, {1, 3}, {3, 1}} {
							g := grownRow{t: typ, plan: p, near: near, in: []float64{0, pair[0] * least, 0},
								child: []float64{0, pair[1] * least, 0}}
							if g.holds(k) {
								t.Errorf("type %d: %v as %v, scale %v (at %d), near %v, is accepted", typ, g.in[1], g.child[1], scale, where,
									near)
							}
						}
					}
				}
			}
		}
	})
}

// TestSumsRoundedAway: a term that disappears in float64 or float32 beside another is not overlooked.
func TestSumsRoundedAway(t *testing.T) {
	onAllPaths(t, func(t *testing.T, k Kernels) {
		for typ, small := range map[SumType]float64{SumF32: 0x1p-100, SumBF16: 0x1p-100, SumF64: 0x1p-100, SumF16: 0x1p-24} {
			p := NewSumPlan(typ, 1, 2)
			p.Sums(0, 1, 1, false, SumTerm{0, 1}, SumTerm{1, 1})
			g := grownRow{t: typ, plan: p, in: []float64{1}, child: []float64{1, small}}
			if g.holds(k) {
				t.Errorf("type %d: 1 as 1 + %v is accepted", typ, small)
			}
		}
	})
}

// TestOnlyZerosOrFinite: columns without a source.
func TestOnlyZerosOrFinite(t *testing.T) {
	onAllPaths(t, func(t *testing.T, k Kernels) {
		for _, typ := range sumTypes {
			for _, n := range []int{1, 7, 64, 129} {
				for kind, bad := range map[SpanKind][]float64{SpanZeros: {1, -1, math.NaN()},
					SpanFinite: {math.NaN(), math.Inf(1), math.Inf(-1)}} {
					p := NewSumPlan(typ, 1, n+2)
					p.Sums(0, 1, 1, false, SumTerm{0, 1})
					p.Only(kind, 1, n)
					g := grownRow{t: typ, plan: p, in: []float64{2}, child: make([]float64, n+2)}
					g.child[0], g.child[n+1] = 2, math.Inf(1) // what nothing is asked of
					if kind == SpanFinite {
						g.child[n] = 5
					}
					if !g.holds(k) {
						t.Errorf("type %d, %d columns: sound ones are refused", typ, n)
					}
					for _, x := range bad {
						if g.child[n] = x; g.holds(k) {
							t.Errorf("type %d, %d columns, kind %d: %v is accepted", typ, n, kind, x)
						}
					}
				}
			}
		}
	})
}

// TestSumsOfRows: rows that are summed, in any order; the first that is wrong is found, and what follows it can be
// looked at.
func TestSumsOfRows(t *testing.T) {
	onAllPaths(t, func(t *testing.T, k Kernels) {
		for _, typ := range sumTypes {
			p := NewSumPlan(typ, 20, 20)
			p.Sums(0, 20, 1, false, SumTerm{0, 1})
			in, child := make([]float64, 60), make([]float64, 120)
			for i := range in {
				in[i] = float64(i%20 + 1)
				child[i], child[60+i] = in[i]/2, in[i]
			}
			child[65] = 0 // row 3
			var b SumBlock
			b.Reset(typ.encode(in), typ.encode(child))
			for row := range 3 {
				b.Add(row, 1, false, SumTerm{int64(row), 1}, SumTerm{int64(row + 3), 0.5})
			}
			if got := k.SumsHold(p, &b, 0); got != 0 {
				t.Errorf("type %d: row %d is the first to be refused, wanted 0", typ, got)
			}
			if got := k.SumsHold(p, &b, 1); got != 3 {
				t.Errorf("type %d: row %d is the next to be refused, wanted none of 3", typ, got)
			}
			if b.Add(0, 1, false); k.SumsHold(p, &b, 1) != 3 {
				t.Errorf("type %d: a row without terms is accepted", typ)
			}
			if b.Met.Rounded() {
				t.Errorf("type %d: exact sums count as rounded", typ)
			}
		}
	})
}

// TestSumsMet: the worst rounding, within a chunk and in the rest of a row.
func TestSumsMet(t *testing.T) {
	onAllPaths(t, func(t *testing.T, k Kernels) {
		for _, typ := range sumTypes {
			for _, at := range []int{3, 140} {
				p := NewSumPlan(typ, 150, 150)
				p.Sums(0, 150, 1, true, SumTerm{0, 1})
				in := make([]float64, 150)
				for i := range in {
					in[i] = 1
				}
				raw := typ.encode(in)
				raw[at*typ.Size()]++ // the next larger number: twice the unit roundoff
				var b SumBlock
				b.Reset(raw, typ.encode(in))
				b.Add(0, 1-typ.Unit(), true, SumTerm{0, 1})
				if k.SumsHold(p, &b, 0) != 1 || !b.Met.Rounded() || math.Abs(b.Met.Ratio/typ.Unit()-1) > 0.01 || b.Met.Size != 1 {
					t.Errorf("type %d, number %d: met %+v, wanted a ratio of %v", typ, at, b.Met, typ.Unit())
				}
			}
		}
	})
}

// TestSumsNearTheLeast: among the least numbers of a type a product has few bits left; what is accepted is within a
// rounding all the same.
func TestSumsNearTheLeast(t *testing.T) {
	onAllPaths(t, func(t *testing.T, k Kernels) {
		r := rand.New(rand.NewPCG(7, 7))
		for typ, least := range map[SumType]float64{SumF32: 0x1p-149, SumBF16: 0x1p-133, SumF16: 0x1p-24} {
			for range 3000 {
				a, b := float64(1+r.IntN(255))*least, float64(1+r.IntN(255))*least
				weight := 0.004 + r.Float64()*0.001
				// the second term counts as much as makes it a little more than a rounding away
				factor := a * weight / b * (1 + typ.Unit()*(1+r.Float64()*0x1p-4))
				p := NewSumPlan(typ, 1, 2)
				p.Sums(0, 1, weight, true, SumTerm{0, 1}, SumTerm{1, factor})
				g := grownRow{t: typ, plan: p, near: true, in: []float64{a}, child: []float64{0, b}}
				if away := math.Abs(a*weight-b*factor) / (b * factor); g.holds(k) && away > typ.Unit()*(1+0x1p-9) {
					t.Fatalf("type %d: %v times %v as %v times %v, %v units away, is accepted", typ, a, weight, b, factor,
						away/typ.Unit())
				}
			}
		}
	})
}
