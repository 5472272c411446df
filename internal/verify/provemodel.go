package verify

import (
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/tensor"
)

// judgedElsewhere are the fields of a model that may change with its size: each has a condition of its own. Any other field
// must be the same in both.
var judgedElsewhere = []string{"Vocab", "Hidden", "Layers", "FFN", "Heads", "KVHeads", "HeadDim", "MaxPos", "Eps", "Rope", "LocalRope", "RotaryDim",
	"ScoreScale", "EmbedScale", "Window", "LayerType", "Tied", "MoE", "Spec", "InitRange", "DType", "BOS", "EOS"}

// config compares what both config.json mean.
func (p *prover) config() {
	a, b := reflect.ValueOf(*p.parent.Model), reflect.ValueOf(*p.child.Model)
	for i := range a.NumField() {
		f := a.Type().Field(i)
		if !f.IsExported() || slices.Contains(judgedElsewhere, f.Name) {
			continue
		}
		if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			p.refusef(condConfig, 0, "config.json", "%s: wanted %v as in the parent, found %v", f.Name, a.Field(i), b.Field(i))
		}
	}
	m, c := p.parent.Model, p.child.Model
	if m.Spec != c.Spec && (m.MoE != nil || c.MoE == nil) {
		p.refusef(condConfig, 0, "config.json", "model_type: wanted %s as in the parent, found %s", m.Spec.Name, c.Spec.Name)
	}
	if c.Tied && !m.Tied {
		p.refusef(condConfig, 0, "config.json", "the child's head is tied to its embedding, the parent's is not")
	}
	if m.LearnedPos && c.MaxPos < m.MaxPos {
		p.refusef(condConfig, 0, "config.json", "%d positions, the parent has %d", c.MaxPos, m.MaxPos)
	}
	if was, is := loadedAs(p.parent), loadedAs(p.child); unitRoundoff(is) > unitRoundoff(was) {
		p.refusef(condConfig, 2, "config.json", "loaders take the weights as %s, the parent's as %s", is, was)
	}
	if len(p.claim.Layers) == c.Layers {
		p.windows()
	}
	p.mixture()
	p.hold(condConfig)
}

// loadedAs is the type that transformers gives the weights when it loads them.
func loadedAs(ck *arch.Checkpoint) tensor.DType {
	if d := ck.Model.DType; d.Real() {
		return d
	}
	return ck.DType()
}

// windows: a layer sees what its source sees, through the same rotary embedding.
func (p *prover) windows() {
	m, c := p.parent.Model, p.child.Model
	for i, l := range p.claim.Layers {
		if l < 0 || l >= m.Layers {
			continue
		}
		if was, is := at(m.Window, l), at(c.Window, i); was != is {
			p.refusef(condConfig, 10+i, "config.json", "layer %d has an attention window of %d, its source, layer %d, %d", i, is, l, was)
		}
		if was, is := at(m.LayerType, l), at(c.LayerType, i); was != is && m.LocalRope != nil {
			p.refusef(condConfig, 10+i, "config.json", "layer %d is of type %s, its source, layer %d, %s", i, is, l, was)
		}
	}
}

func at[T any](v []T, i int) T {
	var none T
	if i < len(v) {
		return v[i]
	}
	return none
}

// few is the relative error that a number computed in float64 by a few operations may have.
const few = 0x1p-50

func near(a, b float64) bool { return math.Abs(a-b) <= few*math.Max(math.Abs(a), math.Abs(b)) }

// streamNorm: E^T E = c I, and the epsilons follow. Then the norms of both models divide by the same number.
func (p *prover) streamNorm() {
	n := p.stream
	if n.from == n.to() && slices.ContainsFunc(n.k, func(k float64) bool { return !isPower(k) }) {
		p.refusef(condStream, 0, "", "the stream is as wide as the parent's, but its copies are scaled")
		return
	}
	squares, exact := make([]float64, n.from), true
	sumOf := make([]*big.Rat, n.from)
	for t, s := range n.src {
		if s < 0 {
			continue
		}
		a := n.scale(t)
		squares[s] += a * a
		if exact = exact && isPower(a); exact {
			if sumOf[s] == nil {
				sumOf[s] = new(big.Rat)
			}
			r := new(big.Rat).SetFloat64(a)
			sumOf[s].Add(sumOf[s], r.Mul(r, r))
		}
	}
	for s, q := range squares {
		if q == 0 || exact && sumOf[s].Cmp(sumOf[0]) != 0 || !near(q, squares[0]) {
			p.refusef(condStream, s, "", "the copies of index %d have squares that sum to %v, those of index 0 to %v", s, q, squares[0])
			return
		}
	}
	p.rho = squares[0] * float64(n.from) / float64(n.to())
	switch {
	case exact && new(big.Rat).Mul(sumOf[0], big.NewRat(int64(n.from), int64(n.to()))).Cmp(big.NewRat(1, 1)) == 0, near(p.rho, 1):
		p.rho = 1
	}
	p.even = exact
	if p.parent.Model.LayerNorm && !p.meanKept() {
		return
	}
	p.epsilon()
	p.scaleEmbedding()
}

// meanKept: under LayerNorm the mean is kept too, by equal copies and padding with the mean.
func (p *prover) meanKept() bool {
	copies := p.stream.copies()
	for s, c := range copies {
		if c != copies[0] {
			p.refusef(condStream, s, "", "index %d has %d copies, index 0 %d: LayerNorm's mean is not kept", s, c, copies[0])
			return false
		}
	}
	for t := range p.stream.src {
		if p.stream.scale(t) != p.stream.scale(0) {
			p.refusef(condStream, t, "", "index %d is scaled by %v, index 0 by %v: LayerNorm's mean is not kept", t, p.stream.scale(t), p.stream.scale(0))
			return false
		}
	}
	return true
}

