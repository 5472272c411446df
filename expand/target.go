package expand

import (
	"slices"

	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/growth"
)

// Request is what a user asks for, axis by axis.
type Request struct {
	Depth, Hidden, FFN, Heads, KV, HeadDim, Vocab, Positions, Experts, TopK, ExpertFFN Change
	// Width grows hidden, ffn, heads and kv heads together; an axis with a request of its own keeps that one.
	Width Change
	// VocabMultiple rounds the vocabulary up to a multiple, 0 for as it is; VocabFill says what new rows hold:
	// growth.FillMean (the default) or FillZero.
	VocabMultiple int
	VocabFill     growth.Fill
	// Shards cuts the MLP into that many experts before it is copied, 0 or 1 for whole ones.
	Shards int
	// Like is a model whose sizes are the target, nil for none.
	Like *arch.Model
	// Params is a number of parameters to propose sizes for: "2x" or "250M".
	Params string
	// Methods names methods other than the axes' own; see Methods.
	Methods []string
	// Place says where new blocks go: Interleave (the default), Top, Bottom or "after:3,7".
	Place Place
	// Pairs makes new blocks silent by cancelling pairs, Fresh gives them random inner weights.
	Pairs, Fresh bool
	// Split shares what copies read; growth.SplitChoice by default.
	Split growth.Split
	// Seed of all that is drawn.
	Seed uint64
	// Rope is another rotary scaling, such as "linear:2"; "" keeps it. It changes the function.
	Rope string
	// AllowInexact lets growths through that differ by a term that they then name.
	AllowInexact bool
}

// resolve turns a request into the child's sizes.
func (r *Request) resolve(ck *arch.Checkpoint) (growth.Sizes, error) {
	m := ck.Model
	to := growth.SizesOf(m)
	if err := r.contradicts(); err != nil {
		return to, err
	}
	if r.Like != nil {
		to = r.like(to)
	}
	group := 0
	if m.KVHeads > 0 {
		group = m.Heads / m.KVHeads
	}
	if err := r.sizes(&to, m); err != nil {
		return to, err
	}
	if !r.Heads.Given() && r.Like == nil {
		to.Heads = to.KVHeads * group
	}
	if r.VocabMultiple > growth.MaxSize {
		return to, fault.Inputf("%v: vocab would be beyond %d", fault.Arg("vocab-multiple", r.VocabMultiple), growth.MaxSize)
	}
	if r.VocabMultiple > 0 {
		to.Vocab = (to.Vocab + r.VocabMultiple - 1) / r.VocabMultiple * r.VocabMultiple
	}
	r.headsFollow(m, &to)
	return to, nil
}

// sizes applies the changes of the axes one by one.
func (r *Request) sizes(to *growth.Sizes, m *arch.Model) error {
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
	ffn, expertFFN := pick(r.FFN), r.ExpertFFN
	if m.MoE != nil {
		expertFFN = pick(r.ExpertFFN)
		if slices.Contains(m.MoE.Layer, false) || m.FFN != m.MoE.FFN {
			ffn = r.FFN // sizes of their own
		} else if r.FFN.Given() && !r.ExpertFFN.Given() {
			expertFFN = r.FFN
		}
		if !slices.Contains(m.MoE.Layer, false) && r.FFN.Given() && !r.ExpertFFN.Given() {
			expertFFN, ffn = r.FFN, Change{}
		}
	}
	place, err := r.depthOfPlace()
	if err != nil {
		return err
	}
	was := growth.SizesOf(m) // with --like, what an axis's own flag says is still said of this model
	for _, a := range []struct {
		name string
		by   Change
		size *int
		was  int
	}{
		{"depth", place, &to.Layers, was.Layers}, {"hidden", pick(r.Hidden), &to.Hidden, was.Hidden},
		{"ffn", ffn, &to.FFN, was.FFN},
		{"kv", kv, &to.KVHeads, was.KVHeads}, {"heads", r.Heads, &to.Heads, was.Heads},
		{"head-dim", r.HeadDim, &to.HeadDim, was.HeadDim},
		{"vocab", r.Vocab, &to.Vocab, was.Vocab}, {"positions", r.Positions, &to.Positions, was.Positions},
		{"expert-ffn", expertFFN, &to.ExpertFFN, was.ExpertFFN}, {"experts", r.Experts, &to.Experts, was.Experts},
		{"top-k", r.TopK, &to.TopK, was.TopK},
	} {
		if !a.by.Given() {
			continue
		}
		if *a.size, err = a.by.Of(a.name, a.was); err != nil {
			return err
		}
	}
	if m.MoE != nil && !slices.Contains(m.MoE.Layer, false) && m.FFN == m.MoE.FFN {
		to.FFN = to.ExpertFFN // one key of the config says both
	}
	return nil
}

// depthOfPlace: new blocks at named places say the depth by their number.
func (r *Request) depthOfPlace() (Change, error) {
	if r.Depth.Given() || len(r.Place) <= len(afterPlace) || r.Place[:len(afterPlace)] != afterPlace {
		return r.Depth, nil
	}
	at, err := r.Place.places()
	if err != nil {
		return r.Depth, fault.Usagef("%v: %w", fault.Arg("place"), err)
	}
	return Change{text: "+" + string(r.Place), add: len(at)}, nil
}

// like takes the sizes of another model where it has them.
func (r *Request) like(to growth.Sizes) growth.Sizes {
	want := growth.SizesOf(r.Like)
	if to.Experts == 0 && want.Experts > 0 { // a dense model becomes a mixture, whose experts are its MLP or parts of it
		want.FFN, want.ExpertFFN = want.ExpertFFN*max(1, r.Shards), 0
	}
	if want.Positions < to.Positions {
		want.Positions = to.Positions
	}
	return want
}

// headsFollow: where an architecture has no head_dim of its own (GPT-2, GPT-NeoX) the heads fill the hidden size, so a
// new hidden size asks for more heads, and every head is a kv head.
func (r *Request) headsFollow(m *arch.Model, to *growth.Sizes) {
	if !m.Spec.HeadsAreHidden || r.Like != nil {
		return
	}
	switch {
	case r.Heads.Given() && !r.KV.Given():
		to.KVHeads = to.Heads
	case !r.Heads.Given() && !r.KV.Given() && !r.HeadDim.Given() && to.Hidden%m.HeadDim == 0:
		to.Heads = to.Hidden / m.HeadDim
		to.KVHeads = to.Heads
	}
}
