package expand

import (
	"fmt"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/growth"
)

// builder makes a plan, axis by axis.
type builder struct {
	ck *arch.Checkpoint
	m  *arch.Model
	r  Request
	p  *growth.Plan
}

func newBuilder(ck *arch.Checkpoint, r Request, to growth.Sizes) *builder {
	m := ck.Model
	if r.Split == "" {
		r.Split = growth.SplitChoice
	}
	p := &growth.Plan{Schema: growth.PlanSchema, Arch: m.Spec.Name, From: growth.SizesOf(m), To: to, Tied: m.Tied,
		Split: r.Split, Seed: r.Seed,
		InitRange: m.InitRange, Maps: map[arch.Axis]growth.AxisMap{}, Methods: map[arch.Axis]string{}}
	if p.InitRange == 0 {
		p.InitRange = 0.02
	}
	return &builder{ck: ck, m: m, r: r, p: p}
}

// grow lets a method grow each axis whose size changes.
func (b *builder) grow() error {
	used := map[string]bool{}
	for _, a := range append([]arch.Axis{arch.Layers}, growth.Axes...) {
		from, to := b.sizes(a)
		if from == to || a == arch.ExpertFFN && from == 0 {
			continue
		}
		m, err := b.method(a)
		if err != nil {
			return err
		}
		before := len(b.p.Inexact)
		if err := m.Grow(b, a); err != nil {
			return err
		}
		if m.Exact() && len(b.p.Inexact) > before {
			return fmt.Errorf("method %q: is declared exact, and gives a growth that is not: %s", m.Name(), b.p.Inexact[before])
		}
		b.p.Methods[a] = m.Name()
		used[m.Name()] = true
	}
	if b.p.Layers == nil {
		b.p.Layers = growth.Originals(0, b.p.From.Layers)
	}
	for _, name := range b.r.Methods {
		if !used[name] && !slices.ContainsFunc(methods, func(m Method) bool { return m.Name() == name }) {
			return fault.Hint(fault.Usagef("method %q: unknown", name), "famkit help growth lists the methods")
		}
		if !used[name] {
			return b.unusedMethod(name)
		}
	}
	return b.rope()
}

// unusedMethod says why a method that was asked for grew nothing.
func (b *builder) unusedMethod(name string) error {
	for _, m := range methods {
		for _, a := range m.Axes() {
			if by := b.p.Methods[a]; m.Name() == name && by != "" {
				return fault.Hint(fault.Usagef("method %q: axis %s is grown by %q already, which stands before it", name, a, by),
					"grow one axis after the other")
			}
		}
	}
	return fault.Usagef("method %q: no axis that it can grow grows here", name)
}

// method finds the method for an axis: one that was asked for, or the axis's own.
func (b *builder) method(a arch.Axis) (Method, error) {
	for _, name := range b.r.Methods {
		for _, m := range methods {
			if m.Name() == name && slices.Contains(m.Axes(), a) {
				return m, nil
			}
		}
	}
	for _, m := range methods {
		if m.Name() == b.ownMethod(a) {
			return m, nil
		}
	}
	return nil, fault.Inputf("axis %s cannot grow", a)
}

// ownMethod is the method of an axis where none was asked for.
func (b *builder) ownMethod(a arch.Axis) string {
	switch a {
	case arch.Layers:
		return "identity"
	case arch.Hidden:
		if b.m.LayerNorm && b.p.To.Hidden%b.p.From.Hidden != 0 {
			return "lemon"
		}
	case arch.HeadDim:
		return "head-dim"
	case arch.Vocab, arch.Pos:
		return "rows"
	case arch.Experts:
		if b.p.From.Experts == 0 {
			return "upcycle"
		}
		return "experts"
	}
	return "copies"
}

// inexact notes why the child's function is another than its parent's.
func (b *builder) inexact(why string) {
	if !slices.Contains(b.p.Inexact, why) {
		b.p.Inexact = append(b.p.Inexact, why)
	}
}
