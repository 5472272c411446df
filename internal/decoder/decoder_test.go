package decoder_test

import (
	"bytes"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"famkit/internal/arch"
	"famkit/internal/decoder"
	"famkit/internal/engine"
	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// TestPlan: the plan is what New takes, to the byte.
func TestPlan(t *testing.T) {
	for name, special := range tiny {
		_, m := tinyConfig(t, special)
		for _, o := range []decoder.Options{{Batch: 1, SeqLen: 1}, {Batch: 3, SeqLen: 17},
			{Batch: 3, SeqLen: 17, Train: true}} {
			for _, c := range engine.Candidates() {
				if s, _ := c.Score(); s == 0 {
					continue
				}
				e, err := c.Create(engine.Options{Threads: 1})
				if err != nil {
					t.Fatal(err)
				}
				before := e.Allocated()
				d, err := decoder.New(e, m, o)
				if err != nil {
					t.Fatal(err)
				}
				need := decoder.Plan(m, e.Spec(), o)
				if taken := e.Allocated() - before; taken != need.Total() || d.Need() != need {
					t.Errorf("%s, %+v on %s: planned %+v = %d bytes, taken %d", name, o, c.Name, need, need.Total(), taken)
				}
				if (need.Gradients != 0) != o.Train {
					t.Errorf("%s, %+v: %d bytes of gradients", name, o, need.Gradients)
				}
				_ = e.Close()
			}
		}
	}
}

// TestSharedActivations: without training all layers share activations; a smaller batch than planned runs too;
// threads do not matter.
func TestSharedActivations(t *testing.T) {
	for name, special := range tiny {
		_, m := tinyConfig(t, special)
		ids := randomIDs(9, 10, m.Vocab)
		e := refEngine(t, 1)
		want := logits(t, e, newTiny(t, e, m, decoder.Options{Batch: 2, SeqLen: 5, Train: true}), 2, 5, ids)
		e3 := refEngine(t, 3)
		d := newTiny(t, e3, m, decoder.Options{Batch: 3, SeqLen: 8})
		if diff := maxDiff(logits(t, e3, d, 2, 5, ids), want); diff != 0 {
			t.Errorf("%s: logits differ by %.1e", name, diff)
		}
		if diff := maxDiff(logits(t, e3, d, 1, 5, ids[5:]), want[len(want)/2:]); diff != 0 {
			t.Errorf("%s: logits of the second sequence alone differ by %.1e", name, diff)
		}
	}
}

// TestWindow: with a window of 3 one layer sees nothing older than two tokens ago.
func TestWindow(t *testing.T) {
	_, m := tinyConfig(t, tiny["mistral, window"], "num_hidden_layers", 1)
	e := refEngine(t, 1)
	d := newTiny(t, e, m, decoder.Options{Batch: 1, SeqLen: 9})
	ids := randomIDs(10, 9, m.Vocab)
	before := logits(t, e, d, 1, 9, ids)
	ids[2] = (ids[2] + 1) % int32(m.Vocab)
	after := logits(t, e, d, 1, 9, ids)
	for row := range 9 {
		same := slices.Equal(before[row*m.Vocab:(row+1)*m.Vocab], after[row*m.Vocab:(row+1)*m.Vocab])
		if sees := row >= 2 && row < 5; same == sees {
			t.Errorf("position %d sees position 2: %t, want %t", row, !same, sees)
		}
	}
}

func TestSetBatchRefuses(t *testing.T) {
	_, m := tinyConfig(t, tiny["mistral, window"])
	e := refEngine(t, 1)
	d := newTiny(t, e, m, decoder.Options{Batch: 2, SeqLen: 4})
	for _, c := range []struct {
		batch, seq   int
		ids, targets []int32
		want         string
	}{
		{1, 4, []int32{0, 1, 2, 13}, nil, "row 0, position 3: token id 13 is outside the vocabulary of 13"},
		{2, 2, []int32{0, 1, -1, 0}, nil, "row 1, position 0: token id -1"},
		{1, 2, []int32{0, 1}, []int32{1, 99}, "row 0, position 1: target 99"},
		{1, 2, []int32{0, 1}, []int32{1, -1}, "target -1"},
		{1, 2, []int32{0}, nil, "has 1 ids"},
		{1, 2, []int32{0, 1}, []int32{0}, "1 targets"},
		{1, 5, make([]int32, 5), nil, "does not fit"},
		{3, 4, make([]int32, 12), nil, "does not fit"},
		{0, 4, nil, nil, "batch of 0"},
	} {
		err := d.SetBatch(c.batch, c.seq, c.ids, c.targets)
		if err == nil || !strings.Contains(err.Error(), c.want) || fault.KindOf(err) != fault.Input {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
	if err := d.SetBatch(1, 2, []int32{0, 1}, nil); err != nil {
		t.Fatal(err)
	}
	if err := d.HeadForward(1); err == nil {
		t.Error("a loss without targets")
	}
	if err := d.SetBatch(2, 4, make([]int32, 8), slices.Repeat([]int32{-100}, 8)); err != nil {
		t.Errorf("no target at all: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	e := refEngine(t, 1)
	change := func(f func(*arch.Model)) *arch.Model {
		_, m := tinyConfig(t, tiny["llama, all biases, groups"])
		spec := *m.Spec
		spec.Block = slices.Clone(spec.Block)
		m.Spec = &spec
		f(m)
		return m
	}
	o := decoder.Options{Batch: 1, SeqLen: 4}
	fused := func(f func(*arch.Dim)) *arch.Model {
		_, m := tinyConfig(t, tiny["gpt2"])
		spec := *m.Spec
		spec.Block = slices.Clone(spec.Block)
		m.Spec = &spec
		for i := range spec.Block {
			if spec.Block[i].Role == arch.QKV {
				spec.Block[i].Dims = slices.Clone(spec.Block[i].Dims)
				f(&spec.Block[i].Dims[1])
			}
		}
		return m
	}
	for want, m := range map[string]*arch.Model{
		`role "attn_norm" here`:         change(func(m *arch.Model) { m.PreNorm = false }),
		`no tensor of role "attn_post_`: change(func(m *arch.Model) { m.PostNorm = true }),
		`no tensor of role "attn_norm.`: change(func(m *arch.Model) { m.LayerNorm = true }),
		`role "gate" here`:              change(func(m *arch.Model) { m.Gated = false }),
		`mlp.gate_proj.weight": the dec`: change(func(m *arch.Model) {
			m.MoE = &arch.MoE{Experts: 2, TopK: 1, FFN: 4,
				Layer: []bool{true, true}}
		}),
		"3 experts for a token": change(func(m *arch.Model) {
			m.MoE = &arch.MoE{Experts: 2, TopK: 3, FFN: 4,
				Layer: make([]bool, 2)}
		}),
		"apart from": change(func(m *arch.Model) {
			d := m.Spec.Block[1].Dims
			m.Spec.Block[1].Dims = []arch.Dim{d[1], d[0]}
		}),
		"its parts [v k q] in this order": fused(func(d *arch.Dim) {
			d.Parts = []arch.Part{d.Parts[2], d.Parts[1],
				d.Parts[0]}
		}),
		"its parts [q k v] in this order": fused(func(d *arch.Dim) { d.Interleave = arch.HeadDim }),
		"hidden_act":                      change(func(m *arch.Model) { m.Act = "relu2" }),
		"rotary scaling":                  change(func(m *arch.Model) { m.Rope.Type = "yarn2" }),
		`of role "sinks"`:                 change(func(m *arch.Model) { m.Spec.Block[0].Role = "sinks" }),
		"only some": change(func(m *arch.Model) {
			m.Spec.Block[1].When = func(*arch.Model,
				int) bool {
				return false
			}
		}),
		`no tensor of role "gate"`: change(func(m *arch.Model) { m.Spec.Block = m.Spec.Block[:12] }),
	} {
		_, err := decoder.New(e, m, o)
		if err == nil || !strings.Contains(err.Error(), want) || fault.KindOf(err) != fault.Input {
			t.Errorf("got %v, want %q", err, want)
		}
		if decoder.Plan(m, e.Spec(), o) != (decoder.Need{}) {
			t.Errorf("%s: a plan for a model that is refused", want)
		}
	}
	_, m := tinyConfig(t, tiny["mistral, window"])
	for _, o := range []decoder.Options{{}, {Batch: 1}, {Batch: 1 << 20, SeqLen: 1 << 20}} {
		if _, err := decoder.New(e, m, o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

// TestSource: what was loaded comes out again, byte for byte, also when read in odd pieces.
func TestSource(t *testing.T) {
	for _, dir := range oracleModels(t) {
		ck := open(t, dir)
		d, err := decoder.New(refEngine(t, 2), ck.Model, decoder.Options{Batch: 1, SeqLen: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Load(ck); err != nil {
			t.Fatal(err)
		}
		src := d.Source(ck.Config, tensor.F32, map[string][]byte{"tokenizer.json": []byte("{}")})
		again, err := arch.Bind(src)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := len(src.Names()), len(ck.Source.Names()); got != want {
			t.Errorf("%s: %d tensors, want %d", dir, got, want)
		}
		for _, name := range src.Names() {
			_, want := raw(t, ck.Source, name)
			info, got := raw(t, again.Source, name)
			if info.DType != tensor.F32 || !bytes.Equal(got, want) {
				t.Errorf("%s: %s comes out differently", dir, name)
			}
			x, _ := src.Tensor(name)
			piece := make([]byte, 13)
			if n, err := x.ReadAt(piece, 5); n != 13 || err != nil || !bytes.Equal(piece, want[5:18]) {
				t.Errorf("%s: %s: reading 13 bytes at 5 gives %d, %v", dir, name, n, err)
			}
		}
		var files []string
		for name := range src.Files() {
			files = append(files, name)
		}
		if !slices.Equal(files, []string{"config.json", "tokenizer.json"}) {
			t.Errorf("files %v", files)
		}
	}
}

// TestLoadRefuses checkpoints of another model and of types that are not weights.
func TestLoadRefuses(t *testing.T) {
	a, b := open(t, fixtures+"/llama-untied"), open(t, fixtures+"/qwen3")
	d, err := decoder.New(refEngine(t, 1), a.Model, decoder.Options{Batch: 1, SeqLen: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Load(b); err == nil || fault.KindOf(err) != fault.Input {
		t.Errorf("loading another model: %v", err)
	}
	broken := *a
	broken.Tensors = slices.Clone(a.Tensors)
	info := broken.Tensors[2].Info()
	info.DType = tensor.F8E4M3
	broken.Tensors[2].Tensor = fake{info}
	if err := d.Load(&broken); err == nil || !strings.Contains(err.Error(), info.Name) ||
		!strings.Contains(err.Error(), "F8_E4M3") {
		t.Errorf("loading F8: %v", err)
	}
}

type fake struct{ info tensor.Info }

func (f fake) Info() tensor.Info                     { return f.info }
func (f fake) ReadAt(b []byte, _ int64) (int, error) { return len(b), nil }

// TestInit: the distribution of transformers' initialisation, as a function of seed, name and element alone.
func TestInit(t *testing.T) {
	_, m := tinyConfig(t, tiny["llama, all biases, groups"], "hidden_size", 64, "intermediate_size", 96, "vocab_size", 512,
		"initializer_range", 0.02)
	e := refEngine(t, 1)
	start := func(seed uint64) []decoder.Param {
		d, err := decoder.New(e, m, decoder.Options{Batch: 1, SeqLen: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Init(seed); err != nil {
			t.Fatal(err)
		}
		return d.Params()
	}
	first, other := start(1), start(2)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	again := start(1)
	for i, p := range first {
		x := values(t, e, p.W)
		if maxDiff(x, values(t, e, again[i].W)) != 0 {
			t.Errorf("%s: depends on the number of processors", p.Name)
		}
		if len(p.Shape) == 1 {
			want := 1.0
			if strings.HasSuffix(p.Name, ".bias") {
				want = 0
			}
			if !slices.Equal(x, slices.Repeat([]float64{want}, len(x))) {
				t.Errorf("%s: want %g everywhere", p.Name, want)
			}
			continue
		}
		if maxDiff(x, values(t, e, other[i].W)) == 0 {
			t.Errorf("%s: does not depend on the seed", p.Name)
		}
		checkNormal(t, p.Name, x, 0.02)
		if i > 0 && len(first[i-1].Shape) == 2 && slices.Equal(values(t, e, first[i-1].W)[:8], x[:8]) {
			t.Errorf("%s: starts as %s", p.Name, first[i-1].Name)
		}
	}
}

// checkNormal looks at four moments and at the correlation of neighbours.
func checkNormal(t *testing.T, name string, x []float64, std float64) {
	t.Helper()
	var m1, m2, m3, m4, lag float64
	for i, v := range x {
		v /= std
		m1, m2, m3, m4 = m1+v, m2+v*v, m3+v*v*v, m4+v*v*v*v
		if i > 0 {
			lag += v * x[i-1] / std
		}
	}
	n := float64(len(x))
	sigma := 5 / math.Sqrt(n)
	for _, c := range []struct{ what, got, want, dev float64 }{{1, m1, 0, 1}, {2, m2, 1, math.Sqrt(2)},
		{3, m3, 0, math.Sqrt(15)}, {4, m4, 3, math.Sqrt(96)}, {11, lag, 0, 1}} {
		if math.Abs(c.got/n-c.want) > sigma*c.dev {
			t.Errorf("%s: moment %g is %.4f, want %g", name, c.what, c.got/n, c.want)
		}
	}
}

// TestInitGolden pins the numbers: a seed must mean the same weights in every version.
func TestInitGolden(t *testing.T) {
	_, m := tinyConfig(t, tiny["mistral, window"])
	e := refEngine(t, 1)
	d, err := decoder.New(e, m, decoder.Options{Batch: 1, SeqLen: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Init(42); err != nil {
		t.Fatal(err)
	}
	want := []float64{0.69883653879893604, -0.0759148665190955, -0.16467301708020446, -0.30029965874707393}
	if got := values(t, e, d.Params()[0].W)[:4]; maxDiff(got, want) > 1e-15 {
		t.Errorf("embedding starts with %.17g, want %.17g", got, want)
	}
}

// silent is an engine whose operators do nothing.
type silent struct{ engine.Engine }

func (silent) Zero(engine.Buf)                               {}
func (silent) MatMul(*engine.MatMul)                         {}
func (silent) BiasGrad(_, _ engine.Buf, _, _, _ int)         {}
func (silent) RMSNorm(*engine.Norm)                          {}
func (silent) RMSNormGrad(*engine.Norm)                      {}
func (silent) LayerNorm(*engine.Norm)                        {}
func (silent) LayerNormGrad(*engine.Norm)                    {}
func (silent) Route(*engine.Route)                           {}
func (silent) RouteGrad(*engine.Route)                       {}
func (silent) Combine(*engine.Combine)                       {}
func (silent) CombineGrad(*engine.Combine)                   {}
func (silent) AddTo(_, _ engine.Buf)                         {}
func (silent) Copy(_, _ engine.Buf)                          {}
func (silent) Rope(*engine.Rope)                             {}
func (silent) Attention(*engine.Attention)                   {}
func (silent) AttentionGrad(*engine.Attention)               {}
func (silent) Gate(*engine.Gate)                             {}
func (silent) GateGrad(*engine.Gate)                         {}
func (silent) Embed(*engine.Embed)                           {}
func (silent) EmbedGrad(*engine.Embed)                       {}
func (silent) CrossEntropy(*engine.CrossEntropy)             {}
func (silent) Grouped(*engine.Grouped)                       {}
func (silent) Sum(_, _ engine.Buf)                           {}
func (silent) Clip(*engine.Clip)                             {}
func (silent) UploadInts(engine.Buf, []int32)                {}
func (silent) Upload(engine.Buf, []byte, tensor.DType) error { return nil }

// TestNoAllocation: a step of the decoder itself takes nothing from the heap.
func TestNoAllocation(t *testing.T) {
	for name, special := range tiny {
		_, m := tinyConfig(t, special)
		d, err := decoder.New(silent{refEngine(t, 1)}, m, decoder.Options{Batch: 2, SeqLen: 4, Train: true})
		if err != nil {
			t.Fatal(err)
		}
		ids := randomIDs(11, 8, m.Vocab)
		if n := testing.AllocsPerRun(10, func() {
			d.ZeroGrad()
			passes(t, d, 2, 4, ids, ids, 1)
			d.Clip(1)
			figures(t, d)
		}); n != 0 {
			t.Errorf("%s: %g allocations in a step", name, n)
		}
	}
}
