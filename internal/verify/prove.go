package verify

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"famkit/internal/arch"
	"famkit/internal/growth"
)

// Prove shows from the stored numbers whether the child gives the parent's logits for every input, over the reals. plan is
// a claim about where the child's indices come from; it is not trusted.
func Prove(ctx context.Context, plan *growth.Plan, parent, child *arch.Checkpoint) (*Proof, error) {
	return ProveClaim(ctx, ClaimOf(plan), parent, child)
}

// ProveClaim is Prove for any claim. An error means that the files could not be read; a difference is no error.
func ProveClaim(ctx context.Context, claim *Claim, parent, child *arch.Checkpoint) (*Proof, error) {
	p := &prover{ledger: newLedger(), claim: claim, parent: parent, child: child, bound: map[slotKey]arch.Bound{}}
	for _, b := range parent.Tensors {
		p.bound[keyOf(b)] = b
	}
	if p.facts() {
		if err := p.numbers(ctx); err != nil {
			return nil, err
		}
	}
	return p.proof(claim), nil
}

// slotKey names a tensor by what it is for.
type slotKey struct {
	role          arch.Role
	layer, expert int
}

func keyOf(b arch.Bound) slotKey { return slotKey{b.Spec.Role, b.Layer, b.Expert} }

// prover is a proof on its way.
type prover struct {
	*ledger
	claim         *Claim
	parent, child *arch.Checkpoint
	bound         map[slotKey]arch.Bound // of the parent

	axes   map[arch.Axis]*relation
	inside []map[arch.Axis]*relation // by layer, what is claimed of it alone
	stream *relation
	rho    float64 // mean square of the child's stream over the parent's
	even   bool    // rho and the write scales are exact
	embed  []float64
	kappa  float64 // of q: what makes up for another score factor
	layers []*layerState
}

// facts judges what needs no weights. Weights are only looked at where it holds.
func (p *prover) facts() bool {
	if n := p.claim.Roundings; n < 0 || n > mostRoundings {
		p.refusef(condConfig, 0, "", "%d roundings of each number are claimed, at most %d can be", n, mostRoundings)
	}
	p.config()
	p.keptLayers()
	p.relations()
	if p.refused() {
		return false
	}
	p.streamNorm()
	p.rotary()
	return !p.refused()
}

// job checks one tensor of the child.
type job func(w *worker) error

// numbers checks every tensor.
func (p *prover) numbers(ctx context.Context) error {
	p.layers = make([]*layerState, p.child.Model.Layers)
	for i := range p.layers {
		p.layers[i] = newLayerState()
	}
	order := make([]int, len(p.child.Tensors))
	for i := range order {
		order[i] = i
	}
	// the largest first, so that none is left to one processor at the end
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(p.child.Tensors[b].Info().Size(), p.child.Tensors[a].Info().Size())
	})
	var jobs []job
	for _, i := range order {
		jobs = append(jobs, p.job(i, p.child.Tensors[i]))
	}
	if err := runJobs(ctx, jobs); err != nil {
		return err
	}
	if err := p.judgeLayers(ctx); err != nil {
		return err
	}
	p.magnified()
	return nil
}

// job says how a tensor of the child is checked; order is its place, for the first counterexample.
func (p *prover) job(order int, b arch.Bound) job {
	from := b.Layer
	if b.Layer >= 0 {
		from = p.claim.Layers[b.Layer]
		if from == noSource {
			return func(w *worker) error { return p.silentTensor(w, order, b) }
		}
	}
	source, ok := p.source(b, from)
	if !ok {
		return func(w *worker) error { return p.sourceless(w, order, b) }
	}
	if use := b.Spec.Dims[0].Use; use == arch.Scales || use == arch.Shifts {
		return func(w *worker) error { return p.norm(w, order, b, source) }
	}
	if b.Spec.Role == arch.Router && !p.axis(b.Layer, arch.Experts).same() {
		return func(w *worker) error {
			return errors.Join(p.distinct(w, order, source), p.matrix(w, order, b, source))
		}
	}
	return func(w *worker) error { return p.matrix(w, order, b, source) }
}