func (p *prover) epsilon() {
	was, is := p.parent.Model.Eps, p.child.Model.Eps
	want := was * p.rho
	switch {
	case is == want && p.even && isPower(p.rho):
		p.hold(condStream)
	case is == want || p.rho != 1 && near(is, want):
		p.round(condStream, "", 0)
	default:
		p.refusef(condStream, 0, "config.json", "the norms' epsilon is %v, wanted %v", is, want)
	}
}

// scaleEmbedding is what the embedding's columns are written with: the stream's scales over the architecture's own factor.
func (p *prover) scaleEmbedding() {
	was, is := p.parent.Model.EmbedScale, p.child.Model.EmbedScale
	if was == is || was == 0 || is == 0 {
		if was != is {
			p.refusef(condEmbed, 0, "config.json", "the embedding is multiplied by %v, the parent's by %v", is, was)
		}
		p.embed = p.stream.k
		return
	}
	p.embed = make([]float64, p.stream.to())
	for t := range p.embed {
		p.embed[t] = p.stream.scale(t) * (was / is)
	}
}

// rotary: rotary pairs keep their frequency, and scores their factor.
func (p *prover) rotary() {
	m, c := p.parent.Model, p.child.Model
	p.kappa = 1
	for s, n := range p.axes[arch.HeadDim].copies() {
		if n != 1 {
			p.refusef(condHeads, 0, "", "element %d of a head has %d copies, wanted 1: scores add up over them", s, n)
			return
		}
	}
	switch {
	case m.ScoreScale == 0 && c.ScoreScale == 0:
		p.kappa = math.Sqrt(float64(c.HeadDim) / float64(m.HeadDim))
	case m.Scale() != c.Scale():
		p.kappa = m.Scale() / c.Scale()
	}
	if c.RotaryDim == 0 && m.RotaryDim == 0 {
		p.hold(condHeads)
		return
	}
	if bad := p.pairs(); bad != "" {
		p.refusef(condHeads, 0, "", "%s", bad)
		return
	}
	if m.RopeAttentionFactor() != c.RopeAttentionFactor() {
		p.refusef(condHeads, 0, "config.json", "rotary attention factor is %v, wanted %v", c.RopeAttentionFactor(), m.RopeAttentionFactor())
		return
	}
	if bad := p.frequencies(); bad != "" {
		p.refusef(condHeads, 0, "config.json", "%s", bad)
		return
	}
	p.hold(condHeads)
}

// pairs: elements j and j + half turn together, and so must their copies.
func (p *prover) pairs() string {
	hd := p.axes[arch.HeadDim]
	was, is := p.parent.Model.Turned(), p.child.Model.Turned()
	for t, s := range hd.src {
		if t >= is {
			if s >= 0 && int(s) < was {
				return fmt.Sprintf("element %d of a head is not turned, its source %d is", t, s)
			}
			continue
		}
		if s >= 0 && int(s) >= was {
			return fmt.Sprintf("element %d of a head is turned, its source %d is not", t, s)
		}
		if t >= is/2 {
			continue
		}
		other := hd.src[t+is/2]
		if s < 0 && other < 0 {
			continue
		}
		if s < 0 || other < 0 || int(s) >= was/2 || int(other) != int(s)+was/2 {
			return fmt.Sprintf("elements %d and %d of a head turn together, their sources %d and %d do not", t, t+is/2, s, other)
		}
	}
	return ""
}

// frequencies compares those of every pair with its source's, within and beyond the scaling's original context.
func (p *prover) frequencies() string {
	m, c := p.parent.Model, p.child.Model
	lengths := []int{0}
	for _, r := range []arch.Rope{m.Rope, c.Rope} {
		if n := r.OriginalMaxPos; n > 0 {
			lengths = append(lengths, n, n+1, 2*n, 7*n)
		}
	}
	if m.Rope.OriginalMaxPos != c.Rope.OriginalMaxPos || m.Rope.Type != c.Rope.Type {
		return fmt.Sprintf("rotary scaling is %s from %d positions on, wanted %s from %d on", c.Rope.Type, c.Rope.OriginalMaxPos, m.Rope.Type, m.Rope.OriginalMaxPos)
	}
	for _, n := range lengths {
		if bad := p.compareFrequencies(func(m *arch.Model) ([]float64, error) { return m.RopeInvFreqAt(n) }); bad != "" {
			return bad
		}
	}
	if (m.LocalRope == nil) != (c.LocalRope == nil) {
		return "only one of the models has a rotary embedding of its own for sliding layers"
	}
	if m.LocalRope == nil {
		return ""
	}
	return p.compareFrequencies((*arch.Model).LocalRopeInvFreq)
}

func (p *prover) compareFrequencies(of func(*arch.Model) ([]float64, error)) string {
	was, err := of(p.parent.Model)
	if err != nil {
		return err.Error()
	}
	is, err := of(p.child.Model)
	if err != nil {
		return err.Error()
	}
	hd := p.axes[arch.HeadDim]
	for t, f := range is {
		s := hd.src[t]
		if s >= 0 && !(math.Abs(f-was[s]) <= 1e-15*math.Abs(was[s])) {
			return fmt.Sprintf("rotary pair %d turns by %v a token, its source %d by %v", t, f, s, was[s])
		}
	}
	return ""
}
