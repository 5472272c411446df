package proof

import (
	"fmt"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/rowsum"
)

// NoSource marks a layer or an index that nothing of the parent stands behind.
const NoSource = rowsum.None

// Claim is what is said about how a child grew. It is only said: a wrong claim makes the proof fail.
type Claim struct {
	// Layers gives for each layer of the child the parent's layer that it computes, NoSource where it adds nothing.
	Layers []int
	// Maps gives for an axis where its indices come from. An axis without a map is as it was.
	Maps map[arch.Axis]Map
	// Inside has, by the child's layer, the maps of neurons, heads and experts of that layer alone, in place of those in
	// Maps: other tools draw which neurons they copy anew for each layer.
	Inside map[int]map[arch.Axis]Map
	// Shards is into how many experts a dense MLP was cut; 0 or 1 for whole ones.
	Shards int
	// Rounded lists the growths in between that round, where there are several. Empty stands for one growth, which rounds
	// nothing but what its own scales and shares make it round.
	Rounded []Step
	// Rewritten says how the child is stored otherwise; nil where it is stored as its parent.
	Rewritten *Rewriting
}

// Map says where each index of an axis comes from: index t of the child is Scale[t] times the parent's index Src[t],
// or, at NoSource, new. Only the residual stream is scaled.
type Map struct {
	Src   []int32
	Scale []float64 // nil: 1
}

// Step is a growth in between that rounds: any number once, or twice where it also shares evenly what it has rounded.
// From and To are the widths that it started from and led to.
type Step struct {
	Roundings int    `json:"roundings"`
	From      Widths `json:"from"`
	To        Widths `json:"to"`
}

// Widths are the sizes whose growth can round. Neurons are those of the dense MLP or of all experts of a layer
// together.
type Widths struct {
	Hidden  int `json:"hidden"`
	Heads   int `json:"heads"`
	KVHeads int `json:"kv_heads"`
	HeadDim int `json:"head_dim"`
	Neurons int `json:"neurons"`
}

// WidthsOf gives a model's widths.
func WidthsOf(m *arch.Model) Widths {
	w := Widths{Hidden: m.Hidden, Heads: m.Heads, KVHeads: m.KVHeads, HeadDim: m.HeadDim, Neurons: m.FFN}
	if m.MoE != nil {
		w.Neurons = max(m.FFN, m.MoE.Experts*m.MoE.FFN)
	}
	return w
}

// Steps are growths that round n times in all, where nothing tells which they were: each widens what has grown by as
// little as it can, the last one to the end. nil where the widths leave no room for so many.
func Steps(n int, from, to Widths) []Step {
	var out []Step
	for at, left := from, n; left > 0; at = out[len(out)-1].To {
		s := Step{From: at, To: to, Roundings: 1}
		if left > 1 && (at.Hidden < to.Hidden || at.Neurons < to.Neurons) {
			s.Roundings = 2
		}
		if left -= s.Roundings; left > 0 {
			if s.To = at.wider(to); s.To == at || s.To == to {
				return nil
			}
		}
		out = append(out, s)
	}
	return out
}

// wider is w with each width that is below to's one larger, where that leaves room for another.
func (w Widths) wider(to Widths) Widths {
	for _, x := range []struct {
		at *int
		to int
	}{{&w.Hidden, to.Hidden}, {&w.Heads, to.Heads}, {&w.KVHeads, to.KVHeads}, {&w.HeadDim, to.HeadDim},
		{&w.Neurons, to.Neurons}} {
		if *x.at+1 < x.to {
			*x.at++
		}
	}
	return w
}

// sizes are the widths by the axis of tensors that they are of. Group stands for the number of query heads.
func (w Widths) sizes() map[arch.Axis]int {
	return map[arch.Axis]int{arch.Hidden: w.Hidden, arch.Group: w.Heads, arch.KV: w.KVHeads, arch.HeadDim: w.HeadDim,
		arch.FFN: w.Neurons}
}

// upTo reports whether no width is above to's.
func (w Widths) upTo(to Widths) bool {
	most := to.sizes()
	for a, n := range w.sizes() {
		if n > most[a] {
			return false
		}
	}
	return true
}

// touches reports whether a growth from widths w to others may round numbers of a tensor: those that write the residual
// stream, or scale it, where that grows; those that are shared by what reads an axis that grows; those of q, which
// make up for another head_dim.
func (w Widths) touches(to Widths, t *arch.TensorSpec) bool {
	was, is := w.sizes(), to.sizes()
	for _, d := range t.Dims {
		for _, a := range axesOf(d) {
			if a == arch.ExpertFFN || a == arch.Experts {
				a = arch.FFN
			}
			rounds := d.Use == arch.Reads || a == arch.Hidden || a == arch.HeadDim
			if rounds && was[a] != is[a] {
				return true
			}
		}
	}
	return false
}

// MostRoundings bounds what a claim may ask for: eight roundings to bfloat16 are three percent already.
const MostRoundings = 8

// checkRounded judges the growths that a claim lists: each widens something and narrows nothing, so that there can be
// no more of them than there is room for between the two models, and rounds twice only what a wider stream has it
// scale.
func (c *Claim) checkRounded(parent, child Widths) error {
	total, at := 0, parent
	for i, s := range c.Rounded {
		most := 1
		if s.From.Hidden != s.To.Hidden || s.From.Neurons != s.To.Neurons {
			most = 2
		}
		switch total += s.Roundings; {
		case s.Roundings < 1 || s.Roundings > most:
			return fmt.Errorf("growth %d is claimed to round %d times: this one rounds at most %d times", i, s.Roundings, most)
		case total > MostRoundings:
			return fmt.Errorf("%d roundings of each number are claimed, at most %d can be", total, MostRoundings)
		case !at.upTo(s.From):
			return fmt.Errorf("growth %d is claimed to start from %s, which is narrower than %s", i, s.From, at)
		case s.From == s.To || !s.From.upTo(s.To):
			return fmt.Errorf("growth %d is claimed to round, and to lead from %s to %s", i, s.From, s.To)
		}
		at = s.To
	}
	if !at.upTo(child) {
		return fmt.Errorf("growths that round are claimed up to %s, the child has %s", at, child)
	}
	return nil
}

// String says the widths in words.
func (w Widths) String() string {
	return fmt.Sprintf("hidden %d, heads %d of %d, kv heads %d, ffn %d", w.Hidden, w.Heads, w.HeadDim, w.KVHeads,
		w.Neurons)
}

// The scales that a growth may write the stream with: those of equal copies are near 1, those of padding its square
// root. Much smaller ones would let a type's least numbers round to anything.
const leastScale, mostScale = 0x1p-5, 0x1p12

// Set claims a map of one layer.
func (c *Claim) Set(layer int, a arch.Axis, m Map) {
	if c.Inside == nil {
		c.Inside = map[int]map[arch.Axis]Map{}
	}
	if c.Inside[layer] == nil {
		c.Inside[layer] = map[arch.Axis]Map{}
	}
	c.Inside[layer][a] = m
}

// Stream is the relation of the residual stream that a claim makes, where it fits the models.
func (c *Claim) Stream(parent, child *arch.Model) (*rowsum.Relation, bool) {
	if len(c.Layers) != child.Layers {
		return nil, false
	}
	if slices.ContainsFunc(c.Layers, func(l int) bool { return l >= parent.Layers }) {
		return nil, false
	}
	m, ok := c.Maps[arch.Hidden]
	if !ok {
		return rowsum.Identity(parent.Hidden), parent.Hidden == child.Hidden
	}
	r, err := m.relation(arch.Hidden, parent.Hidden, child.Hidden)
	return r, err == nil
}
