package cpu_test

import (
	"testing"

	"famkit/internal/engine"
	"famkit/internal/engine/cpu"
	"famkit/internal/engine/enginetest"
	"famkit/internal/engine/host"
	_ "famkit/internal/engine/ref"
	"famkit/internal/kern"
)

// Every path of the kernels passes the conformance suite. Threads are split alike on all of them, so the race
// detector, which sees only the Go side, needs one.
func TestConformance(t *testing.T) {
	paths := kern.Available()
	if racing {
		paths = paths[len(paths)-1:]
	}
	for _, p := range paths {
		t.Run(string(p), func(t *testing.T) {
			k, err := kern.For(p)
			if err != nil {
				t.Fatal(err)
			}
			create := func(o engine.Options) (engine.Engine, error) { return cpu.NewWith(k, o) }
			enginetest.RunAll(t, create, 1e-5)
		})
	}
}

// step runs one of every operator on shapes large enough to be split, and sums up what they left.
func step(t *testing.T, e *cpu.Engine) func() [2]float64 {
	t.Helper()
	const rows, tt, heads, kv, d, ffn, vocab = 192, 96, 6, 3, 20, 200, 901
	h := heads * d
	buf := func(n int) engine.Buf { return filled(t, e, n) }
	ids, err := e.Alloc(engine.I32, rows)
	if err != nil {
		t.Fatal(err)
	}
	for i := range host.I32s(ids) {
		host.I32s(ids)[i] = int32(i * i % vocab)
	}
	table, dtable, x, dx, y, gain, dgain, stat := buf(vocab*h), buf(vocab*h), buf(rows*h), buf(rows*h), buf(rows*h),
		buf(h), buf(h), buf(rows)
	embed := engine.Embed{Rows: rows, Dim: h, Vocab: vocab, Scale: 1.5, Table: table, IDs: ids, Y: x, DTable: dtable,
		DY: dx}
	norm := engine.Norm{Rows: rows, Groups: 1, Dim: h, StrideX: h, StrideY: h, X: x, Y: y, Gain: gain, Stat: stat,
		Eps: 1e-5, DX: dx, DY: y, DGain: dgain}
	w := (heads + 2*kv) * d
	qkv, dqkv, wqkv := buf(rows*w), buf(rows*w), buf(w*h)
	mm := engine.MatMul{M: rows, N: w, K: h, A: y, B: wqkv, C: qkv, LDA: h, LDB: h, LDC: w, TransB: true}
	dw := engine.MatMul{M: w, N: h, K: rows, A: dqkv, B: y, C: wqkv, LDA: w, LDB: h, LDC: h, TransA: true, Beta: 1}
	cut := func(b engine.Buf, off int) engine.Buf { return b.At(off, b.N-off) }
	half := buf(tt * d / 2)
	rope := engine.Rope{Rows: rows, T: tt, Heads: heads, HeadDim: d, Dim: d, Stride: w, X: qkv, Cos: half, Sin: half}
	attn := engine.Attention{B: rows / tt, T: tt, Heads: heads, KVHeads: kv, HeadDim: d, Scale: 0.2, Q: qkv,
		K: cut(qkv, h), V: cut(qkv, h+kv*d),
		O: x, StrideQ: w, StrideK: w, StrideV: w, StrideO: h, LSE: buf(rows * heads), Delta: buf(rows * heads),
		DQ: dqkv, DK: cut(dqkv, h), DV: cut(dqkv, h+kv*d), DO: dx}
	g, gh := buf(rows*2*ffn), buf(rows*ffn)
	gate := engine.Gate{Rows: rows, Dim: ffn, StrideG: 2 * ffn, StrideH: ffn, G: g, U: cut(g, ffn), H: gh, DG: g,
		DU: cut(g, ffn), DH: gh}
	logits, losses := buf(rows*vocab), buf(rows)
	loss := engine.CrossEntropy{Rows: rows, Vocab: vocab, Logits: logits, Targets: ids, Loss: losses, Grad: true,
		Scale: 0.01}
	adam := engine.AdamW{W: table, G: dtable, M: buf(vocab * h), V: buf(vocab * h), LR: 1e-3, Beta1: 0.9, Beta2: 0.95,
		Eps: 1e-8, C1: 0.1, C2: 0.05}
	for i, v := range host.F32s(adam.V) {
		host.F32s(adam.V)[i] = v * v
	}
	results, err := e.Alloc(engine.F64, 3)
	if err != nil {
		t.Fatal(err)
	}
	clip := engine.Clip{Grads: []engine.Buf{table, logits, dqkv, wqkv, g, y, dgain}, Max: 1, Norm: results.At(1, 1),
		Factor: results.At(2, 1)}
	return func() (digest [2]float64) {
		e.Embed(&embed)
		e.RMSNorm(&norm)
		e.MatMul(&mm)
		e.Rope(&rope)
		e.Attention(&attn)
		e.AttentionGrad(&attn)
		e.MatMul(&dw)
		e.RMSNormGrad(&norm)
		e.BiasGrad(gain, dx, rows, h, h)
		e.Gate(&gate)
		e.GateGrad(&gate)
		e.CrossEntropy(&loss)
		e.Softcap(logits, 3)
		e.EmbedGrad(&embed)
		e.AdamW(&adam)
		e.AddTo(x, dx)
		e.Copy(y, x)
		e.Zero(results)
		e.Sum(results, table)
		e.Sum(results, losses)
		e.Clip(&clip)
		e.Zero(dtable)
		if err := e.Read(digest[:], results); err != nil {
			t.Fatal(err)
		}
		return digest
	}
}

