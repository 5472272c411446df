package rowsum

import (
	"context"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"famkit/internal/kern"
	"famkit/internal/tensor"
)

// memory is a tensor of numbers.
type memory struct {
	info tensor.Info
	raw  []byte
}

func (m memory) Info() tensor.Info { return m.info }

func (m memory) ReadAt(b []byte, off int64) (int, error) { return copy(b, m.raw[off:]), nil }

func inMemory(d tensor.DType, rows, cols int, v []float64) memory {
	m := memory{tensor.Info{Name: "t", DType: d, Shape: []int{rows, cols}}, make([]byte, len(v)*d.Bits()/8)}
	tensor.Encode(m.raw, v, d)
	return m
}

func (m memory) values() []float64 {
	v := make([]float64, len(m.raw)*8/m.info.DType.Bits())
	tensor.Decode(v, m.raw, m.info.DType)
	return v
}

// plainCheck is the definition: every sum over copies, in exact arithmetic, against the parent's number times the
// scales. worst is the largest distance in units of the bound where scales are rounded, infinite where an exact sum
// is not met.
func plainCheck(p *Comparison) (worst float64) {
	child, parent := p.Child.(memory), p.Parent.(memory)
	d := child.info.DType
	c, w := child.values(), parent.values()
	type place struct{ r, c int }
	type cell struct {
		total *bigSum
		size  float64
		exact bool
		want  place
		k     float64
	}
	cells := map[place]*cell{}
	on := func(s *Side, t int) (int, bool) { return int(s.Src[t]), s.Src[t] < 0 }
	for r := range p.Rows.To() {
		for q := range p.Cols.To() {
			sr, freshRow := on(&p.Rows, r)
			sc, freshCol := on(&p.Cols, q)
			if freshRow || freshCol {
				continue
			}
			at := place{r, q}
			kr, kc, ko := 1.0, 1.0, 1.0
			if p.Rows.Reads {
				at.r, kr = sr, p.Rows.ScaleAt(r)
			} else {
				ko *= p.Rows.ScaleAt(r)
			}
			if p.Cols.Reads {
				at.c, kc = sc, p.Cols.ScaleAt(q)
			} else {
				ko *= p.Cols.ScaleAt(q)
			}
			x := cells[at]
			if x == nil {
				x = &cell{total: newBigSum(), exact: true, want: place{sr, sc}, k: ko}
				cells[at] = x
			}
			v := c[r*p.Cols.To()+q]
			x.total.addProduct(v, kr, kc)
			x.size += math.Abs(v * kr * kc)
			x.exact = x.exact && IsPower(kr) && IsPower(kc) && IsPower(ko)
		}
	}
	for _, x := range cells {
		want := w[x.want.r*p.Cols.From+x.want.c]
		x.total.addProduct(-want, x.k)
		diff, _ := new(big.Float).Abs(x.total.v).Float64()
		switch {
		case diff == 0:
		case x.exact:
			return math.Inf(1)
		default:
			worst = math.Max(worst, diff/(relativeBound(d)*math.Max(x.size, math.Abs(want*x.k))))
		}
	}
	return worst
}

// TestProductsAgainstDefinition: random maps, scales, layouts and types, sound and slightly wrong: the streaming
// check says what the definition says.
func TestProductsAgainstDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	accepted, refused := 0, 0
	paths := kern.Available()
	for trial := range 4000 {
		d := []tensor.DType{tensor.BF16, tensor.F16, tensor.F32, tensor.F64}[trial%4]
		p := randomProduct(rng, d)
		want := plainCheck(p)
		if want > 0.98 && want < 1.02 {
			continue // on the edge
		}
		k, err := kern.For(paths[trial/4%len(paths)])
		if err != nil {
			t.Fatal(err)
		}
		o, err := (&Worker{Ctx: context.Background(), kernels: k}).Compare(p)
		if err != nil {
			t.Fatal(err)
		}
		if holds := o.Bad == nil; holds != (want <= 1) {
			t.Fatalf("trial %d, %s, rows %+v, columns %+v: holds %v (%+v), by definition %v times the bound", trial, d,
				p.Rows.Relation, p.Cols.Relation, holds, o.Bad, want)
		}
		if o.Bad == nil {
			accepted++
		} else {
			refused++
		}
	}
	if accepted < 1000 || refused < 1000 {
		t.Errorf("%d accepted and %d refused show too little", accepted, refused)
	}
	t.Logf("%d accepted, %d refused", accepted, refused)
}

// randomRelation copies n indices, in order or not, with scales or without.
func randomRelation(rng *rand.Rand, n int) *Relation {
	r := &Relation{From: n}
	to := n
	if rng.IntN(3) > 0 {
		to = n * (1 + rng.IntN(3))
	}
	for t := range to {
		r.Src = append(r.Src, int32(t%n))
	}
	if rng.IntN(4) == 0 {
		rng.Shuffle(to, func(i, k int) { r.Src[i], r.Src[k] = r.Src[k], r.Src[i] })
	}
	if rng.IntN(2) == 0 {
		for range to {
			r.Scale = append(r.Scale, []float64{1, 2, 0.5, math.Sqrt2, math.Sqrt(1.5)}[rng.IntN(5)])
		}
		if rng.IntN(2) == 0 {
			for t := range r.Scale {
				r.Scale[t] = r.Scale[0]
			}
		}
	}
	return r
}

// randomProduct makes a child that meets its condition by choice of one copy, and often damages it a little.
func randomProduct(rng *rand.Rand, d tensor.DType) *Comparison {
	rows, cols := 1+rng.IntN(6), 1+rng.IntN([]int{40, 300}[rng.IntN(8)/7])
	p := &Comparison{Rows: Side{Relation: randomRelation(rng, rows)}, Cols: Side{Relation: randomRelation(rng, cols)},
		MayRound: true}
	switch rng.IntN(3) {
	case 0:
		p.Rows.Reads = true
	case 1:
		p.Cols.Reads = true
	}
	w := make([]float64, rows*cols)
	for i := range w {
		w[i] = math.Copysign(0.1+rng.ExpFloat64(), rng.NormFloat64()) // half of it is a number of every type
	}
	parent := inMemory(d, rows, cols, w)
	w = parent.values()
	v := make([]float64, p.Rows.To()*p.Cols.To())
	type place struct{ r, c int }
	chosen := map[place]bool{}
	for r, sr := range p.Rows.Src {
		for q, sc := range p.Cols.Src {
			x := w[int(sr)*cols+int(sc)]
			at := place{r, q}
			if p.Rows.Reads {
				x /= p.Rows.ScaleAt(r)
				at.r = int(sr)
			} else {
				x *= p.Rows.ScaleAt(r)
			}
			if p.Cols.Reads {
				x /= p.Cols.ScaleAt(q)
				at.c = int(sc)
			} else {
				x *= p.Cols.ScaleAt(q)
			}
			if !chosen[at] {
				chosen[at] = true
				v[r*p.Cols.To()+q] = x
			}
		}
	}
	switch i := rng.IntN(len(v)); rng.IntN(4) {
	case 0:
		v[i] *= 1 + math.Ldexp(1, -rng.IntN(12))
	case 1:
		v[i] += 0.01
	case 2:
		for i := range v {
			v[i] *= 2
		}
	}
	p.Parent, p.Child = parent, inMemory(d, p.Rows.To(), p.Cols.To(), v)
	return p
}
