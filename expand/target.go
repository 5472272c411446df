package expand

import (
	"famkit/internal/arch"
	"famkit/internal/fault"
)

// Request is what a user asks for, axis by axis.
type Request struct {
	Depth, Hidden, FFN, Heads, KV Change
	// Width grows hidden, ffn, heads and kv heads together; an axis with a request of its own keeps that one.
	Width Change
	// Place says where new blocks go: Interleave (the default), Top or Bottom.
	Place Place
	// Seed of the choices that break symmetry.
	Seed uint64
}

// Sizes of the axes that a growth can change.
type Sizes struct {
	Layers  int `json:"layers"`
	Hidden  int `json:"hidden"`
	FFN     int `json:"ffn"`
	Heads   int `json:"heads"`
	KVHeads int `json:"kv_heads"`
	HeadDim int `json:"head_dim"`
	Vocab   int `json:"vocab"`
}

func sizesOf(m *arch.Model) Sizes {
	return Sizes{m.Layers, m.Hidden, m.FFN, m.Heads, m.KVHeads, m.HeadDim, m.Vocab}
}

// resolve turns a request into the child's sizes and refuses what cannot be kept exact.
func (r Request) resolve(m *arch.Model) (Sizes, error) {
	to := sizesOf(m)
	group := 0
	if m.KVHeads > 0 {
		group = m.Heads / m.KVHeads
	}
	pick := func(own Change) Change {
		if own.Given() {
			return own
		}
		return r.Width
	}
	kv := r.KV
	if !r.KV.Given() && !r.Heads.Given() {
		kv = r.Width
	}
	for _, a := range []struct {
		name string
		by   Change
		size *int
	}{
		{"depth", r.Depth, &to.Layers}, {"hidden", pick(r.Hidden), &to.Hidden}, {"ffn", pick(r.FFN), &to.FFN},
		{"kv", kv, &to.KVHeads}, {"heads", r.Heads, &to.Heads},
	} {
		n, err := a.by.Of(a.name, *a.size)
		if err != nil {
			return to, err
		}
		*a.size = n
	}
	if !r.Heads.Given() {
		to.Heads = to.KVHeads * group
	}
	return to, r.check(m, to)
}

func (r Request) check(m *arch.Model, to Sizes) error {
	from := sizesOf(m)
	if to == from {
		return fault.Hint(fault.Usagef("nothing to grow: every size stays as it is"), "famkit help axes")
	}
	if from.Heads == 0 {
		wider := to
		wider.Layers = from.Layers
		if wider != from {
			return fault.Hint(fault.Inputf("growing the width needs config.json beside the weights: the number of heads is not in the tensors"),
				"only --depth works on a lone file")
		}
		return nil
	}
	group := from.Heads / from.KVHeads
	if to.Heads%to.KVHeads != 0 {
		n := to.Heads / to.KVHeads * to.KVHeads
		return fault.Hint(fault.Inputf("%d query heads do not form whole groups over %d kv heads, so no head could keep its kv head",
			to.Heads, to.KVHeads), "--heads %d or --heads %d", max(n, to.KVHeads), n+to.KVHeads)
	}
	if to.Heads/to.KVHeads < group {
		return fault.Hint(fault.Inputf("%d query heads over %d kv heads are groups of %d; the parent's are %d and cannot be split",
			to.Heads, to.KVHeads, to.Heads/to.KVHeads, group), "--heads %d keeps the groups", to.KVHeads*group)
	}
	if m.Spec.HeadsDivideHidden && to.Hidden%to.Heads != 0 {
		low := to.Hidden / to.Heads * to.Heads
		hint := "--hidden %d"
		args := []any{low + to.Heads}
		if low > from.Hidden {
			hint, args = "--hidden %d or --hidden %d", []any{low, low + to.Heads}
		}
		return fault.Hint(fault.Inputf("hidden size %d is not a multiple of %d heads, which transformers asks of a %s model",
			to.Hidden, to.Heads, m.Spec.Name), hint, args...)
	}
	return nil
}
