package kern

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

var attnCases = []Attn{
	{T: 1, HeadDim: 1, Group: 1},
	{T: 7, HeadDim: 3, Group: 2},
	{T: 17, HeadDim: 12, Group: 1},
	{T: 57, HeadDim: 16, Group: 3, Window: 5},
	{T: 64, HeadDim: 48, Group: 1, Softcap: 2},
	{T: 300, HeadDim: 20, Group: 2},             // more than one tile of keys
	{T: 600, HeadDim: 33, Group: 1, Window: 70}, // tiles that the window skips
	{T: 530, HeadDim: 64, Group: 1, Window: 290, Softcap: 1},
	{T: 130, HeadDim: 128, Group: 2},
	{T: 70, HeadDim: 96, Group: 1, Window: 2},
}

// filled gives a case random operands and poisoned results.
func filled(r *rand.Rand, a Attn) Attn {
	a.Scale = float32(2 / math.Sqrt(float64(a.HeadDim)))
	a.StrideQ, a.StrideK = a.Group*a.HeadDim+r.IntN(4), a.HeadDim+r.IntN(4)
	a.StrideV, a.StrideO = a.HeadDim+r.IntN(4), a.Group*a.HeadDim+r.IntN(4)
	a.Q, a.K, a.V = randoms(r, a.T*a.StrideQ), randoms(r, a.T*a.StrideK), randoms(r, a.T*a.StrideV)
	a.DO = randoms(r, a.T*a.StrideO)
	nan := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(math.NaN())
		}
		return x
	}
	a.O, a.LSE, a.Delta = nan(len(a.DO)), nan(a.Group*a.T), nan(a.Group*a.T)
	a.DQ, a.DK, a.DV = nan(len(a.Q)), nan(len(a.K)), nan(len(a.V))
	return a
}

// pass runs both directions and gives all results.
func pass(k Kernels, a Attn) Attn {
	a.O, a.LSE, a.DQ, a.DK, a.DV = clone(a.O), clone(a.LSE), clone(a.DQ), clone(a.DK), clone(a.DV)
	work := make([]float32, k.AttnWork(a.T, a.HeadDim))
	for h := range a.Group {
		one := a
		one.Group, one.Q, one.O, one.LSE = 1, a.Q[h*a.HeadDim:], a.O[h*a.HeadDim:], a.LSE[h*a.T:][:a.T]
		k.Attention(&one, work)
	}
	k.AttentionGrad(&a, work)
	return a
}

func TestAttention(t *testing.T) {
	onPaths(t, func(t *testing.T, k Kernels) {
		r := rand.New(rand.NewPCG(9, 9))
		for _, c := range attnCases {
			a := filled(r, c)
			got, again, want := pass(k, a), pass(k, a), pass(twins{}, a)
			what := fmt.Sprintf("t %d d %d group %d window %d cap %g: ", c.T, c.HeadDim, c.Group, c.Window, c.Softcap)
			for _, x := range []struct {
				name             string
				got, again, want []float32
			}{{"o", got.O, again.O, want.O}, {"lse", got.LSE, again.LSE, want.LSE}, {"dq", got.DQ, again.DQ, want.DQ},
				{"dk", got.DK, again.DK, want.DK}, {"dv", got.DV, again.DV, want.DV}} {
				same(t, what+x.name, x.got, x.want, 5e-6)
				same(t, what+x.name+" again", x.again, x.got, 0)
			}
		}
	})
}

// The twin's gradients are those of its own forward pass.
func TestAttentionTwinByDifferences(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 10))
	for _, c := range []Attn{{T: 5, HeadDim: 3, Group: 2}, {T: 6, HeadDim: 4, Group: 1, Window: 2, Softcap: 1.5}} {
		a := filled(r, c)
		got := pass(twins{}, a)
		loss := func() (s float64) {
			p := pass(twins{}, a)
			for t := range a.T {
				s += dot(p.O[t*a.StrideO:][:a.Group*a.HeadDim], a.DO[t*a.StrideO:])
			}
			return s
		}
		for name, in := range map[string][2][]float32{"q": {a.Q, got.DQ}, "k": {a.K, got.DK}, "v": {a.V, got.DV}} {
			for i, x := range in[0] {
				const h = 1e-2
				if in[1][i] != in[1][i] {
					continue // between rows
				}
				in[0][i] = x + h
				up := loss()
				in[0][i] = x - h
				down := loss()
				in[0][i] = x
				if d := (up - down) / (2 * h); math.Abs(d-float64(in[1][i])) > 3e-3 {
					t.Errorf("d%s[%d] = %g, differences give %g", name, i, in[1][i], d)
				}
			}
		}
	}
}

// TestAttentionOverEarlierKeys: queries after Past keys give the last rows of the whole sequence's attention.
func TestAttentionOverEarlierKeys(t *testing.T) {
	onPaths(t, func(t *testing.T, k Kernels) {
		r := rand.New(rand.NewPCG(12, 12))
		for _, c := range attnCases {
			c.Group = 1
			whole := filled(r, c)
			work := make([]float32, k.AttnWork(whole.T, whole.HeadDim))
			twins{}.Attention(&whole, make([]float32, 2*whole.T))
			for _, past := range []int{0, 1, c.T / 3, c.T - 1} {
				past = min(past, c.T-1)
				part := whole
				part.Past, part.T, part.Q = past, c.T-past, whole.Q[past*whole.StrideQ:]
				part.O, part.LSE = make([]float32, part.T*part.StrideO), make([]float32, part.T)
				k.Attention(&part, work)
				what := fmt.Sprintf("t %d d %d window %d cap %g past %d: ", c.T, c.HeadDim, c.Window, c.Softcap, past)
				for i := range part.T {
					at := i * part.StrideO
					same(t, what+"o", part.O[at:][:c.HeadDim], whole.O[past*whole.StrideO+at:][:c.HeadDim], 5e-6)
				}
				same(t, what+"lse", part.LSE, whole.LSE[past:], 5e-6)
			}
		}
	})
}

func TestAttentionKeepsNaN(t *testing.T) {
	onPaths(t, func(t *testing.T, k Kernels) {
		a := filled(rand.New(rand.NewPCG(11, 11)), Attn{T: 40, HeadDim: 8, Group: 1})
		a.K[20*a.StrideK] = float32(math.NaN())
		p := pass(k, a)
		if p.O[19*a.StrideO] != p.O[19*a.StrideO] {
			t.Error("a NaN key reached an earlier row")
		}
		if x := p.O[25*a.StrideO]; x == x {
			t.Errorf("a NaN key gave %g", x)
		}
	})
}
