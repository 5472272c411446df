package expand

import (
	"fmt"
	"slices"
	"strings"

	"famkit/format"
	"famkit/internal/fault"
	"famkit/internal/growth"
	"famkit/internal/tensor"
	"famkit/internal/trainstate"
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
	ResetState OptimizerState = trainstate.ResetMoments
	// DropState leaves the state out: the child begins a training of its own.
	DropState OptimizerState = "drop"
)

// Optimizer grows the optimizer state of a training of g's parent. Master weights grow as the weights do. Experts
// made of a dense MLP, and their router, begin without moments: what an expert's gradient is depends on which tokens
// the router gives it, so it is no fixed part of the MLP's.
func (g *Growth) Optimizer(state format.Source, how OptimizerState) (format.Source, error) {
	c := newCompiler(g)
	c.grad = true
	grads, err := c.exprs()
	if err != nil {
		return nil, err
	}
	out := format.FromTensors(nil, map[string]string{"format": "pt"}, nil)
	dtypes, err := stateTypes(state)
	if err != nil {
		return nil, err
	}
	for i := range grads {
		e := &grads[i].Expr
		e.factor = 1
		e.Zero = e.Zero || how == ResetState
		if how == AsymmetricState {
			e.rows, e.cols = e.rows.firstCopies(), e.cols.firstCopies()
		}
		for _, k := range []struct {
			prefix string
			e      *Expr
		}{{trainstate.FirstMoment, e}, {trainstate.SecondMoment, e.squared()}, {trainstate.MasterWeight, &g.exprs[i].Expr}} {
			d, ok := dtypes[k.prefix]
			if k.prefix == trainstate.MasterWeight && !ok {
				continue
			}
			t, err := grownState(k.e, state, k.prefix, d)
			if err != nil {
				return nil, err
			}
			out.Add(t)
		}
	}
	return out, nil
}

// stateTypes gives, by prefix, the type of the first tensor that has it.
func stateTypes(state format.Source) (map[string]tensor.DType, error) {
	out := map[string]tensor.DType{}
	for _, name := range state.Names() {
		for _, prefix := range []string{trainstate.FirstMoment, trainstate.SecondMoment, trainstate.MasterWeight} {
			if _, ok := out[prefix]; ok || !strings.HasPrefix(name, prefix) {
				continue
			}
			t, err := state.Tensor(name)
			if err != nil {
				return nil, err
			}
			out[prefix] = t.Info().DType
		}
	}
	return out, nil
}

// grownState is one tensor of the grown state, of the expression e in the tensor that prefix and e's source name. One
// of which the parent has nothing, a new router, gets the type d.
func grownState(e *Expr, state format.Source, prefix string, d tensor.DType) (tensor.Tensor, error) {
	f := *e
	if e.From == "" {
		if !d.Real() {
			return nil, fault.Hint(fault.Inputf("optimizer state: no tensor %s* of real numbers", prefix),
				"%v grows the weights alone", fault.Arg("optimizer", "drop"))
		}
		f.Info.DType, f.Info.Name = d, prefix+e.Info.Name
		return newGrown(&f, nil), nil
	}
	from, err := state.Tensor(prefix + e.From)
	if err != nil {
		return nil, fault.Hint(fault.Inputf("optimizer state: %w", err), "%v grows the weights alone",
			fault.Arg("optimizer", "drop"))
	}
	info := from.Info()
	if !slices.Equal(info.Shape, parentShape(e)) || !info.DType.Real() {
		return nil, fault.Inputf("optimizer state: tensor %q: wanted shape %v, found %s %v", info.Name, parentShape(e),
			info.DType, info.Shape)
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
	if g.nth == nil {
		return g
	}
	h := *g
	h.src, h.runs = slices.Clone(g.src), nil
	h.fresh = make([]fresh, g.to)
	copy(h.fresh, g.fresh)
	for t, k := range g.nth {
		if k > 0 {
			h.src[t], h.fresh[t] = growth.Fresh, freshZero
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
