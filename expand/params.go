package expand

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/growth"
)

// propose fills in sizes that reach the number of parameters that was asked for. Axes with a request of their own keep
// it. Depth and width grow together, the width by whole heads, head_dim stays, and ffn keeps its ratio to hidden, as a
// multiple of a power of two that suits its size.
func (r *Request) propose(ck *arch.Checkpoint) error {
	m := ck.Model
	if err := r.contradicts(); err != nil {
		return err
	}
	if m.Heads == 0 {
		return fault.Inputf("%v needs config.json beside the weights", fault.Arg("params"))
	}
	want, err := paramsWanted(r.Params, m.Params())
	if err != nil {
		return err
	}
	if want <= m.Params() {
		return fault.Inputf("%v: the model has %d parameters already", fault.Arg("params", r.Params), m.Params())
	}
	best, off, has := growth.Sizes{}, math.Inf(1), 0.0
	count := counter{m: m, shards: max(1, r.Shards), known: map[growth.Sizes][2]float64{}}
	for _, to := range r.candidates(ck) {
		try := r.with(to)
		sizes, err := try.resolve(ck)
		if err != nil {
			continue
		}
		n, err := count.params(sizes)
		if err != nil {
			continue // a mixture of what has none: the check says so where nothing else is left
		}
		// Shapes near the wanted number, and among them those whose depth and width have grown alike.
		deep, wide := float64(sizes.Layers)/float64(m.Layers), float64(sizes.Hidden)/float64(m.Hidden)
		ratio := float64(max(sizes.FFN, sizes.ExpertFFN)) / float64(max(m.FFN, m.Size(arch.ExpertFFN))) / wide
		d := math.Abs(math.Log(n/float64(want))) + 0.1*math.Abs(math.Log(deep/wide)) + 0.05*math.Abs(math.Log(ratio))
		if d < off && newBuilder(ck, try, sizes).check() == nil {
			best, off, has = sizes, d, n
		}
	}
	if math.IsInf(off, 1) {
		return fault.Inputf("%v: no sizes can be proposed for this model and these flags", fault.Arg("params", r.Params))
	}
	if missed := math.Abs(math.Log(has / float64(want))); missed > math.Log(farthest) {
		return fault.Hint(fault.Inputf("%v: of the shapes up to %d times as wide and deep that of %.4g parameters is "+
			"nearest to %d", fault.Arg("params", r.Params), most, has, want),
			"give the sizes by their own flags")
	}
	*r = r.with(best)
	return nil
}

// farthest is by what factor a proposal may miss the number that was asked for: small models grow in large steps.
// most is how many times as wide or as deep it may be.
const (
	farthest = 1.25
	most     = 8
)

// counter counts the parameters of many shapes; blocks count once for each shape, since they all weigh the same.
type counter struct {
	m      *arch.Model
	shards int                         // of a dense MLP that becomes experts
	known  map[growth.Sizes][2]float64 // of shapes with no layers: the parameters outside the blocks, and of one block
}

func (c *counter) params(s growth.Sizes) (float64, error) {
	key := s
	key.Layers = 0
	if n, ok := c.known[key]; ok {
		return n[0] + n[1]*float64(s.Layers), nil
	}
	var n [2]float64
	for i := range n {
		p := &growth.Plan{Arch: c.m.Spec.Name, From: growth.SizesOf(c.m), To: s, Layers: make([]growth.LayerFrom, i+1)}
		if p.From.Experts == 0 && s.Experts > 0 {
			p.Upcycle, p.ChildArch = &growth.Upcycle{Shards: c.shards}, mixtures[p.Arch]
			p.To.ExpertFFN = s.FFN / c.shards
		}
		child, err := p.ChildModel(c.m)
		if err != nil {
			return 0, err
		}
		n[i] = float64(child.Params())
	}
	block := n[1] - n[0]
	c.known[key] = [2]float64{n[0] - block, block}
	return c.params(s)
}

// paramsWanted reads "2x", "250M" or "1.5B".
func paramsWanted(s string, now int64) (int64, error) {
	unit := map[string]float64{"X": float64(now), "K": 1e3, "M": 1e6, "B": 1e9, "": 1}
	text := strings.ToUpper(s)
	if factor, ok := strings.CutPrefix(text, "X"); ok { // as sizes may be written
		text = factor + "X"
	}
	if percent, ok := strings.CutSuffix(text, "%"); ok {
		v, err := strconv.ParseFloat(percent, 64)
		if err == nil {
			text = strconv.FormatFloat(v/100, 'g', -1, 64) + "X"
		}
	}
	number := strings.TrimRight(text, "XKMB")
	by, ok := unit[text[len(number):]]
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !ok || !(v > 0) || v*by > 1e15 {
		return 0, fault.Usagef("%v: want a factor (2x, 200%%) or a number of parameters (250M, 1.5B)", fault.Arg("params", s))
	}
	return int64(v * by), nil
}

// candidates are sane shapes up to eight times the width and depth.
func (r *Request) candidates(ck *arch.Checkpoint) []growth.Sizes {
	m := ck.Model
	group := m.Heads / m.KVHeads
	unit := m.HeadDim * group // of hidden: one kv head with its query heads
	if m.Hidden%unit != 0 {
		unit = max(1, m.Hidden/m.KVHeads)
	}
	var out []growth.Sizes
	for kv := m.KVHeads; kv <= most*m.KVHeads; kv++ {
		hidden := m.Hidden + (kv-m.KVHeads)*unit
		if hidden > most*m.Hidden {
			break
		}
		for layers := m.Layers; layers <= most*m.Layers; layers++ {
			for quarters := 4; quarters <= 8; quarters++ { // ffn at its ratio to hidden, or up to twice that
				s := growth.SizesOf(m)
				s.Layers, s.Hidden, s.KVHeads, s.Heads = layers, hidden, kv, kv*group
				s.FFN = ffnLike(s.FFN, 4*m.Hidden, quarters*hidden)
				s.ExpertFFN = ffnLike(s.ExpertFFN, 4*m.Hidden, quarters*hidden)
				if m.MoE != nil && !slices.Contains(m.MoE.Layer, false) && m.FFN != m.MoE.FFN {
					s.FFN = m.FFN // no layer has a dense MLP
				}
				out = append(out, s)
			}
		}
	}
	return out
}

// ffnLike keeps the ratio to hidden, rounded to a multiple of 256, 128 or 64, or of 8 where the sizes are small.
func ffnLike(ffn, hidden, to int) int {
	if ffn == 0 || hidden == to {
		return ffn
	}
	f := float64(ffn) * float64(to) / float64(hidden)
	unit := 8
	for _, u := range []int{64, 128, 256} {
		if ffn >= 8*u {
			unit = u
		}
	}
	return max(ffn, int(math.Round(f/float64(unit)))*unit)
}

// with is the request for sizes, where it has none of its own.
func (r *Request) with(to growth.Sizes) Request {
	q := *r
	q.Params, q.Width = "", Change{}
	for _, a := range []struct {
		c *Change
		n int
	}{{&q.Depth, to.Layers}, {&q.Hidden, to.Hidden}, {&q.FFN, to.FFN}, {&q.KV, to.KVHeads}, {&q.Heads, to.Heads},
		{&q.ExpertFFN, to.ExpertFFN}} {
		if !a.c.Given() && a.n > 0 {
			*a.c = Change{text: itoa(a.n), size: a.n}
		}
	}
	return q
}
