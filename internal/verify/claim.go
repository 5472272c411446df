package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/growth"
	"famkit/internal/runs"
)

// Claim is what is said about how a child grew: for each of its layers the parent's layer that it computes, noSource where
// it adds nothing, and for each axis where its indices come from. It is only said: a wrong claim makes the proof fail.
type Claim struct {
	Layers []int                        `json:"layers"`
	Maps   map[arch.Axis]growth.AxisMap `json:"maps,omitempty"`
	// Inside has, by the child's layer, the maps of neurons, heads and experts of that layer alone, instead of those in Maps:
	// other tools draw which neurons they copy anew for each layer.
	Inside map[int]map[arch.Axis]growth.AxisMap `json:"inside,omitempty"`
	// Shards is into how many experts a dense MLP was cut; 0 or 1 for whole ones.
	Shards int `json:"shards,omitempty"`
	// Roundings is how often a number may have been rounded, once for each of several growths that round, twice where it shares
	// evenly what it has rounded; 0 for one growth, which rounds nothing but what its scales make it round.
	Roundings int `json:"roundings,omitempty"`
}

// mostIndices is how many indices the maps of a stored claim may have together: a few characters can stand for millions.
const mostIndices = 1 << 26

// UnmarshalJSON reads a stored claim, which may come from anywhere.
func (c *Claim) UnmarshalJSON(b []byte) error {
	type plain Claim // without this method
	raw := struct {
		*plain
		Maps   map[arch.Axis]json.RawMessage         `json:"maps"`
		Inside map[int]map[arch.Axis]json.RawMessage `json:"inside"`
	}{plain: (*plain)(c)}
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	left := mostIndices
	read := func(axis arch.Axis, b []byte) (m growth.AxisMap, err error) {
		if !slices.Contains(claimable, axis) {
			return m, fmt.Errorf("axis %q: unknown", axis)
		}
		var text struct {
			Src   string
			Write [][2]float64
			Fill  growth.Fill
		}
		if err := json.Unmarshal(b, &text); err != nil {
			return m, err
		}
		n := runs.Count(text.Src)
		if left -= n; left < 0 {
			return m, fmt.Errorf("axis %s: more than %d indices in all maps together", axis, mostIndices)
		}
		m.Fill = text.Fill
		if m.Src, err = runs.ParseIndices(text.Src, n, growth.MaxSize); err != nil {
			return m, err
		}
		m.Write, err = runs.ParseScales(text.Write, n)
		return m, err
	}
	c.Maps = map[arch.Axis]growth.AxisMap{}
	for axis, b := range raw.Maps {
		m, err := read(axis, b)
		if err != nil {
			return err
		}
		c.Maps[axis] = m
	}
	for layer, maps := range raw.Inside {
		for axis, b := range maps {
			m, err := read(axis, b)
			if err != nil {
				return err
			}
			c.inside(layer, axis, m)
		}
	}
	return nil
}

// claimable are the axes that a claim may have maps of.
var claimable = []arch.Axis{arch.Hidden, arch.Vocab, arch.KV, arch.Group, arch.HeadDim, arch.FFN, arch.Pos, arch.Experts, arch.ExpertFFN}

// rounds is how many roundings a number may differ by.
func (c *Claim) rounds() float64 { return float64(max(1, min(c.Roundings, mostRoundings))) }

// LongestChain bounds the growths that a claim may stand for.
const LongestChain = 64

// mostRoundings bounds what a claim may ask for: eight roundings to bfloat16 are three percent already.
const mostRoundings = 8

// The scales that a growth may write the stream with: those of equal copies are near 1, those of padding its square root. Much
// smaller ones would let a type's least numbers round to anything.
const leastScale, mostScale = 0x1p-5, 0x1p12

// noSource marks a layer or an index that nothing of the parent stands behind.
const noSource = -1

// ClaimOf takes the maps from a plan.
func ClaimOf(p *growth.Plan) *Claim {
	c := &Claim{Maps: p.Maps}
	if p.Upcycle != nil {
		c.Shards = p.Upcycle.Shards
	}
	for _, l := range p.Layers {
		if l.Silent {
			c.Layers = append(c.Layers, noSource)
		} else {
			c.Layers = append(c.Layers, l.Src)
		}
	}
	return c
}

// Then is the claim of a growth by c whose child grew by next. Maps of single layers do not compose.
func (c *Claim) Then(next *Claim) (*Claim, error) {
	if len(c.Inside)+len(next.Inside) > 0 {
		return nil, errors.New("maps of single layers do not compose")
	}
	out := &Claim{Maps: map[arch.Axis]growth.AxisMap{}, Shards: max(c.Shards, next.Shards)}
	for i, l := range next.Layers {
		if l >= len(c.Layers) {
			return nil, fmt.Errorf("layer %d: source layer %d of %d", i, l, len(c.Layers))
		}
		if l >= 0 {
			l = c.Layers[l]
		}
		out.Layers = append(out.Layers, l)
	}
	for a, m := range c.Maps {
		out.Maps[a] = m
	}
	for a, m := range next.Maps {
		first, ok := c.Maps[a]
		if !ok {
			out.Maps[a] = m
			continue
		}
		both, err := compose(first, m)
		if err != nil {
			return nil, fmt.Errorf("axis %s: %w", a, err)
		}
		out.Maps[a] = both
	}
	return out, nil
}

