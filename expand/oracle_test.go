package expand

import (
	"testing"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/growth"
	"famkit/internal/tensor"
)

func parentOf(t *testing.T, ck *arch.Checkpoint, name string) tensor.Tensor {
	t.Helper()
	if name == "" {
		return nil
	}
	parent, err := ck.Source.Tensor(name)
	if err != nil {
		t.Fatal(err)
	}
	return parent
}

// oracle computes an expression the slow way, element by element from the definition in expr.go.
func oracle(t *testing.T, e *RoleExpr, parent tensor.Tensor, seed uint64) []byte {
	t.Helper()
	n, err := e.Info.Elems()
	if err != nil {
		t.Fatal(err)
	}
	var src []float64
	if parent != nil {
		raw, err := format.ReadAll(parent)
		if err != nil {
			t.Fatal(err)
		}
		src = make([]float64, len(raw)*8/e.Info.DType.Bits())
		tensor.Decode(src, raw, e.Info.DType)
	}
	dst := make([]float64, n)
	for i := range dst {
		dst[i] = oracleElement(e, src, seed, i/e.cols.to, i%e.cols.to)
	}
	out := make([]byte, e.Info.Size())
	tensor.Encode(out, dst, e.Info.DType)
	return out
}

func oracleElement(e *RoleExpr, src []float64, seed uint64, r, c int) float64 {
	key := newChoice(seed, e.Info.Name)
	kind := func(g *gather, t int) fresh {
		if g.fresh == nil {
			return sourced
		}
		return g.fresh[t]
	}
	scale := func(g *gather, t int) float64 {
		if g.scale == nil {
			return 1
		}
		return g.scale[t]
	}
	index := func(g *gather, t int) int {
		if g.src == nil {
			return t
		}
		return int(g.src[t])
	}
	how := max(kind(e.rows, r), kind(e.cols, c))
	total := e.factor * scale(e.rows, r) * scale(e.cols, c)
	root := func(g *gather, t int) int {
		if g.root == nil {
			return t
		}
		return int(g.root[t])
	}
	switch {
	case e.Zero:
		return 0 - e.offset
	case how == freshZero:
		return 0
	case how == freshOne:
		return 1 - e.offset
	case how == freshRandom || e.random:
		v := e.sigma * key.row(root(e.rows, r)).normal(root(e.cols, c), 0) * e.rows.signAt(r) * e.cols.signAt(c)
		if e.random {
			v *= scale(e.rows, r) * scale(e.cols, c)
		}
		return v
	case how == freshMean:
		sum, n := 0.0, 0
		for i := range e.rows.from {
			for j := range e.cols.from {
				if (kind(e.rows, r) == freshMean || i == index(e.rows, r)) &&
					(kind(e.cols, c) == freshMean || j == index(e.cols, c)) {
					sum, n = sum+src[i*e.cols.from+j], n+1
				}
			}
		}
		return sum / float64(n) * total * oracleShare(e, key, r, c)
	}
	w := src[index(e.rows, r)*e.cols.from+index(e.cols, c)]
	share := oracleShare(e, key, r, c)
	if share == 0 {
		return 0
	}
	if total == 1 {
		return w * share
	}
	return ((w+e.offset)*total - e.offset) * share
}

// oracleShare is what falls to an element by choice, or evenly.
func oracleShare(e *RoleExpr, key choice, r, c int) float64 {
	share := 1.0
	take := func(g *gather, t, other int) {
		if e.Role == arch.Router { // all experts share alike
			other = 0
		}
		if !g.shared || g.nth == nil || g.src[t] == growth.Fresh || g.count[g.src[t]] == 1 {
			return
		}
		switch n := g.count[g.src[t]]; {
		case e.split == growth.SplitEven:
			share /= float64(n)
		case key.row(other).of(g.src[t], n) != g.nth[t]:
			share = 0
		}
	}
	take(e.cols, c, r)
	take(e.rows, r, c)
	return share
}
