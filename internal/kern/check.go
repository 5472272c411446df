package kern

import "fmt"

// The C kernels do not see slice lengths: what they will touch is checked here, once per call.

func span(what string, s []float32, rows, cols, ld int) {
	if rows > 0 && cols > 0 && len(s) < (rows-1)*ld+cols {
		panic(fmt.Sprintf("kern: %s has %d elements, [%d,%d] with rows %d apart needs more", what, len(s), rows, cols, ld))
	}
}

func checkGemm(g *Gemm, m0, m1, n0, n1 int) {
	if m0 < 0 || n0 < 0 || m1 > g.M || n1 > g.N || g.K < 0 {
		panic("kern: part outside the product")
	}
	if g.TransA {
		span("A", g.A, g.K, g.M, g.LDA)
	} else {
		span("A", g.A, g.M, g.K, g.LDA)
	}
	if g.TransB {
		span("B", g.B, g.N, g.K, g.LDB)
	} else {
		span("B", g.B, g.K, g.N, g.LDB)
	}
	span("C", g.C, g.M, g.N, g.LDC)
	if g.Bias != nil {
		span("bias", g.Bias, 1, g.N, g.N)
	}
	if g.Add != nil {
		span("addend", g.Add, g.M, g.N, g.LDAdd)
	}
}

func checkAttn(a *Attn, grad bool) {
	wide := max(a.Group, 1) * a.HeadDim
	span("Q", a.Q, a.T, wide, a.StrideQ)
	span("K", a.K, a.Past+a.T, a.HeadDim, a.StrideK)
	span("V", a.V, a.Past+a.T, a.HeadDim, a.StrideV)
	span("O", a.O, a.T, wide, a.StrideO)
	if !grad {
		return
	}
	if a.Past != 0 {
		panic("kern: attention over earlier keys has no gradient")
	}
	span("dQ", a.DQ, a.T, wide, a.StrideQ)
	span("dK", a.DK, a.T, a.HeadDim, a.StrideK)
	span("dV", a.DV, a.T, a.HeadDim, a.StrideV)
	span("dO", a.DO, a.T, wide, a.StrideO)
	span("LSE", a.LSE, 1, max(a.Group, 1)*a.T, 0)
	span("delta", a.Delta, 1, max(a.Group, 1)*a.T, 0)
}

func checkTargets(targets []int32, vocab int) {
	for r, t := range targets {
		if int(t) >= vocab {
			panic(fmt.Sprintf("kern: target %d of row %d outside the vocabulary of %d", t, r, vocab))
		}
	}
}
