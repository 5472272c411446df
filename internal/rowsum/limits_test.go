package rowsum

import (
	"context"
	"math"
	"testing"

	"famkit/internal/tensor"
)

var types = []tensor.DType{tensor.BF16, tensor.F16, tensor.F32, tensor.F64}

func compareOf(t *testing.T, p *Comparison) *Outcome {
	t.Helper()
	o, err := (&Worker{Ctx: context.Background()}).Compare(p)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// copies relates n elements, k times each.
func copies(n, k int) *Relation {
	r := &Relation{From: n}
	for range k {
		r.Src = append(r.Src, Identity(n).Src...)
	}
	return r
}

// TestZeroStaysZero: whatever is rounded, and however often, what should be zero is zero: no number of the smallest of
// the type, none of three that are equal.
func TestZeroStaysZero(t *testing.T) {
	for _, d := range types {
		for _, n := range []int{1, 2, 3, 5, 6, 7, 9} {
			for _, scale := range []float64{1, math.Sqrt2} {
				for _, roundings := range []int{0, 1, 8} {
					for _, x := range []float64{d.Smallest(), 3 * d.Smallest(), -d.Smallest()} {
						row := make([]float64, n)
						for i := range row {
							row[i] = x
						}
						read := copies(1, n)
						read.Scale = make([]float64, n)
						for i := range read.Scale {
							read.Scale[i] = scale
						}
						p := &Comparison{Parent: inMemory(d, 1, 1, []float64{0}), Child: inMemory(d, 1, n, row),
							Rows: Side{Relation: Identity(1)}, Cols: Side{Relation: read, Reads: true}, MayRound: true, Roundings: roundings}
						if o := compareOf(t, p); o.Bad == nil {
							t.Errorf("%s: %d times %v, scaled by %v, as 0 with %d roundings is accepted: %+v", d, n, x, scale, roundings, o)
						}
						written := Identity(1).Scaled([]float64{scale})
						p = &Comparison{Parent: p.Parent, Child: inMemory(d, 1, 1, row[:1]), Rows: Side{Relation: written}, Cols: Lone(),
							MayRound: true, Roundings: roundings}
						if o := compareOf(t, p); o.Bad == nil {
							t.Errorf("%s: %v written by %v as 0 with %d roundings is accepted", d, x, scale, roundings)
						}
					}
				}
			}
		}
	}
}

// TestNothingMayRound: without a growth that rounds, one bit is one too many, and no scale explains any.
func TestNothingMayRound(t *testing.T) {
	for _, d := range types {
		parent, child := inMemory(d, 1, 3, []float64{1, -0.3, 2}), inMemory(d, 1, 3, []float64{1, -0.3, 2})
		p := &Comparison{Parent: parent, Child: child, Rows: Side{Relation: Identity(1)}, Cols: Side{Relation: Identity(3)}}
		if o := compareOf(t, p); o.Bad != nil || o.Rounded {
			t.Errorf("%s: %+v", d, o.Bad)
		}
		child.raw[0]++
		if o := compareOf(t, p); o.Bad == nil {
			t.Errorf("%s: one bit is accepted", d)
		}
		child.raw[0]--
		p.Rows.Relation = Identity(1).Scaled([]float64{math.Nextafter(1, 2)})
		if o := compareOf(t, p); o.Bad == nil {
			t.Errorf("%s: a scale is accepted", d)
		}
	}
}

// TestSmallestNumbers: below the normal range a rounding is more than its unit; a row or a column of nothing else is
// refused where that moves it.
func TestSmallestNumbers(t *testing.T) {
	d := tensor.F16
	k := 1.4
	grow := func(v []float64, rows, cols int) *Comparison {
		out := make([]float64, len(v))
		for i, x := range v {
			out[i] = x * k // inMemory rounds it
		}
		return &Comparison{Parent: inMemory(d, rows, cols, v), Child: inMemory(d, rows, cols, out), MayRound: true,
			Rows: Side{Relation: Identity(rows).Scaled(repeat(k, rows))}, Cols: Side{Relation: Identity(cols)}}
	}
	v := []float64{0.5, d.Smallest(), -0.25, 0.125, 0.5, 2 * d.Smallest()}
	if o := compareOf(t, grow(v, 3, 2)); o.Bad != nil {
		t.Errorf("a small number beside others: %+v", o.Bad)
	}
	if o := compareOf(t, grow([]float64{0.5, d.Smallest(), 0.5, -d.Smallest()}, 2, 2)); o.Bad == nil {
		t.Error("a column of the smallest numbers, moved by a third of them, is accepted")
	}
	if o := compareOf(t, grow([]float64{0.5, -0.5, d.Smallest(), -d.Smallest()}, 2, 2)); o.Bad == nil {
		t.Error("a row of the smallest numbers is accepted")
	}
	if o := compareOf(t, grow([]float64{0x1p-15, -0x1p-16, 0x1.8p-15, -0x1p-15}, 2, 2)); o.Bad != nil {
		t.Errorf("numbers below the normal range that are rounded fairly: %+v", o.Bad)
	}
}

func repeat(x float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = x
	}
	return out
}

// TestAlike: rows of a class are alike once they are added up over classes of columns, and not otherwise.
func TestAlike(t *testing.T) {
	w := &Worker{Ctx: context.Background()}
	rows, cols := Classes{[]int32{0, 1, 0, None}, 2}, Classes{[]int32{0, 1, 0}, 2}
	good := []float64{1, 5, 2, 9, 9, 9, 3, 5, 0, 7, 7, 7}
	transposed := make([]float64, len(good))
	for r := range 4 {
		for c := range 3 {
			transposed[c*4+r] = good[r*3+c]
		}
	}
	for _, d := range types {
		for dim, m := range []memory{inMemory(d, 4, 3, good), inMemory(d, 3, 4, transposed)} {
			check := func() bool {
				fine, err := w.Refine(m, dim, rows, cols)
				if err != nil {
					t.Fatal(err)
				}
				if fine.N > 3 || fine.Of[3] != None || fine.Of[0] == fine.Of[1] {
					t.Fatalf("%s, dimension %d: classes %+v", d, dim, fine)
				}
				return fine.Of[0] == fine.Of[2]
			}
			if !check() {
				t.Errorf("%s, dimension %d: not alike", d, dim)
			}
			for i := range m.raw {
				m.raw[i] ^= 1
				v := m.values()
				at := func(r, c int) float64 {
					if dim == 0 {
						return v[r*3+c]
					}
					return v[c*4+r]
				}
				total := newBigSum()
				for _, x := range []float64{at(0, 0), at(0, 2), -at(2, 0), -at(2, 2)} {
					total.addProduct(x)
				}
				want := total.v.Sign() == 0 && at(0, 1) == at(2, 1)
				if alike := check(); alike != want {
					t.Fatalf("%s, dimension %d, byte %d: alike %v, want %v", d, dim, i, alike, want)
				}
				m.raw[i] ^= 1
			}
		}
	}
}
