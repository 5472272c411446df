package proof

import (
	"fmt"
	"math"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/rowsum"
)

// branch is one of the two halves of a block: the tensors that write what it adds to the stream, those that make what
// it writes of what it reads, the norm, if any, through which it reads, and the one, if any, through which it adds.
type branch struct {
	name              string
	writers, makers   []arch.Role
	preNorm, postNorm arch.Role
}

var branches = []branch{
	{"attention", []arch.Role{arch.O, arch.O.Bias()}, []arch.Role{arch.Q, arch.K, arch.V}, arch.AttnNorm,
		arch.AttnPostNorm},
	{"mlp", []arch.Role{arch.Down, arch.Down.Bias()}, []arch.Role{arch.Gate, arch.Up}, arch.MLPNorm, arch.MLPPostNorm},
}

// silentTensor reads a tensor of a layer that has no source. It must be finite: zero times infinity is not zero.
func (p *pass) silentTensor(w *rowsum.Worker, order int, b arch.Bound) error {
	bad, first, err := w.Scan(b.Tensor)
	if err != nil {
		return err
	}
	if r := b.Spec.Role.Weight(); r == arch.AttnPostNorm || r == arch.MLPPostNorm {
		if first, err = p.gainSet(w, b); err != nil {
			return err
		}
	}
	p.mu.Lock()
	p.ledger.bytes += b.Info().Size()
	p.mu.Unlock()
	if bad != nil {
		p.refuse(condIdentity, order, bad)
		return nil
	}
	if first != nil {
		l := p.layers[b.Layer]
		l.mu.Lock()
		defer l.mu.Unlock()
		l.loud[b.Key()] = first
	}
	return nil
}

// gainSet gives the first effective gain, or norm's bias, that is not zero.
func (p *pass) gainSet(w *rowsum.Worker, b arch.Bound) (*Counterexample, error) {
	v, err := w.Vector(b.Tensor)
	if err != nil {
		return nil, err
	}
	offset := p.parent.Model.GainOffset
	if b.Spec.Role.IsBias() {
		offset = 0
	}
	i := slices.IndexFunc(v, func(x float64) bool { return x+offset != 0 })
	if i < 0 {
		return nil, nil
	}
	return &Counterexample{Where: b.Info().Name, Index: []int{i}, Text: "is not zero"}, nil
}

// silentLayer: what a layer without a source adds to the stream is zero. Every tensor of it that writes the stream
// belongs to one of the two branches, and of each branch the writers are zero, or the gain behind them is, or at each
// index one of both, or what they write cancels.
func (p *pass) silentLayer(layer int) error {
	for _, b := range p.child.Layer(layer) {
		known := slices.ContainsFunc(branches, func(h branch) bool { return slices.Contains(h.writers, b.Spec.Role) })
		if bad := p.layers[layer].loud[b.Key()]; b.Spec.WritesStream() && !known && bad != nil {
			p.refuse(condIdentity, layer, bad)
		}
	}
	for _, h := range branches {
		if err := p.silentBranch(layer, h); err != nil {
			return err
		}
	}
	return nil
}

func (p *pass) silentBranch(layer int, h branch) error {
	loud := p.loudest(layer, h)
	if loud == nil {
		p.hold(condIdentity)
		return nil
	}
	w := p.worker()
	mute, err := muted(w, p.child, layer, h)
	if err != nil {
		return err
	}
	quiet, why := mute, ", and is normed before it is added"
	switch {
	case mute:
	case p.child.Model.PostNorm:
		quiet, err = p.gainOrRow(w, layer, h)
	default:
		if why, err = p.pairing(w).cancels(layer, h); err == nil && why == "" {
			why, err = p.oversized(w, layer, h)
		}
		quiet = why == ""
	}
	switch {
	case err != nil:
		return err
	case quiet:
		p.hold(condIdentity)
	default:
		bad := *loud
		bad.Text += ", but the layer has no source, and what its " + h.name + " writes does not cancel" + why
		p.refuse(condIdentity, layer, &bad)
	}
	return nil
}

// loudest gives what makes a branch add something: nil where its writers are all zero, or the norm behind them is.
func (p *pass) loudest(layer int, h branch) *Counterexample {
	l := p.layers[layer].loud
	gain, shift := l[arch.Key{Role: h.postNorm, Layer: layer, Expert: -1}],
		l[arch.Key{Role: h.postNorm.Bias(), Layer: layer, Expert: -1}]
	if p.child.Model.PostNorm && gain == nil && shift == nil {
		return nil
	}
	for _, r := range h.writers {
		for _, b := range p.child.Layer(layer) {
			if bad := l[b.Key()]; b.Spec.Role == r && bad != nil {
				return bad
			}
		}
	}
	if p.child.Model.PostNorm {
		return shift
	}
	return nil
}

