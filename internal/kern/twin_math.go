package kern

import (
	"math"
)

// twins are the kernels in plain Go: float32 in memory, float64 within an operation.
type twins struct{}

func (twins) Path() Path             { return Go }
func (twins) Describe() string       { return "plain Go" }
func (twins) GemmWork() int          { return 0 }
func (twins) AttnWork(t, hd int) int { return 2 * t }
func bf16(x float32) float32         { return bf16ToF32(bf16FromF32(x)) }
func capped(z, c float64) float64 {
	if c > 0 {
		return c * math.Tanh(z/c)
	}
	return z
}

func (twins) Gemm(g *Gemm, m0, m1, n0, n1 int, _ []float32) {
	if m0 >= m1 || n0 >= n1 {
		return
	}
	checkGemm(g, m0, m1, n0, n1)
	am, ak := g.LDA, 1
	if g.TransA {
		am, ak = 1, g.LDA
	}
	bk, bn := g.LDB, 1
	if g.TransB {
		bk, bn = 1, g.LDB
	}
	for m := m0; m < m1; m++ {
		for n := n0; n < n1; n++ {
			var s float64
			for k := range g.K {
				a, b := g.A[m*am+k*ak], g.B[k*bk+n*bn]
				if g.BF16 {
					a, b = bf16(a), bf16(b)
				}
				s += float64(a) * float64(b)
			}
			if g.Beta {
				s += float64(g.C[m*g.LDC+n])
			}
			if g.Bias != nil {
				s += float64(g.Bias[n])
			}
			if g.Add != nil {
				s += float64(g.Add[m*g.LDAdd+n])
			}
			g.C[m*g.LDC+n] = float32(s)
		}
	}
}

func dot(a, b []float32) float64 {
	var s float64
	for i, x := range a {
		s += float64(x) * float64(b[i])
	}
	return s
}

// first is the first key that query t sees.
func (a *Attn) first(t int) int {
	if a.Window > 0 {
		return max(0, t-a.Window+1)
	}
	return 0
}

func (twins) Attention(a *Attn, work []float32) {
	checkAttn(a, false)
	for t := range a.T {
		q := a.Q[t*a.StrideQ:][:a.HeadDim]
		at := a.Past + t
		lo, top := a.first(at), math.Inf(-1)
		s := work[:at+1]
		for u := lo; u <= at; u++ {
			z := capped(dot(q, a.K[u*a.StrideK:][:a.HeadDim])*float64(a.Scale), float64(a.Softcap))
			s[u] = float32(z)
			top = math.Max(top, float64(s[u]))
		}
		var sum float64
		for u := lo; u <= at; u++ {
			e := math.Exp(float64(s[u]) - top)
			s[u] = float32(e)
			sum += e
		}
		o := a.O[t*a.StrideO:][:a.HeadDim]
		for d := range o {
			var y float64
			for u := lo; u <= at; u++ {
				y += float64(s[u]) * float64(a.V[u*a.StrideV+d])
			}
			o[d] = float32(y / sum)
		}
		if a.LSE != nil {
			a.LSE[t] = float32(top + math.Log(sum))
		}
	}
}

func (twins) AttentionGrad(a *Attn, work []float32) {
	checkAttn(a, true)
	for u := range a.T {
		clear(a.DK[u*a.StrideK:][:a.HeadDim])
		clear(a.DV[u*a.StrideV:][:a.HeadDim])
	}
	for h := range max(a.Group, 1) {
		for t := range a.T {
			a.gradRow(h, t)
		}
	}
}

func (a *Attn) gradRow(h, t int) {
	hd := a.HeadDim
	q, dq := a.Q[t*a.StrideQ+h*hd:][:hd], a.DQ[t*a.StrideQ+h*hd:][:hd]
	o, do := a.O[t*a.StrideO+h*hd:][:hd], a.DO[t*a.StrideO+h*hd:][:hd]
	delta := dot(o, do)
	a.Delta[h*a.T+t] = float32(delta)
	clear(dq)
	for u := a.first(t); u <= t; u++ {
		k, v := a.K[u*a.StrideK:][:hd], a.V[u*a.StrideV:][:hd]
		dk, dv := a.DK[u*a.StrideK:][:hd], a.DV[u*a.StrideV:][:hd]
		z := capped(dot(q, k)*float64(a.Scale), float64(a.Softcap))
		p := math.Exp(z - float64(a.LSE[h*a.T+t]))
		ds := p * (dot(do, v) - delta) * float64(a.Scale)
		if c := float64(a.Softcap); c > 0 {
			ds *= 1 - z/c*(z/c)
		}
		for d := range hd {
			dq[d] += float32(ds * float64(k[d]))
			dk[d] += float32(ds * float64(q[d]))
			dv[d] += float32(p * float64(do[d]))
		}
	}
}

func (twins) CrossEntropy(rows, vocab int, logits []float32, targets []int32, loss []float32, grad bool, scale,
	softcap float32) {
	checkTargets(targets[:rows], vocab)
	c := float64(softcap)
	for r := range rows {
		z := logits[r*vocab:][:vocab]
		y := targets[r]
		if y < 0 {
			loss[r] = 0
			if grad {
				clear(z)
			}
			continue
		}
		top := math.Inf(-1)
		for _, x := range z {
			top = math.Max(top, capped(float64(x), c))
		}
		var sum float64
		for _, x := range z {
			sum += math.Exp(capped(float64(x), c) - top)
		}
		loss[r] = float32(math.Log(sum) + top - capped(float64(z[y]), c))
		if !grad {
			continue
		}
		for i, x := range z {
			k := capped(float64(x), c)
			p := math.Exp(k-top) / sum
			if i == int(y) {
				p--
			}
			p *= float64(scale)
			if c > 0 {
				p *= 1 - k/c*(k/c)
			}
			z[i] = float32(p)
		}
	}
}
