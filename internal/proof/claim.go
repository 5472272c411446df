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
}

// Map says where each index of an axis comes from: index t of the child is Scale[t] times the parent's index Src[t], or,
// at NoSource, new. Only the residual stream is scaled.
type Map struct {
	Src   []int32
	Scale []float64 // nil: 1
}

// Step is a growth in between that rounds: any number once, or twice where it also shares evenly what it has rounded.
type Step struct {
	Roundings int `json:"roundings"`
	// From and To are the widths that it started from and led to, nil where they are not known.
	From *Widths `json:"from,omitempty"`
	To   *Widths `json:"to,omitempty"`
}

// Widths are the sizes whose growth can round. Neurons are those of the dense MLP or of all experts of a layer together.
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

func (w Widths) list() []int { return []int{w.Hidden, w.Heads, w.KVHeads, w.HeadDim, w.Neurons} }

// upTo reports whether no width is above to's, and by how much to is wider in all.
func (w Widths) upTo(to Widths) (ok bool, more int) {
	b := to.list()
	for i, n := range w.list() {
		if n > b[i] {
			return false, 0
		}
		more += b[i] - n
	}
	return true, more
}

// MostRoundings bounds what a claim may ask for: eight roundings to bfloat16 are three percent already.
const MostRoundings = 8

// roundings is how often any number may have been rounded, whatever its scale: as often as the growths in between round.
// A growth makes some width larger and none smaller, so a claim can list no more of them than there is room for between
// the two models.
func (c *Claim) roundings(parent, child Widths) (int, error) {
	total, at := 0, parent
	unknown := 0
	for i, s := range c.Rounded {
		if s.Roundings < 1 || s.Roundings > 2 {
			return 0, fmt.Errorf("growth %d is claimed to round %d times: a growth rounds once, or twice where it shares evenly", i, s.Roundings)
		}
		if total += s.Roundings; total > MostRoundings {
			return 0, fmt.Errorf("%d roundings of each number are claimed, at most %d can be", total, MostRoundings)
		}
		if s.From == nil || s.To == nil {
			unknown++
			continue
		}
		if ok, _ := at.upTo(*s.From); !ok {
			return 0, fmt.Errorf("growth %d is claimed to start from %+v, which is narrower than %+v", i, *s.From, at)
		}
		if ok, more := s.From.upTo(*s.To); !ok || more == 0 {
			return 0, fmt.Errorf("growth %d is claimed to round, and to lead from %+v to %+v", i, *s.From, *s.To)
		}
		at = *s.To
	}
	if ok, more := at.upTo(child); !ok || unknown > more {
		return 0, fmt.Errorf("growths that round are claimed up to %+v, the child has %+v", at, child)
	}
	return total, nil
}

// The scales that a growth may write the stream with: those of equal copies are near 1, those of padding its square root.
// Much smaller ones would let a type's least numbers round to anything.
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
