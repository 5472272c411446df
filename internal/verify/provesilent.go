package verify

import (
	"context"
	"fmt"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/tensor"
)

// branch is one of the two halves of a block: the tensors that write what it adds to the stream, the norm, if any, through
// which it reads, and the one, if any, through which what it writes is added.
type branch struct {
	name              string
	writers           []arch.Role
	preNorm, postNorm arch.Role
}

var branches = []branch{
	{"attention", []arch.Role{arch.O, arch.O.Bias()}, arch.AttnNorm, arch.AttnPostNorm},
	{"mlp", []arch.Role{arch.Down, arch.Down.Bias()}, arch.MLPNorm, arch.MLPPostNorm},
}

// silentTensor reads a tensor of a layer that has no source. It must be finite: zero times infinity is not zero.
func (p *prover) silentTensor(w *worker, order int, b arch.Bound) error {
	bad, first, n, err := scan(w, b)
	if err != nil {
		return err
	}
	if r := trimBias(b.Spec.Role); r == arch.AttnPostNorm || r == arch.MLPPostNorm {
		if first, err = p.gainSet(b); err != nil {
			return err
		}
	}
	p.mu.Lock()
	p.bytes += n
	p.mu.Unlock()
	if bad != nil {
		p.refuse(condIdentity, order, bad)
		return nil
	}
	if first != nil {
		l := p.layers[b.Layer]
		l.mu.Lock()
		defer l.mu.Unlock()
		if old := l.loud[b.Spec.Role]; old == nil {
			l.loud[b.Spec.Role] = first
		}
	}
	return nil
}

// gainSet gives the first effective gain, or norm's bias, that is not zero.
func (p *prover) gainSet(b arch.Bound) (*Counterexample, error) {
	v, err := vector(b.Tensor)
	if err != nil {
		return nil, err
	}
	offset := p.parent.Model.GainOffset
	if isBias(b.Spec.Role) {
		offset = 0
	}
	i := slices.IndexFunc(v, func(x float64) bool { return x+offset != 0 })
	if i < 0 {
		return nil, nil
	}
	return &Counterexample{Where: b.Info().Name, Index: []int{i}, Text: "is not zero"}, nil
}

// silentLayer: what a layer without a source adds to the stream is zero, in both branches.
func (p *prover) silentLayer(ctx context.Context, layer int) error {
	for _, h := range branches {
		loud := p.layers[layer].loudest(h, p.child.Model.PostNorm)
		if loud == nil {
			p.hold(condIdentity)
			continue
		}
		if quiet, err := p.gainOrRow(ctx, layer, h); err != nil {
			return err
		} else if quiet {
			p.hold(condIdentity)
			continue
		}
		why, err := p.cancels(ctx, layer, h)
		switch {
		case err != nil:
			return err
		case why == "":
			if err := p.pairsSized(ctx, layer, h); err != nil {
				return err
			}
			p.hold(condIdentity)
		default:
			bad := *loud
			bad.Text += ", but the layer has no source, and what its " + h.name + " writes does not cancel" + why
			p.refuse(condIdentity, layer, &bad)
		}
	}
	return nil
}

// pairsSized notes pairs that cancel, but would not where what they read is rounded.
func (p *prover) pairsSized(ctx context.Context, layer int, h branch) error {
	if !p.met(Rounded) && p.claim.Roundings == 0 {
		return nil
	}
	if p.child.Model.PostNorm {
		p.widen(condIdentity, layer, &Counterexample{Where: fmt.Sprintf("layer %d", layer), Text: "what cancels only nearly is normed"})
		return nil
	}
	big, err := p.oversized(&worker{ctx: ctx}, layer, h)
	p.widen(condIdentity, layer, big)
	return err
}

// loudest gives what makes a branch add something: nil where its writers are all zero, or the norm behind them is.
func (l *layerState) loudest(h branch, postNorm bool) *Counterexample {
	if postNorm && l.loud[h.postNorm] == nil && l.loud[h.postNorm.Bias()] == nil {
		return nil
	}
	for _, r := range h.writers {
		if l.loud[r] != nil {
			return l.loud[r]
		}
	}
	if postNorm && l.loud[h.postNorm.Bias()] != nil {
		return l.loud[h.postNorm.Bias()]
	}
	return nil
}

// gainOrRow reports whether at every index of the stream either the gain of the norm behind a branch is zero or the rows that
// write it are: what is zero stays so under RMSNorm.
func (p *prover) gainOrRow(ctx context.Context, layer int, h branch) (bool, error) {
	m := p.child.Model
	if !m.PostNorm || m.LayerNorm {
		return false, nil
	}
	var gains []float64
	for _, b := range p.child.Tensors {
		if b.Layer == layer && b.Spec.Role == h.postNorm {
			var err error
			if gains, err = vector(b.Tensor); err != nil {
				return false, err
			}
		}
	}
	var raw []byte
	for _, b := range p.child.Tensors {
		if b.Layer != layer || !slices.Contains(h.writers, b.Spec.Role) {
			continue
		}
		info := b.Info()
		if b.Spec.Dims[0].Use != arch.Writes || info.Shape[0] != len(gains) {
			return false, nil
		}
		raw = resized(raw, int(info.Size())/max(1, len(gains)))
		for t, g := range gains {
			if g+m.GainOffset == 0 {
				continue
			}
			if err := ctx.Err(); err != nil {
				return false, err
			}
			if err := tensor.ReadFull(b.Tensor, raw, int64(t)*int64(len(raw))); err != nil || !allZero(raw) {
				return false, err
			}
		}
	}
	return gains != nil, nil
}
