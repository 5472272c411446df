package cpu_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"famkit/internal/engine"
	"famkit/internal/engine/cpu"
	"famkit/internal/engine/host"
	"famkit/internal/kern"
)

func newEngine(tb testing.TB, o engine.Options) *cpu.Engine {
	tb.Helper()
	k, err := kern.Default()
	if err != nil {
		tb.Fatal(err)
	}
	e, err := cpu.NewWith(k, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := e.Close(); err != nil {
			tb.Error(err)
		}
	})
	return e
}

func filled(tb testing.TB, e *cpu.Engine, n int) engine.Buf {
	tb.Helper()
	b, err := e.Alloc(engine.F32, n)
	if err != nil {
		tb.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range host.F32s(b) {
		host.F32s(b)[i] = r.Float32() - 0.5
	}
	return b
}

// Products of a 15 M Llama on 1024 tokens (forward NT, input gradient NN, weight gradient TN), and of a larger one.
var products = []struct {
	m, n, k int
	ta, tb  bool
}{
	{1024, 864, 288, false, true}, {1024, 288, 864, false, false}, {864, 288, 1024, true, false},
	{1024, 1536, 288, false, true}, {1024, 288, 768, false, true}, {288, 768, 1024, true, false},
	{1024, 32000, 288, false, true}, {1024, 288, 32000, false, false}, {32000, 288, 1024, true, false},
	{1024, 768, 768, false, true}, {1024, 1024, 1024, false, false}, {64, 64, 64, false, true},
}

func BenchmarkMatMul(b *testing.B) {
	for _, p := range []engine.Precision{engine.Float32, engine.BFloat16} {
		e := newEngine(b, engine.Options{Precision: p})
		for _, s := range products {
			name := fmt.Sprintf("%dx%dx%d-%s-%s", s.m, s.k, s.n, map[bool]string{true: "T",
				false: "N"}[s.ta]+map[bool]string{true: "T", false: "N"}[s.tb],
				p)
			b.Run(name, func(b *testing.B) {
				o := engine.MatMul{M: s.m, N: s.n, K: s.k, A: filled(b, e, s.m*s.k), B: filled(b, e, s.n*s.k),
					C:   filled(b, e, s.m*s.n),
					LDA: s.k, LDB: s.n, LDC: s.n, TransA: s.ta, TransB: s.tb}
				if s.ta {
					o.LDA = s.m
				}
				if s.tb {
					o.LDB = s.k
				}
				for b.Loop() {
					e.MatMul(&o)
				}
				flops := 2 * float64(s.m) * float64(s.n) * float64(s.k)
				b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}

func BenchmarkAttention(b *testing.B) {
	e := newEngine(b, engine.Options{})
	for _, s := range [][4]int{{4, 256, 6, 48}, {1, 1024, 12, 64}} {
		o := engine.Attention{B: s[0], T: s[1], Heads: s[2], KVHeads: s[2], HeadDim: s[3],
			Scale: 1 / math.Sqrt(float64(s[3]))}
		d := s[2] * s[3]
		o.StrideQ, o.StrideK, o.StrideV, o.StrideO = d, d, d, d
		for _, x := range []*engine.Buf{&o.Q, &o.K, &o.V, &o.O, &o.DQ, &o.DK, &o.DV, &o.DO} {
			*x = filled(b, e, s[0]*s[1]*d)
		}
		o.LSE, o.Delta = filled(b, e, s[0]*s[1]*s[2]), filled(b, e, s[0]*s[1]*s[2])
		flops := 2 * float64(s[0]) * float64(s[2]) * float64(s[1]) * float64(s[1]) * float64(s[3]) // half of two products
		for name, f := range map[string]func(){"forward": func() { e.Attention(&o) },
			"backward": func() { e.AttentionGrad(&o) }} {
			b.Run(fmt.Sprintf("%s/%dx%dx%dx%d", name, s[0], s[1], s[2], s[3]), func(b *testing.B) {
				for b.Loop() {
					f()
				}
				n := flops
				if name == "backward" {
					n *= 2.5
				}
				b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}

func BenchmarkRows(b *testing.B) {
	e := newEngine(b, engine.Options{})
	x, y, z := filled(b, e, 256*32000), filled(b, e, 256*32000), filled(b, e, 256*32000)
	ids, err := e.Alloc(engine.I32, 1024)
	if err != nil {
		b.Fatal(err)
	}
	for name, f := range map[string]func(){
		"cross-entropy-256x32000": func() {
			e.CrossEntropy(&engine.CrossEntropy{Rows: 256, Vocab: 32000, Logits: x, Targets: ids, Loss: y, Grad: true, Scale: 1})
		},
		"adamw-2M": func() {
			n := 1 << 21
			e.AdamW(&engine.AdamW{W: x.At(0, n), G: y.At(0, n), M: z.At(0, n), V: z.At(n, n), C1: 1, C2: 1, Eps: 1e-8})
		},
		"silu-1024x768": func() {
			e.Gate(&engine.Gate{Rows: 1024, Dim: 768, StrideG: 768, StrideH: 768, G: x, U: y, H: z})
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f()
			}
		})
	}
}
