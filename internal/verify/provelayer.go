package verify

import (
	"context"
	"fmt"
	"sync"

	"famkit/internal/arch"
)

// part names the rows or columns of one projection of a layer, an expert's where expert is not -1.
type part struct {
	role    arch.Role
	expert  int
	columns bool
}

// layerState is what the tensors of a layer hold at indices that have no source.
type layerState struct {
	mu  sync.Mutex
	set map[part][]bool // not zero
	// loud is, for a layer without a source, the first number of each role that is not zero.
	loud map[arch.Role]*Counterexample
}

func newLayerState() *layerState {
	return &layerState{set: map[part][]bool{}, loud: map[arch.Role]*Counterexample{}}
}

// note keeps, part by part, which fresh indices are not zero.
func (l *layerState) note(expert int, where inner, set []bool, columns bool) {
	if set == nil || where.relation == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for role, at := range where.at {
		v := make([]bool, len(at))
		for i, t := range at {
			v[i] = set[t]
		}
		l.set[part{role, expert, columns}] = v
	}
}

// rows reports whether row t of a projection, its bias counted, is something else than zero.
func (l *layerState) rows(r arch.Role, expert, t int) bool {
	return at(l.set[part{r, expert, false}], t) || at(l.set[part{r.Bias(), expert, false}], t)
}

func (l *layerState) columns(r arch.Role, expert, t int) bool {
	return at(l.set[part{r, expert, true}], t)
}

// judgeLayers judges what needs several tensors of a layer.
func (p *prover) judgeLayers(ctx context.Context) error {
	for i, from := range p.claim.Layers {
		if from == noSource {
			if err := p.silentLayer(ctx, i); err != nil {
				return err
			}
			continue
		}
		p.freshHeads(i)
		p.freshNeurons(i)
	}
	return nil
}

// freshHeads: what a fresh element of a head gives is not read, or is zero, and it adds nothing to scores.
func (p *prover) freshHeads(layer int) {
	l := p.layers[layer]
	kv, group, hd := p.axis(layer, arch.KV), p.axis(layer, arch.Group), p.axes[arch.HeadDim]
	if !kv.fresh() && !group.fresh() && !hd.fresh() {
		return
	}
	normed, whole := p.parent.Model.QKNorm || p.parent.Model.QKNormFull, p.parent.Model.QKNormFull
	turned := p.child.Model.Turned()
	for k := range kv.src {
		for g := range group.src {
			for e := range hd.src {
				key, q := k*hd.to()+e, (k*group.to()+g)*hd.to()+e
				head := kv.src[k] >= 0 && group.src[g] >= 0
				if head && hd.src[e] >= 0 {
					continue
				}
				with := turnsWith(e, turned) - e // what turns together is zero together
				kSet := l.rows(arch.K, -1, key) || l.rows(arch.K, -1, key+with)
				qSet := l.rows(arch.Q, -1, q) || l.rows(arch.Q, -1, q+with)
				if whole && (kSet || qSet) {
					p.refusef(condFresh, layer, "", "layer %d: element %d of query head %d, which the parent lacks, adds to the norm over all heads: its q row or its k row is not zero", layer, e, k*group.to()+g)
					return
				}
				if head && (kSet && qSet || normed && (kSet || qSet)) {
					p.refusef(condFresh, layer, "", "layer %d: element %d of query head %d, which the parent lacks, adds to the scores: neither its q row nor its k row is zero", layer, e, k*group.to()+g)
					return
				}
				vSet := kv.src[k] >= 0 && hd.src[e] >= 0 || l.rows(arch.V, -1, key) // only fresh rows are known to be zero
				if l.columns(arch.O, -1, q) && vSet {
					p.refusef(condFresh, layer, "", "layer %d: element %d of query head %d, which the parent lacks, is read: neither its v row nor its column of the output projection is zero", layer, e, k*group.to()+g)
					return
				}
			}
		}
	}
	p.hold(condFresh)
}

// freshNeurons: what a fresh neuron gives is not read, or is zero.
func (p *prover) freshNeurons(layer int) {
	experts, axis := []int{-1}, arch.FFN
	if p.child.Model.Mixture(layer) {
		experts, axis = nil, arch.ExpertFFN
		for e := range p.child.Model.MoE.Experts {
			experts = append(experts, e)
		}
	}
	ffn := p.axis(layer, axis)
	if !ffn.fresh() {
		return
	}
	for _, e := range experts {
		if t := p.layers[layer].freshNeuron(e, p.axisOf(layer, axis, e), p.parent.Model.Gated); t >= 0 {
			where := fmt.Sprintf("layer %d", layer)
			if e >= 0 {
				where += fmt.Sprintf(", expert %d", e)
			}
			p.refusef(condFresh, layer, "", "%s: neuron %d, which the parent lacks, is read: neither its rows nor its column of the down projection are zero", where, t)
			return
		}
	}
	p.hold(condFresh)
}

// freshNeuron gives the first that is not silent, -1 where all are. An activation of zero is zero.
func (l *layerState) freshNeuron(expert int, ffn *relation, gated bool) int {
	for t, s := range ffn.src {
		if s >= 0 || !l.columns(arch.Down, expert, t) || !l.rows(arch.Up, expert, t) || gated && !l.rows(arch.Gate, expert, t) {
			continue
		}
		return t
	}
	return -1
}