// runJobs runs all jobs on all processors; the first error ends it.
func runJobs(ctx context.Context, jobs []job) error {
	var next atomic.Int64
	var once sync.Once
	var failed error
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), max(1, len(jobs))) {
		wg.Go(func() {
			w := &worker{ctx: ctx}
			for {
				i := int(next.Add(1) - 1)
				if i >= len(jobs) || ctx.Err() != nil {
					return
				}
				if err := jobs[i](w); err != nil {
					once.Do(func() { failed = err })
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	if failed != nil {
		return failed
	}
	return ctx.Err()
}

// keptLayers: every layer of the parent stands in the child once, in order.
func (p *prover) keptLayers() {
	next, from := 0, p.parent.Model.Layers
	if len(p.claim.Layers) != p.child.Model.Layers {
		p.refusef(condLayers, 0, "", "sources are given for %d layers, the child has %d", len(p.claim.Layers), p.child.Model.Layers)
		return
	}
	for i, l := range p.claim.Layers {
		switch {
		case l == noSource:
		case l != next || l >= from:
			p.refusef(condLayers, i, "", "layer %d computes the parent's layer %d, wanted %d: each once, in order", i, l, next)
			return
		default:
			next++
		}
	}
	if next != from {
		p.refusef(condLayers, next, "", "the parent's layers from %d of %d on are lost", next, from)
		return
	}
	p.hold(condLayers)
}

// relations reads the maps of all axes, and compares what must keep its order.
func (p *prover) relations() {
	p.axes = map[arch.Axis]*relation{}
	for _, a := range claimable {
		if !p.uses(a) || a == arch.Experts && p.parent.Model.MoE == nil {
			continue
		}
		r, err := p.claim.axis(p.sizes(a))
		if err != nil {
			p.refusef(condConfig, 1, "", "%v", err)
			return
		}
		if a == arch.Vocab || a == arch.Pos {
			for s := range r.from {
				if s >= r.to() || int(r.src[s]) != s {
					p.refusef(condConfig, 2, "", "axis %s: index %d of the parent is not index %d of the child", a, s, s)
					return
				}
			}
			for t := r.from; t < r.to(); t++ {
				r.src[t] = noSource
			}
		}
		p.axes[a] = r
	}
	p.stream = p.axes[arch.Hidden]
	p.insideLayers()
	p.wholeParts()
	p.copiedExperts()
}

// ownAxes are those whose indices mean nothing outside their layer, so that each layer may have maps of its own.
var ownAxes = []arch.Axis{arch.KV, arch.Group, arch.FFN, arch.Experts, arch.ExpertFFN}

// insideLayers reads the maps that are claimed of single layers.
func (p *prover) insideLayers() {
	p.inside = make([]map[arch.Axis]*relation, p.child.Model.Layers)
	for layer, maps := range p.claim.Inside {
		if layer < 0 || layer >= len(p.inside) {
			p.refusef(condConfig, 3, "", "maps are given for layer %d, the child has %d layers", layer, len(p.inside))
			return
		}
		p.inside[layer] = map[arch.Axis]*relation{}
		for a, m := range maps {
			whole, ok := p.axes[a]
			if !ok || !slices.Contains(ownAxes, a) {
				p.refusef(condConfig, 3, "", "layer %d: axis %s is not one of a single layer", layer, a)
				return
			}
			r, err := relationOf(m, a, whole.from, whole.to())
			if err != nil {
				p.refusef(condConfig, 3, "", "layer %d: %v", layer, err)
				return
			}
			p.inside[layer][a] = r
		}
	}
}

// axis is the relation of an axis in a layer of the child.
func (p *prover) axis(layer int, a arch.Axis) *relation {
	if layer >= 0 && layer < len(p.inside) {
		if r, ok := p.inside[layer][a]; ok {
			return r
		}
	}
	return p.axes[a]
}

// everywhere gives the relations of an axis in all layers, each once.
func (p *prover) everywhere(a arch.Axis) []*relation {
	var out []*relation
	if r, ok := p.axes[a]; ok {
		out = append(out, r)
	}
	for _, layer := range p.inside {
		if r, ok := layer[a]; ok {
			out = append(out, r)
		}
	}
	return out
}

// sizes gives an axis's length in both. The neurons of experts come from the dense MLP where the parent has no mixture.
func (p *prover) sizes(a arch.Axis) (axis arch.Axis, from, to int) {
	if p.parent.Model.MoE == nil && a == arch.ExpertFFN {
		return arch.FFN, p.parent.Model.FFN, p.child.Model.MoE.FFN * p.shards()
	}
	return a, p.parent.Model.Size(a), p.child.Model.Size(a)
}

// uses reports whether weights of the child run over an axis.
func (p *prover) uses(a arch.Axis) bool {
	for _, b := range p.child.Tensors {
		for _, d := range b.Spec.Dims {
			if slices.Contains(d.Axes, a) {
				return true
			}
			for _, q := range d.Parts {
				if slices.Contains(q.Axes, a) {
					return true
				}
			}
		}
	}
	return false
}