// gainOrRow reports whether at every index of the stream either the gain of the norm behind a branch is zero or the
// rows that write it are: what is zero stays so under RMSNorm.
func (p *pass) gainOrRow(w *rowsum.Worker, layer int, h branch) (bool, error) {
	if p.child.Model.LayerNorm {
		return false, nil
	}
	gains, _, err := p.gainAt(w, p.child, h.postNorm, layer)
	if err != nil || gains == nil {
		return false, err
	}
	for _, b := range p.child.Layer(layer) {
		if !slices.Contains(h.writers, b.Spec.Role) {
			continue
		}
		if b.Spec.Dims[0].Use != arch.Writes || b.Info().Shape[0] != len(gains) {
			return false, nil
		}
		for t, g := range gains {
			if g == 0 {
				continue
			}
			if zero, err := w.RowIsZero(b.Tensor, t); err != nil || !zero {
				return false, err
			}
		}
	}
	return true, nil
}

// muchLarger is how many times larger than the parent's the numbers of pairs that cancel may be, all tensors of a
// branch taken together. Larger ones cancel over the reals, and not in any arithmetic.
const muchLarger = 64

// oversized says by "" that the numbers of a branch are not much larger than the parent's in that place: of each tensor
// the largest sum of a row and of a column, beside those of the parent's tensors of that role.
func (p *pass) oversized(w *rowsum.Worker, layer int, h branch) (string, error) {
	total := 1.0
	for _, b := range p.child.Layer(layer) {
		r, err := ruleOf(b.Spec)
		if err != nil || !p.inBranch(b, h) || b.Spec.Role.IsBias() || r.kind == router {
			continue
		}
		ratio, err := p.ratio(w, b)
		if err != nil {
			return "", err
		}
		if total *= math.Max(1, ratio); !(total <= muchLarger) {
			return fmt.Sprintf(" in any arithmetic: numbers of %s are %.3g times the parent's in that place, %.3g times in "+
				"all before it",
				b.Info().Name, ratio, total/ratio), nil
		}
	}
	return "", nil
}

// inBranch reports whether a tensor is part of a branch.
func (p *pass) inBranch(b arch.Bound, h branch) bool {
	role := b.Spec.Role.Weight()
	own := append([]arch.Role{h.preNorm}, append(h.writers, h.makers...)...)
	if h.name == "attention" {
		own = append(own, arch.QKV, arch.QNorm, arch.KNorm)
	} else {
		own = append(own, arch.GateUp)
	}
	return slices.Contains(own, role)
}

// usual is what a new number of a role may be at least: a gain, or a few standard deviations of a random weight.
func (p *pass) usual(b arch.Bound) float64 {
	if b.Spec.Dims[0].Use == arch.Scales {
		return 1 + math.Abs(p.parent.Model.GainOffset)
	}
	if r := p.parent.Model.InitRange; r > 0 && r < 1 {
		return 8 * r
	}
	return 8 * 0.02
}

// ratio is how many times larger than the parent's the largest sums of a row and of a column of a tensor are. What the
// child has more of, or scales, is made up for.
func (p *pass) ratio(w *rowsum.Worker, b arch.Bound) (float64, error) {
	row, column, err := w.LargestSums(b.Tensor)
	if err != nil {
		return 0, err
	}
	n, m := 1, 1
	if shape := b.Info().Shape; len(shape) == 2 {
		n, m = shape[0], shape[1]
	}
	scale := math.Max(1, math.Abs(p.kappa))
	for t := range p.stream.Src {
		k := math.Abs(p.stream.ScaleAt(t))
		scale = math.Max(scale, math.Max(k, 1/k))
	}
	mostRow, mostColumn := float64(m)*p.usual(b), float64(n)*p.usual(b)
	for _, o := range p.parent.Tensors {
		if o.Layer < 0 || o.Spec.Role != b.Spec.Role || o.Expert > 0 {
			continue
		}
		r, c, err := w.LargestSums(o.Tensor)
		if err != nil {
			return 0, err
		}
		rows, cols := 1, 1
		if shape := o.Info().Shape; len(shape) == 2 {
			rows, cols = shape[0], shape[1]
		}
		mostRow = math.Max(mostRow, r*math.Max(1, float64(m)/float64(cols)))
		mostColumn = math.Max(mostColumn, c*math.Max(1, float64(n)/float64(rows)))
	}
	return math.Max(row/mostRow, column/mostColumn) / scale, nil
}
