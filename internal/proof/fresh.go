package proof

import (
	"fmt"
	"sync"

	"famkit/internal/arch"
	"famkit/internal/rowsum"
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
	// loud is, for a layer without a source, the first number of each tensor that is not zero.
	loud map[arch.Key]*Counterexample
}

func newLayerState() *layerState {
	return &layerState{set: map[part][]bool{}, loud: map[arch.Key]*Counterexample{}}
}

// note keeps, part by part, which fresh indices are not zero.
func (l *layerState) note(expert int, where inner, set []bool, columns bool) {
	if set == nil || where.Relation == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for role, places := range where.at {
		v := make([]bool, len(places))
		for i, t := range places {
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

// freshHeads: a fresh element of a head adds 0 to the scores, because its k row and that of its rotary partner are
// zero, or both q rows (all of them, where the head is normed), and its value is zero or is not read.
func (p *pass) freshHeads(layer int) {
	var rels [3]*rowsum.Relation
	for i, a := range []arch.Axis{arch.KV, arch.Group, arch.HeadDim} {
		r, err := p.axis(layer, a)
		if err != nil {
			p.refusef(condFresh, layer, "", "layer %d: %v", layer, err)
			return
		}
		rels[i] = r
	}
	kv, group, hd := rels[0], rels[1], rels[2]
	if !kv.Fresh() && !group.Fresh() && !hd.Fresh() {
		return
	}
	for k := range kv.Src {
		for g := range group.Src {
			for e := range hd.Src {
				if kv.Src[k] >= 0 && group.Src[g] >= 0 && hd.Src[e] >= 0 {
					continue
				}
				if bad := p.freshElement(layer, k, g, e, kv, group, hd); bad != "" {
					p.refusef(condFresh, layer, "", "layer %d: element %d of query head %d, which the parent lacks, %s", layer, e,
						k*group.To()+g, bad)
					return
				}
			}
		}
	}
	p.hold(condFresh)
}

// freshElement judges element e of query head g of kv head k.
func (p *pass) freshElement(layer, k, g, e int, kv, group, hd *rowsum.Relation) string {
	l, m := p.layers[layer], p.parent.Model
	key, q := k*hd.To()+e, (k*group.To()+g)*hd.To()+e
	head := kv.Src[k] >= 0 && group.Src[g] >= 0
	with := turnsWith(e, p.child.Model.Turned()) - e // what turns together is zero together
	kSet := l.rows(arch.K, -1, key) || l.rows(arch.K, -1, key+with)
	qSet := l.rows(arch.Q, -1, q) || l.rows(arch.Q, -1, q+with)
	if m.QKNormFull && (kSet || qSet) {
		return "adds to the norm over all heads: its q row or its k row is not zero"
	}
	if head && (kSet && qSet || m.QKNorm && (kSet || qSet)) {
		return "adds to the scores: neither its q row nor its k row is zero"
	}
	vSet := kv.Src[k] >= 0 && hd.Src[e] >= 0 || l.rows(arch.V, -1, key) // only fresh rows are known to be zero
	if l.columns(arch.O, -1, q) && vSet {
		return "is read: neither its v row nor its column of the output projection is zero"
	}
	return ""
}

// turnsWith gives the element of a head that is turned together with element e, e itself where it is not turned.
func turnsWith(e, turned int) int {
	switch {
	case e < turned/2:
		return e + turned/2
	case e < turned:
		return e - turned/2
	}
	return e
}

// freshNeurons: a fresh neuron is not read, or its row of up or (since an activation of zero is zero) of the gate is
// zero.
func (p *pass) freshNeurons(layer int) {
	axis := arch.FFN
	if p.child.Model.Mixture(layer) {
		axis = arch.ExpertFFN
	}
	judged := false
	for _, e := range p.expertsOf(layer) {
		ffn, err := p.axisOf(layer, axis, e)
		if err != nil {
			p.refusef(condFresh, layer, "", "layer %d: %v", layer, err)
			return
		}
		judged = judged || ffn.Fresh()
		if t := p.layers[layer].freshNeuron(e, ffn, p.parent.Model.Gated); t >= 0 {
			where := fmt.Sprintf("layer %d", layer)
			if e >= 0 {
				where += fmt.Sprintf(", expert %d", e)
			}
			p.refusef(condFresh, layer, "", "%s: neuron %d, which the parent lacks, is read: neither its rows nor its column "+
				"of the down projection are zero", where, t)
			return
		}
	}
	if judged {
		p.hold(condFresh)
	}
}

// freshNeuron gives the first that is not silent, -1 where all are.
func (l *layerState) freshNeuron(expert int, ffn *rowsum.Relation, gated bool) int {
	for t, src := range ffn.Src {
		if src >= 0 || !l.columns(arch.Down, expert, t) || !l.rows(arch.Up, expert, t) || gated &&
			!l.rows(arch.Gate, expert, t) {
			continue
		}
		return t
	}
	return -1
}
