package expand

import (
	"fmt"
	"slices"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// OptimizerState is what becomes of a parent's optimizer state.
type OptimizerState string

// The ways.
const (
	// KeepState grows first moments as gradients and second ones as their squares.
	KeepState OptimizerState = "keep"
	// AsymmetricState keeps the state of the first of several copies and clears the others', so that they part.
	AsymmetricState OptimizerState = "asymmetric"
	// ResetState clears all moments.
	ResetState OptimizerState = "reset"
	// DropState leaves the state out: the child begins a training of its own.
	DropState OptimizerState = "drop"
)

// Names of the tensors in a training's optimizer.safetensors: a prefix and the parameter's name.
const (
	firstMoment  = "exp_avg."
	secondMoment = "exp_avg_sq."
	masterWeight = "master."
)

// Optimizer grows the optimizer state of a training of p's parent. Master weights grow as the weights do.
func (p *Plan) Optimizer(ck *arch.Checkpoint, state format.Source, how OptimizerState) (format.Source, error) {
	if p.ChildArch != "" && how != ResetState {
		return nil, fault.Hint(fault.Inputf("the optimizer state of a dense model says nothing about the experts of a mixture"), "--optimizer drop")
	}
	weights, err := p.Exprs(ck)
	if err != nil {
		return nil, err
	}
	c, err := p.compiler(ck)
	if err != nil {
		return nil, err
	}
	c.grad = true
	grads, err := c.exprs(ck)
	if err != nil {
		return nil, err
	}
	out := format.FromTensors(nil, map[string]string{"format": "pt"}, nil)
	have := state.Names()
	for i := range grads {
		g := &grads[i].Expr
		g.factor = 1
		g.Zero = g.Zero || how == ResetState
		if how == AsymmetricState {
			g.rows, g.cols = g.rows.firstCopies(), g.cols.firstCopies()
		}
		for _, k := range []struct {
			prefix string
			e      *Expr
		}{{firstMoment, g}, {secondMoment, g.squared()}, {masterWeight, &weights[i].Expr}} {
			if k.prefix == masterWeight && !slices.Contains(have, masterWeight+k.e.From) {
				continue
			}
			t, err := grownState(k.e, state, k.prefix)
			if err != nil {
				return nil, err
			}
			out.Add(t)
		}
	}
	return out, nil
}

// grownState is one tensor of the grown state, of the expression e in the tensor that prefix and e's source name.
func grownState(e *Expr, state format.Source, prefix string) (tensor.Tensor, error) {
	f := *e
	from, err := state.Tensor(prefix + e.From)
	if err != nil {
		return nil, fault.Hint(fault.Inputf("optimizer state: %w", err), "--optimizer drop grows the weights alone")
	}
	info := from.Info()
	if !slices.Equal(info.Shape, parentShape(e)) || !info.DType.Real() {
		return nil, fault.Inputf("optimizer state: tensor %q: wanted shape %v, found %s %v", info.Name, parentShape(e), info.DType, info.Shape)
	}
	f.Info.DType, f.Info.Name = info.DType, prefix+e.Info.Name
	parents := map[string]tensor.Tensor{e.From: from}
	if e.Next != "" {
		if parents[e.Next], err = state.Tensor(prefix + e.Next); err != nil {
			return nil, fault.Inputf("optimizer state: %w", err)
		}
	}
	return newGrown(&f, parents), nil
}

func parentShape(e *Expr) []int {
	if len(e.Info.Shape) == 1 {
		return []int{e.cols.from}
	}
	return []int{e.rows.from, e.cols.from}
}

// squared is the expression of a gradient's square.
func (e *Expr) squared() *Expr {
	f := *e
	f.rows, f.cols = f.rows.squared(), f.cols.squared()
	return &f
}

func (g *gather) squared() *gather {
	h := *g
	h.scale = slices.Clone(g.scale)
	for t, s := range h.scale {
		h.scale[t] = s * s
	}
	return &h
}

// firstCopies has nothing in the place of second and later copies.
func (g *gather) firstCopies() *gather {
	if g.slot == nil {
		return g
	}
	h := *g
	h.src, h.runs = slices.Clone(g.src), nil
	h.fresh = make([]fresh, g.to)
	copy(h.fresh, g.fresh)
	for t, k := range g.slot {
		if k > 0 {
			h.src[t], h.fresh[t] = Fresh, freshZero
		}
	}
	return &h
}

func (s OptimizerState) Check() error {
	if !slices.Contains([]OptimizerState{KeepState, AsymmetricState, ResetState, DropState}, s) {
		return fmt.Errorf("optimizer %q: want %s, %s, %s or %s", s, KeepState, AsymmetricState, ResetState, DropState)
	}
	return nil
}
