// Package expand grows a checkpoint into a larger one that computes the same function. A growth is data, a growth.Plan:
// axis maps that say where each index of the grown model comes from. It is compiled against the architecture's
// description into one expression for each tensor. Nothing here runs a model. The algebra stands in docs/growth.md.
//
// To read, as the data goes: a Request (target.go, change.go, params.go, contradict.go) is refused (refuse.go) or
// becomes a plan, axis by axis (build.go, method.go and a file for each method); the plan must keep what it says it
// keeps (keeps.go); it is compiled (growth.go, compile.go, rules.go, parts.go, gather.go) into expressions (expr.go);
// the child is a format.Source (source.go) whose tensors compute the rows that are asked for (rows.go, compute.go,
// share.go and the fast paths choose.go, keep.go, scale.go, fastrow.go, sharerow.go). moments.go and optimizer.go grow
// the state of a training; table.go asks the compiler what grows.
//
// Words: an index is sourced or fresh; of several indices with one source, index t is copy number nth[t] of count; a
// gather is one dimension of a tensor; a slot is one tensor of the child.
package expand

import (
	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/growth"
)

// Growth is a plan compiled against its parent: what every tensor of the child is made of. No tensor is read before the
// child's are.
type Growth struct {
	*growth.Plan
	parent *arch.Checkpoint
	child  *arch.Model
	config *arch.Config // the child's, nil where the parent has none
	exprs  []RoleExpr
}

// Compile turns a request into a growth of ck, or says why it would not keep the function. Only headers are read.
func Compile(ck *arch.Checkpoint, r Request) (*Growth, error) {
	if r.Params != "" {
		if err := r.propose(ck); err != nil {
			return nil, err
		}
	}
	to, err := r.resolve(ck)
	if err != nil {
		return nil, err
	}
	b := newBuilder(ck, r, to)
	if err := b.check(); err != nil {
		return nil, err
	}
	if err := b.grow(); err != nil {
		return nil, err
	}
	g, err := Of(b.p, ck)
	if err != nil {
		if r.Rope != "" && to.Positions != b.p.From.Positions {
			err = fault.Hint(err, "leave out --positions: a scaling starts from the parent's")
		}
		return nil, err
	}
	g.Plan.Rounding = roundings(g.exprs)
	return g, nil
}

// Of compiles a plan, which may come from anywhere, against its parent. It refuses a plan that says that it keeps the
// function where its maps do not.
func Of(p *growth.Plan, ck *arch.Checkpoint) (*Growth, error) {
	if err := p.StartsFrom(ck.Model); err != nil {
		return nil, err
	}
	if err := p.Check(); err != nil {
		return nil, fault.Inputf("the plan: %w", err)
	}
	g := &Growth{Plan: p, parent: ck}
	var err error
	if g.child, err = p.ChildModel(ck.Model); err != nil {
		return nil, err
	}
	if err := checkFrequencies(p, ck.Model, g.child); err != nil {
		return nil, err
	}
	if err := keeps(p, ck.Model); err != nil {
		return nil, fault.Inputf("the plan says that it keeps the function, but %w", err)
	}
	if ck.Config != nil {
		if g.config, err = g.childConfig(); err != nil {
			return nil, err
		}
		if err := g.child.Check(); err != nil {
			return nil, fault.Inputf("the child: %w", err)
		}
	}
	g.exprs, err = newCompiler(g).exprs()
	return g, err
}

// Exprs are the child's tensors as expressions of the parent's, in the order of the child's architecture.
func (g *Growth) Exprs() []RoleExpr { return g.exprs }

// childConfig is the child's configuration: the parent's rewritten, or a new one where the architecture is another.
func (g *Growth) childConfig() (*arch.Config, error) {
	ck := g.parent
	m, err := g.Plan.ChildOf(ck)
	if err != nil {
		return nil, err
	}
	if g.Plan.ChildArch != "" {
		cfg, err := arch.NewConfig(m)
		if raw, ok := ck.Config.Raw("pad_token_id"); ok && err == nil {
			cfg.Set("pad_token_id", raw)
		}
		return cfg, err
	}
	cfg := ck.Config.Clone()
	return cfg, ck.Model.Spec.Update(cfg, m)
}
