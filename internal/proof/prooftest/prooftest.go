// Package prooftest makes parents and children for tests of proofs: grown, damaged, and run in float64, so that a test
// knows whether a child computes its parent's function without asking the proof.
package prooftest

import (
	"encoding/json"
	"math"
	"testing"

	"famkit/expand"
	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/draw"
	"famkit/internal/growth"
	"famkit/internal/proof"
	"famkit/internal/tensor"
)

// Size reads a size as a command does.
func Size(t testing.TB, s string) expand.Change {
	t.Helper()
	c, err := expand.ParseChange(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Random is a random model of a config.json.
func Random(t testing.TB, seed uint64, config string, d tensor.DType) *arch.Checkpoint {
	t.Helper()
	src, err := archtest.Random(seed, config, d)
	if err != nil {
		t.Fatal(err)
	}
	return Bind(t, src)
}

// Bind recognises a checkpoint.
func Bind(t testing.TB, src format.Source) *arch.Checkpoint {
	t.Helper()
	ck, err := arch.Bind(src)
	if err != nil {
		t.Fatal(err)
	}
	return ck
}

// Grow compiles a growth, applies it and binds the child.
func Grow(t testing.TB, ck *arch.Checkpoint, r expand.Request) (*growth.Plan, *arch.Checkpoint) {
	t.Helper()
	g, err := expand.Compile(ck, r)
	if err != nil {
		t.Fatal(err)
	}
	return g.Plan, Bind(t, g.Apply())
}

// Change is told of each tensor and may change its numbers.
type Change func(name string, info tensor.Info, v []float64)

// Spoil is a checkpoint with some numbers changed, and some files replaced.
func Spoil(t testing.TB, ck *arch.Checkpoint, change Change, files map[string][]byte) *format.Memory {
	t.Helper()
	out := format.FromTensors(nil, nil, nil)
	for name, data := range ck.Source.Files() {
		out.SetFile(name, data)
	}
	for name, data := range files {
		out.SetFile(name, data)
	}
	for _, b := range ck.Tensors {
		raw, err := format.ReadAll(b.Tensor)
		if err != nil {
			t.Fatal(err)
		}
		info := b.Info()
		if change != nil {
			v := make([]float64, len(raw)*8/info.DType.Bits())
			tensor.Decode(v, raw, info.DType)
			change(info.Name, info, v)
			tensor.Encode(raw, v, info.DType)
		}
		out.AddBytes(info, raw)
	}
	return out
}

// Spoiled is Spoil, bound.
func Spoiled(t testing.TB, ck *arch.Checkpoint, change Change) *arch.Checkpoint {
	t.Helper()
	return Bind(t, Spoil(t, ck, change, nil))
}

// Numbers reads all tensors of a checkpoint.
func Numbers(t testing.TB, ck *arch.Checkpoint) map[string][]float64 {
	t.Helper()
	out := map[string][]float64{}
	Spoil(t, ck, func(name string, _ tensor.Info, v []float64) { out[name] = v }, nil)
	return out
}

// SetKeys gives ck's config.json with some keys set, and those whose value is nil left out.
func SetKeys(t testing.TB, ck *arch.Checkpoint, keys map[string]any) map[string][]byte {
	t.Helper()
	raw, _ := format.ReadFile(ck.Source, "config.json")
	var c map[string]any
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	for k, v := range keys {
		if v == nil {
			delete(c, k)
		} else {
			c[k] = v
		}
	}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"config.json": b}
}

// Build makes a checkpoint of any config whose numbers f gives, slot by slot.
func Build(t testing.TB, files map[string][]byte, d tensor.DType, f func(s arch.Slot) []float64) *arch.Checkpoint {
	t.Helper()
	cfg, err := arch.ParseConfig(files["config.json"])
	if err != nil {
		t.Fatal(err)
	}
	m, err := arch.Resolve(cfg)
	if err != nil {
		t.Fatal(err)
	}
	src := format.FromTensors(nil, nil, files)
	for _, s := range m.Layout() {
		info := tensor.Info{Name: s.Name, DType: d, Shape: s.Shape}
		data := make([]byte, info.Size())
		tensor.Encode(data, f(s), d)
		src.AddBytes(info, data)
	}
	return Bind(t, src)
}

// Distance is how far the logits of two models lie apart on random tokens, in float64 and over the parent's vocabulary,
// relative to the parent's largest. It is infinite where some are no numbers.
func Distance(t testing.TB, parent, child *arch.Checkpoint) float64 {
	t.Helper()
	const batch, seq = 2, 9
	ids := make([]int32, batch*seq)
	for i := range ids {
		u := (draw.Signed(3*0x2545f4914f6cdd1d+uint64(i)) + 1) / 2
		ids[i] = int32(min(int(u*float64(parent.Model.Vocab)), parent.Model.Vocab-1))
	}
	want, got := Logits(t, parent, batch, ids), Logits(t, child, batch, ids)
	far, largest := 0.0, 0.0
	v, c := parent.Model.Vocab, child.Model.Vocab
	for r := range ids {
		for i := range min(v, c) {
			d := math.Abs(want[r*v+i] - got[r*c+i])
			if math.IsNaN(d) {
				return math.Inf(1)
			}
			far, largest = math.Max(far, d), math.Max(largest, math.Abs(want[r*v+i]))
		}
	}
	return far / largest
}

// Steps are n growths that round, each by some of the way from parent to child.
func Steps(n int, parent, child *arch.Model) []proof.Step {
	from, to := proof.WidthsOf(parent), proof.WidthsOf(child)
	at := func(i int) proof.Widths {
		between := func(a, b int) int { return a + (b-a)*i/n }
		return proof.Widths{Hidden: between(from.Hidden, to.Hidden), Heads: between(from.Heads, to.Heads),
			KVHeads: between(from.KVHeads, to.KVHeads),
			HeadDim: between(from.HeadDim, to.HeadDim), Neurons: between(from.Neurons, to.Neurons)}
	}
	var out []proof.Step
	for i := range n {
		out = append(out, proof.Step{Roundings: 1, From: at(i), To: at(i + 1)})
	}
	return out
}
