package cpu_test

import (
	"testing"

	"famkit/internal/engine"
	"famkit/internal/engine/cpu"
)

// mixtureStep runs a LayerNorm, an activation without a gate and a mixture's operators on shapes large enough to be
// split.
func mixtureStep(t *testing.T, e *cpu.Engine) func() float64 {
	t.Helper()
	const rows, dim, experts, topK = 310, 91, 12, 3
	buf := func(n int) engine.Buf { return filled(t, e, n) }
	ints := func() engine.Buf {
		b, err := e.Alloc(engine.I32, rows*topK)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	norm := engine.Norm{Rows: rows, Groups: 1, Dim: dim, StrideX: dim, StrideY: dim, X: buf(rows * dim),
		Y: buf(rows * dim), Gain: buf(dim), Bias: buf(dim),
		Stat: buf(rows), Mean: buf(rows), Eps: 1e-5, DX: buf(rows * dim), DY: buf(rows * dim), DGain: buf(dim),
		DBias: buf(dim)}
	act := engine.Gate{Rows: rows, Dim: dim, StrideG: dim, StrideH: dim, Act: engine.GELUTanh, G: norm.Y,
		H: buf(rows * dim), DG: norm.DY, DH: buf(rows * dim)}
	route := engine.Route{Rows: rows, Experts: experts, TopK: topK, Logits: buf(rows * experts), P: buf(rows * experts),
		Weight: buf(rows * topK),
		Chosen: ints(), Place: ints(), Source: ints(), Starts: ints(), DWeight: buf(rows * topK),
		DLogits: buf(rows * experts)}
	combine := engine.Combine{Rows: rows, TopK: topK, Dim: dim, X: buf(rows * topK * dim), Weight: route.Weight,
		Place: route.Place, Y: buf(rows * dim),
		Add: act.H, DX: buf(rows * topK * dim), DY: act.H, DWeight: route.DWeight}
	results, err := e.Alloc(engine.F64, 2)
	if err != nil {
		t.Fatal(err)
	}
	clip := engine.Clip{Grads: []engine.Buf{combine.Y, combine.DX, route.DLogits, norm.DX, norm.DGain, norm.DBias},
		Norm: results.At(0, 1), Factor: results.At(1, 1)}
	got := make([]float64, 1)
	return func() float64 {
		e.LayerNorm(&norm)
		e.Gate(&act)
		e.Route(&route)
		e.Combine(&combine)
		e.CombineGrad(&combine)
		e.RouteGrad(&route)
		e.GateGrad(&act)
		e.LayerNormGrad(&norm)
		e.Clip(&clip)
		if err := e.Read(got, clip.Norm); err != nil {
			t.Fatal(err)
		}
		return got[0]
	}
}

func TestMixtureThreadsDoNotMatter(t *testing.T) {
	var want float64
	for n := 1; n <= 4; n++ {
		got := mixtureStep(t, newEngine(t, engine.Options{Threads: n}))()
		if n == 1 {
			want = got
		}
		if got != want || got != got {
			t.Errorf("%d threads: %g, one thread gave %g", n, got, want)
		}
	}
}

func TestMixtureAllocatesNothing(t *testing.T) {
	run := mixtureStep(t, newEngine(t, engine.Options{Threads: 2}))
	run()
	if n := testing.AllocsPerRun(3, func() { run() }); n != 0 {
		t.Errorf("%.0f allocations in a step", n)
	}
}
