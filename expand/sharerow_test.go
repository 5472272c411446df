package expand

import (
	"bytes"
	"testing"

	"famkit/format"
	"famkit/internal/arch/archtest"
	"famkit/internal/growth"
	"famkit/internal/tensor"
)

// slowly makes a row element by element.
func (g *grown) slowly(in []byte, r int) []byte {
	e := g.e
	c := rowMaker{grown: g, r: r, scale: e.factor * e.rows.scaleAt(r), fresh: e.rows.freshAt(r), key: e.shareKey(r),
		draw: e.choice.row(e.rows.rootOf(r)), src: make([]float64, e.cols.from)}
	if in != nil {
		tensor.Decode(c.src, in, e.Info.DType)
	}
	vals := make([]float64, e.cols.to)
	for t := range vals {
		vals[t] = c.element(t)
	}
	out := make([]byte, e.cols.to*g.esize)
	tensor.Encode(out, vals, e.Info.DType)
	return out
}

// TestSharedRowsEqualElements: rows that are shared in straight loops are what their elements are one by one,
// whatever the way, the type, the scales and the number of copies.
func TestSharedRowsEqualElements(t *testing.T) {
	seen := map[growth.Split]int{}
	for name := range archtest.Configs {
		for i, d := range []tensor.DType{tensor.BF16, tensor.F16, tensor.F32, tensor.F64} {
			ck := random(t, name, d)
			for k, split := range growth.Splits {
				for _, r := range []Request{{Width: change(t, "2x")}, {Hidden: change(t, "x1.5"), FFN: change(t, "x2.7")},
					{Hidden: change(t, "3x")},
					{KV: change(t, "2x"), FFN: change(t, "3x")}} {
					r.Split, r.Seed = split, uint64(4*i+k)
					p, err := Compile(ck, r)
					if err != nil {
						continue // refused growths have tests of their own
					}
					out := p.Apply()
					for _, g := range out.(*child).tensors {
						seen[split] += compareShared(t, g)
					}
				}
			}
		}
	}
	for _, split := range []growth.Split{growth.SplitShares, growth.SplitNoise, growth.SplitEven} {
		if seen[split] < 1000 {
			t.Errorf("%s: only %d rows were made in straight loops", split, seen[split])
		}
	}
}

// compareShared compares the rows of a tensor that are shared in straight loops, and counts them.
func compareShared(t *testing.T, g *grown) int {
	t.Helper()
	if g.parent == nil {
		return 0
	}
	raw, err := format.ReadAll(g.parent)
	if err != nil {
		t.Fatal(err)
	}
	all, err := format.ReadAll(g)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for r := range g.e.rows.to {
		c := rowMaker{grown: g, r: r, fresh: g.e.rows.freshAt(r)}
		if !c.sharesInRuns() {
			continue
		}
		width, src := g.e.cols.to*g.esize, g.e.rows.source(r)
		from := g.e.cols.from * g.esize
		if want := g.slowly(raw[src*from:(src+1)*from], r); !bytes.Equal(all[r*width:(r+1)*width], want) {
			t.Fatalf("%s, %s, row %d is not what its elements are", g.e.Info, g.e.split, r)
		}
		n++
	}
	return n
}
