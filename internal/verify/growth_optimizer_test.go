package verify

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"famkit/expand"
	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/decoder"
	"famkit/internal/engine"
	"famkit/internal/growth"
	pt "famkit/internal/proof/prooftest"
	"famkit/internal/tensor"
)

// gradients runs a model forwards and backwards in float64 and gives the gradient of each tensor.
func gradients(t *testing.T, ck *arch.Checkpoint, ids, targets []int32, batch int) map[string][]float64 {
	t.Helper()
	e, err := engine.New("ref", engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	d, err := decoder.New(e, ck.Model, decoder.Options{Batch: batch, SeqLen: len(ids) / batch, Train: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Load(ck); err != nil {
		t.Fatal(err)
	}
	if err := d.SetBatch(batch, len(ids)/batch, ids, targets); err != nil {
		t.Fatal(err)
	}
	d.EmbedForward()
	for l := range ck.Model.Layers {
		d.BlockForward(l)
	}
	if err := d.HeadForward(1); err != nil {
		t.Fatal(err)
	}
	for l := ck.Model.Layers - 1; l >= 0; l-- {
		d.BlockBackward(l)
	}
	d.EmbedBackward()
	out := map[string][]float64{}
	for _, p := range d.Params() {
		v := make([]float64, p.G.N)
		raw := make([]byte, 8*p.G.N)
		if err := e.Download(raw, tensor.F64, p.G); err != nil {
			t.Fatal(err)
		}
		tensor.Decode(v, raw, tensor.F64)
		out[p.Name] = v
	}
	return out
}

// state writes moments as a training does: of(name) gives each tensor's first one, the second is its square.
func state(t *testing.T, ck *arch.Checkpoint, of func(name string, n int) []float64) *format.Memory {
	t.Helper()
	out := format.FromTensors(nil, nil, nil)
	for _, b := range ck.Tensors {
		info := b.Info()
		name := info.Name
		info.DType = tensor.F64
		n, err := info.Elems()
		if err != nil {
			t.Fatal(err)
		}
		m := of(name, n)
		v := make([]float64, n)
		for i := range v {
			v[i] = m[i] * m[i]
		}
		for _, k := range []struct {
			prefix string
			v      []float64
		}{{"exp_avg.", m}, {"exp_avg_sq.", v}} {
			raw := make([]byte, 8*n)
			tensor.Encode(raw, k.v, tensor.F64)
			info.Name = k.prefix + name
			out.AddBytes(info, raw)
		}
	}
	return out
}

func values(t *testing.T, src format.Source, name string) []float64 {
	t.Helper()
	x, err := src.Tensor(name)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := format.ReadAll(x)
	if err != nil {
		t.Fatal(err)
	}
	v := make([]float64, len(raw)/8)
	tensor.Decode(v, raw, tensor.F64)
	return v
}

func compiled(t *testing.T, p *growth.Plan, ck *arch.Checkpoint) *expand.Growth {
	t.Helper()
	g, err := expand.Of(p, ck)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// stateDistance compares grown moments with the child's own gradients, where the parent has a history. It returns the
// largest relative difference of first and second moments and the number of elements compared.
func stateDistance(t *testing.T, p *growth.Plan, ck, child *arch.Checkpoint, spoil float64) (first, second float64,
	n int) {
	t.Helper()
	ids, targets := SeededIDs(1, 2, 7, ck.Model.Vocab), SeededIDs(2, 2, 7, ck.Model.Vocab)
	before := gradients(t, ck, ids.Data, targets.Data, 2)
	after := gradients(t, child, ids.Data, targets.Data, 2)
	grown, err := compiled(t, p, ck).Optimizer(state(t, ck, func(name string, _ int) []float64 { return before[name] }),
		expand.KeepState)
	if err != nil {
		t.Fatal(err)
	}
	known, err := compiled(t, p, ck).Optimizer(state(t, ck, func(_ string, n int) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = 1
		}
		return v
	}), expand.KeepState)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range child.Tensors {
		name := b.Info().Name
		want, m, v := after[name], values(t, grown, "exp_avg."+name), values(t, grown, "exp_avg_sq."+name)
		has := values(t, known, "exp_avg."+name)
		largest := max(maxAbs(want), 1e-30) // an expert that no token uses has none
		for i := range want {
			if has[i] == 0 {
				if m[i] != 0 || v[i] != 0 {
					t.Fatalf("%s: element %d has no history, its moments are %g and %g", name, i, m[i], v[i])
				}
				continue
			}
			n++
			first = math.Max(first, math.Abs(m[i]*spoil-want[i])/largest)
			second = math.Max(second, math.Abs(v[i]*spoil-want[i]*want[i])/(largest*largest))
		}
	}
	return first, second, n
}

// TestOptimizerState: with even shares the grown first moments are the gradients of the grown model, the second ones
// their squares; what is new has none. A wrong factor shows.
func TestOptimizerState(t *testing.T) {
	size := func(s string) expand.Change { return pt.Size(t, s) }
	for what, r := range map[string]expand.Request{
		"hidden":   {Hidden: size("2x")},
		"uneven":   {Hidden: size("x1.5")},
		"padded":   {Hidden: size("+12"), Methods: []string{"pad"}},
		"lemon":    {Hidden: size("x2.5"), Methods: []string{"lemon"}},
		"ffn":      {FFN: size("x1.4")},
		"heads":    {Heads: size("2x")},
		"kv":       {KV: size("2x")},
		"head_dim": {HeadDim: size("2x")},
		"layers":   {Depth: size("2x")},
		"more":     {Experts: size("2x"), TopK: size("2x"), Hidden: size("2x"), FFN: size("x1.4")},
		"all":      {Hidden: size("3x"), FFN: size("x1.4"), KV: size("2x"), HeadDim: size("2x"), Depth: size("+1")},
	} {
		for _, name := range sorted(archtest.Configs) {
			config := archtest.Configs[name]
			ck := pt.Random(t, 6, config, tensor.F64)
			if what == "more" && ck.Model.MoE == nil {
				continue
			}
			r.Split = growth.SplitEven
			_, err := expand.Compile(ck, r)
			if err != nil {
				if !refusal(err) {
					t.Errorf("%s, %s: %v", name, what, err)
				}
				continue
			}
			t.Run(fmt.Sprint(name, ", ", what), func(t *testing.T) {
				p, child := pt.Grow(t, ck, r)
				if p.Maps[arch.Hidden].Fill == growth.FillMean {
					return // the random columns of new channels reach the others' gradients through LayerNorm's mean
				}
				checkState(t, p, ck, child)
			})
		}
	}
}

func checkState(t *testing.T, p *growth.Plan, ck, child *arch.Checkpoint) {
	t.Helper()
	first, second, n := stateDistance(t, p, ck, child, 1)
	if !(first < 1e-10) || !(second < 1e-10) || n == 0 {
		t.Errorf("moments of %d elements are off by %.1e and %.1e of the tensor's largest", n, first, second)
	}
	if first, _, _ = stateDistance(t, p, ck, child, 1.01); first < 1e-3 {
		t.Errorf("moments that are wrong by a hundredth are off by only %.1e", first)
	}
}

// TestUpcycledState: what a dense model shares with the mixture that it becomes keeps its moments.
func TestUpcycledState(t *testing.T) {
	for what, r := range map[string]expand.Request{
		"whole": {Experts: pt.Size(t, "4"), TopK: pt.Size(t, "2"), FFN: pt.Size(t, "x1.3")},
		"parts": {Experts: pt.Size(t, "8"), TopK: pt.Size(t, "4"), Shards: 2, Hidden: pt.Size(t, "2x"), KV: pt.Size(t, "2x"),
			Depth: pt.Size(t, "+1")},
	} {
		for _, name := range []string{"llama", "mistral", "qwen3"} {
			ck := pt.Random(t, 6, strings.Replace(archtest.Configs[name], `"attention_bias":true`, `"attention_bias":false`, 1),
				tensor.F64)
			r.Split = growth.SplitEven
			p, child := pt.Grow(t, ck, r)
			t.Run(name+", "+what, func(t *testing.T) { checkState(t, p, ck, child) })
		}
	}
}

// TestUpcycledGradients: why experts made of a dense MLP begin without moments. Their gradients add up to the MLP's,
// but each gets what its tokens give it, no fixed part; the router of whole copies gets none.
func TestUpcycledGradients(t *testing.T) {
	ck := pt.Random(t, 6, archtest.Configs["mistral"], tensor.F64)
	p, child := pt.Grow(t, ck, expand.Request{Experts: pt.Size(t, "4"), TopK: pt.Size(t, "2")})
	ids, targets := SeededIDs(1, 2, 7, ck.Model.Vocab), SeededIDs(2, 2, 7, ck.Model.Vocab)
	before := gradients(t, ck, ids.Data, targets.Data, 2)
	after := gradients(t, child, ids.Data, targets.Data, 2)
	moments, err := compiled(t, p, ck).Optimizer(state(t, ck, func(name string, _ int) []float64 { return before[name] }),
		expand.KeepState)
	if err != nil {
		t.Fatal(err)
	}
	whole, total := map[arch.Key][]float64{}, map[arch.Key][]float64{}
	largest, parts := map[arch.Key]float64{}, map[arch.Key]float64{}
	for _, b := range ck.Tensors {
		g := before[b.Info().Name]
		whole[b.Key()], total[b.Key()] = g, make([]float64, len(g))
		largest[b.Key()] = maxAbs(g)
		for i, x := range g {
			total[b.Key()][i] = -x
		}
	}
	for _, b := range child.Tensors {
		k, g := b.Key(), after[b.Info().Name]
		if b.Spec.Role == arch.Router && maxAbs(g) > 1e-12 {
			t.Errorf("%s: the router's gradient is %.1e, though all experts give the same", b.Info().Name, maxAbs(g))
		}
		if b.Expert < 0 {
			continue
		}
		if m := values(t, moments, "exp_avg."+b.Info().Name); maxAbs(m) != 0 {
			t.Errorf("%s: a new expert has a moment of %g", b.Info().Name, maxAbs(m))
		}
		k.Expert = -1
		for i, x := range g {
			parts[k] = math.Max(parts[k], math.Abs(x-whole[k][i]/4)/largest[k])
			total[k][i] += x
		}
	}
	if len(parts) == 0 {
		t.Fatal("no experts")
	}
	for k, part := range parts {
		if sum := maxAbs(total[k]) / largest[k]; !(sum < 1e-10) {
			t.Errorf("layer %d, %s: the experts' gradients add up to another than the MLP's by %.1e", k.Layer, k.Role, sum)
		}
		if !(part > 1e-2) {
			t.Errorf("layer %d, %s: every expert has a quarter of the MLP's gradient to %.1e", k.Layer, k.Role, part)
		}
	}
}
