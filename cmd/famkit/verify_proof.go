package main

import (
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/growth"
	"famkit/internal/verify"
)

// claimFor settles what the proof starts from: the child's own plan, the plans from a parent of its parent down, or what
// the weights themselves show. The plan is given back where the child is directly made by it.
func claimFor(u *ui, c *cli.Context, parentPath string, parent, child format.Source, l *verify.Lineage, o *verify.Options) (*growth.Plan, error) {
	ck, err := arch.Bind(parent)
	if c.Bool("infer") {
		if err != nil {
			return nil, err
		}
		grown, err := arch.Bind(child)
		if err != nil {
			return nil, err
		}
		o.Claim, err = verify.Infer(c.Context, ck, grown)
		return nil, err
	}
	plans, err := l.From(parentPath, ck) // who compares says what is wrong with a parent that cannot be bound
	if err != nil || len(plans) == 0 {
		return nil, err
	}
	if len(plans) == 1 {
		return plans[0], nil
	}
	u.note("%d growths lie between %s and the child: their plans are followed one after the other", len(plans), parentPath)
	o.Claim, err = verify.Chain(plans)
	return nil, err
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