// Chain is the claim of several growths, one after the other, the first one first.
func Chain(plans []*growth.Plan) (*Claim, error) {
	claim, rounding := ClaimOf(plans[0]), 0
	for i, p := range plans {
		if !p.Exact() && p.From != p.To { // nothing makes a growth round that changes no size
			rounding++
			if p.Split == growth.SplitEven {
				rounding++ // the scaled number, and its shares
			}
		}
		if i == 0 {
			continue
		}
		var err error
		if claim, err = claim.Then(ClaimOf(p)); err != nil {
			return nil, err
		}
	}
	if rounding > 0 && len(plans) > 1 {
		if rounding > mostRoundings {
			return nil, fault.Hint(fault.Inputf("%d growths that round one after the other may have rounded each number %d times: a proof allows at most %d",
				len(plans), rounding, mostRoundings), "verify them one by one")
		}
		claim.Roundings = rounding
	}
	return claim, nil
}

func compose(first, next growth.AxisMap) (growth.AxisMap, error) {
	out := growth.AxisMap{Fill: next.Fill}
	if out.Fill == growth.FillNone {
		out.Fill = first.Fill
	}
	scaled := first.Write != nil || next.Write != nil
	for t, s := range next.Src {
		k := 1.0
		if next.Write != nil {
			k = next.Write[t]
		}
		from := int32(noSource)
		if s < 0 && next.Fill == growth.FillMean && first.Write != nil { // the mean of what the first growth wrote
			k *= first.Write[0]
		}
		if s >= 0 {
			if int(s) >= len(first.Src) {
				return out, fmt.Errorf("source index %d of %d", s, len(first.Src))
			}
			from = first.Src[s]
			if first.Write != nil {
				k *= first.Write[s]
			}
		}
		out.Src = append(out.Src, from)
		if scaled {
			out.Write = append(out.Write, k)
		}
	}
	return out, nil
}

// relation says what the child's elements of a space are: element t is k[t] times the parent's element src[t], or, at
// noSource, something else.
type relation struct {
	from int
	src  []int32
	k    []float64 // nil: 1
}

func sameRelation(n int) *relation {
	r := &relation{from: n, src: make([]int32, n)}
	for t := range r.src {
		r.src[t] = int32(t)
	}
	return r
}

// same reports whether every element is the source's of that number.
func (r *relation) same() bool {
	for t, s := range r.src {
		if int(s) != t {
			return false
		}
	}
	return r.from == len(r.src)
}

func (r *relation) to() int { return len(r.src) }

func (r *relation) scale(t int) float64 {
	if r.k == nil {
		return 1
	}
	return r.k[t]
}

// scaled is r with other scales.
func (r *relation) scaled(k []float64) *relation { return &relation{r.from, r.src, k} }

// copies counts the child's elements of each source.
func (r *relation) copies() []int {
	n := make([]int, r.from)
	for _, s := range r.src {
		if s >= 0 {
			n[s]++
		}
	}
	return n
}

// fresh reports whether some element has no source.
func (r *relation) fresh() bool {
	for _, s := range r.src {
		if s < 0 {
			return true
		}
	}
	return false
}

// times is the product of two spaces, r the outer one.
func (r *relation) times(inner *relation) *relation {
	out := &relation{from: r.from * inner.from, src: make([]int32, 0, r.to()*inner.to())}
	for _, o := range r.src {
		for _, i := range inner.src {
			if o < 0 || i < 0 {
				out.src = append(out.src, noSource)
			} else {
				out.src = append(out.src, o*int32(inner.from)+i)
			}
		}
	}
	return out
}

// axis reads the claim about an axis; a map that is none of these sizes is an error.
func (c *Claim) axis(a arch.Axis, from, to int) (*relation, error) {
	m, ok := c.Maps[a]
	if !ok {
		if from != to {
			return nil, fmt.Errorf("axis %s has %d indices in the parent and %d in the child, and nothing says where they come from", a, from, to)
		}
		return sameRelation(from), nil
	}
	return relationOf(m, a, from, to)
}

// relationOf reads a map.
func relationOf(m growth.AxisMap, a arch.Axis, from, to int) (*relation, error) {
	if len(m.Src) != to || m.Write != nil && len(m.Write) != to {
		return nil, fmt.Errorf("axis %s: the map has %d indices and %d scales, the child %d", a, len(m.Src), len(m.Write), to)
	}
	r := &relation{from: from, src: make([]int32, to)}
	for t, s := range m.Src {
		if int(s) >= from {
			return nil, fmt.Errorf("axis %s: index %d comes from %d, the parent has %d", a, t, s, from)
		}
		r.src[t] = max(s, noSource)
	}
	if a == arch.Hidden && m.Write != nil {
		r.k = m.Write
		for t, k := range r.k {
			if !(math.Abs(k) >= leastScale && math.Abs(k) <= mostScale) {
				return nil, fmt.Errorf("axis %s: index %d is scaled by %v", a, t, k)
			}
		}
	}
	return r, nil
}