// The same bits for any number of threads, in both precisions.
func TestThreadsDoNotMatter(t *testing.T) {
	for _, p := range []engine.Precision{engine.Float32, engine.BFloat16} {
		var want [2]float64
		for n := 1; n <= 4; n++ {
			run := step(t, newEngine(t, engine.Options{Threads: n, Precision: p}))
			run()
			got := run()
			if n == 1 {
				want = got
			}
			if got != want || got[1] != got[1] {
				t.Errorf("precision %s, %d threads: %v, one thread gave %v", p, n, got, want)
			}
		}
	}
}

func TestStepAllocatesNothing(t *testing.T) {
	run := step(t, newEngine(t, engine.Options{Threads: 2}))
	run()
	if n := testing.AllocsPerRun(3, func() { run() }); n != 0 {
		t.Errorf("%.0f allocations in a step", n)
	}
}

// Products in bfloat16 are those of rounded inputs, not those of float32.
func TestBFloat16RoundsInputs(t *testing.T) {
	e := newEngine(t, engine.Options{Threads: 2, Precision: engine.BFloat16})
	a, b, c := filled(t, e, 1), filled(t, e, 1), filled(t, e, 1)
	host.F32s(a)[0], host.F32s(b)[0] = 1+1.0/128+1.0/512, 3 // 1.009765625 rounds to 1.0078125
	e.MatMul(&engine.MatMul{M: 1, N: 1, K: 1, A: a, B: b, C: c, LDA: 1, LDB: 1, LDC: 1})
	if got := host.F32s(c)[0]; got != 3*(1+1.0/128) {
		t.Errorf("got %g, want %g", got, 3*(1+1.0/128))
	}
}

func TestDescribe(t *testing.T) {
	t.Setenv(kern.Env, "portable")
	e, err := cpu.New(engine.Options{Threads: 3, Precision: engine.BFloat16})
	if len(kern.Available()) == 1 {
		if err == nil {
			t.Error("portable C without cgo")
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	if got := e.(*cpu.Engine).Describe(); got != "C, portable (bfloat16 emulated), 3 threads, bfloat16 products" {
		t.Error(got)
	}
	t.Setenv(kern.Env, "quantum")
	if _, err := engine.New("", engine.Options{}); err == nil {
		t.Error("unknown kernels fell back to another engine")
	}
}

func TestRefuses(t *testing.T) {
	e := newEngine(t, engine.Options{Threads: 1})
	if _, err := e.Alloc(engine.BF16, 4); err == nil {
		t.Error("a bfloat16 buffer was handed out")
	}
	if _, err := cpu.New(engine.Options{Precision: engine.Float64}); err == nil {
		t.Error("float64 was accepted")
	}
}
