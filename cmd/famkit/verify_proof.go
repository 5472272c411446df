package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/urfave/cli/v2"

	"famkit/expand"
	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/verify"
)

// claimFor settles what the proof starts from: the child's own plan, the plans from a parent of its parent down, or what
// the weights themselves show. The plan is given back where the child is directly made by it.
func claimFor(u *ui, c *cli.Context, parentPath string, parent, child format.Source, planFile string, plan *expand.Plan, o *verify.Options) (*expand.Plan, error) {
	if c.Bool("infer") {
		a, err := arch.Bind(parent)
		if err != nil {
			return nil, err
		}
		b, err := arch.Bind(child)
		if err != nil {
			return nil, err
		}
		o.Claim, err = verify.Infer(c.Context, a, b)
		return nil, err
	}
	if plan == nil || samePath(planParent(planFile, plan), parentPath) {
		return plan, nil
	}
	plans, err := plansFrom(parentPath, planFile, plan)
	if err != nil {
		return nil, err
	}
	if len(plans) < 2 {
		return plan, startsFrom(plan, planFile, parentPath, parent)
	}
	u.note("%d growths lie between %s and the child: their plans are followed one after the other", len(plans), parentPath)
	o.Claim, err = verify.Chain(plans)
	return nil, err
}

// startsFrom refuses a plan of a growth that cannot have begun with the parent: neither a yes nor a no would follow.
func startsFrom(plan *expand.Plan, planFile, parentPath string, parent format.Source) error {
	ck, err := arch.Bind(parent)
	if err != nil {
		return nil // who compares says what is wrong with it
	}
	if err := plan.StartsFrom(ck.Model); err != nil {
		return fault.Hint(fault.Inputf("%s and %s: %w; the plans that would lead there, from %s on, are not all here", planFile, parentPath, err, plan.Parent.Path),
			"verify each growth by itself, or --infer")
	}
	return nil
}

// planParent is the path of the parent that a plan names, relative to the plan.
func planParent(planFile string, plan *expand.Plan) string {
	if path := plan.Parent.Path; filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(planFile), plan.Parent.Path)
}

func samePath(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// plansFrom collects the plans from ancestor down to the plan, the first growth first; just the plan where they do not
// lead there.
func plansFrom(ancestor, planFile string, plan *expand.Plan) ([]*expand.Plan, error) {
	plans := []*expand.Plan{plan}
	for range verify.LongestChain {
		path := planParent(planFile, plans[0])
		if samePath(path, ancestor) {
			return plans, nil
		}
		planFile = expand.PlanPath(path)
		b, err := os.ReadFile(planFile)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			break
		}
		if err != nil {
			return nil, fault.Inputf("%w", err)
		}
		p, err := expand.ParsePlan(planFile, b)
		if err != nil {
			return nil, err
		}
		plans = append([]*expand.Plan{p}, plans...)
	}
	return []*expand.Plan{plan}, nil
}

// writeProof writes the proof where one was asked for. Paths in it are relative to it.
func writeProof(u *ui, c *cli.Context, r *verify.Report) error {
	file := c.String("write-proof")
	if file == "" {
		return nil
	}
	if r.Proof == nil {
		return fault.Hint(fault.Inputf("--write-proof: there is no proof, since nothing says where the child's weights come from"), "--infer finds out")
	}
	r.Proof.Parent.Path, r.Proof.Child.Path = pathFrom(file, r.Parent), pathFrom(file, r.Child)
	if err := format.WriteFileAtomic(file, r.Proof.JSON()); err != nil {
		return err
	}
	u.note("proof written to %s", file)
	return nil
}

func pathFrom(file, path string) string {
	base, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return path
	}
	whole, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(base, whole)
	if err != nil {
		return whole
	}
	return rel
}

// recheckProof proves again what a stored proof says.
func recheckProof(u *ui, c *cli.Context) error {
	if c.NArg() > 0 {
		return fault.Usagef("--proof names PARENT and CHILD itself, %d operands given", c.NArg())
	}
	file := c.String("proof")
	b, err := os.ReadFile(file)
	if err != nil {
		return fault.Inputf("%w", err)
	}
	p, err := verify.ParseProof(file, b)
	if err != nil {
		return err
	}
	open := func(n verify.Named) (format.Handle, string, error) {
		path := n.Path
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(file), path)
		}
		h, err := u.openSource(path)
		return h, path, err
	}
	parent, parentPath, err := open(p.Parent)
	if err != nil {
		return err
	}
	defer func() { _ = parent.Close() }()
	child, childPath, err := open(p.Child)
	if err != nil {
		return err
	}
	defer func() { _ = child.Close() }()
	r, err := verify.Recheck(c.Context, p, parent, child)
	if err != nil {
		return err
	}
	r.Parent, r.Child = parentPath, childPath
	return u.verdict(r)
}
