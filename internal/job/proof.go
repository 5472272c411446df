package job

import (
	"context"
	"path/filepath"

	"famkit/format"
	"famkit/internal/fault"
	"famkit/internal/infile"
	"famkit/internal/output"
	"famkit/internal/proof"
	"famkit/internal/verify"
)

// writeProof writes the proof where one was asked for. Paths in it are relative to it.
func (o *VerifyOptions) writeProof(r *verify.Report, on Observer) error {
	if o.WriteProof == "" {
		return nil
	}
	if r.Proof == nil {
		return fault.Hint(fault.Inputf("%v: there is no proof, since nothing says where the child's weights come from",
			fault.Arg("write-proof")), "%v finds out", fault.Arg("infer"))
	}
	dir := filepath.Dir(o.WriteProof)
	var err error
	if r.Proof.Parent.Path, err = pathFrom(dir, r.Parent); err == nil {
		r.Proof.Child.Path, err = pathFrom(dir, r.Child)
	}
	if err != nil {
		return err
	}
	if err := output.Write(o.WriteProof, r.Proof.JSON(), o.proofMeaning()); err != nil {
		return err
	}
	if o.WriteProof != output.Stdout {
		on.note("proof written to %s", o.WriteProof)
	}
	return nil
}

// mayWriteProof refuses a proof that could not be written in the end.
func (o *VerifyOptions) mayWriteProof() error {
	if o.WriteProof == "" {
		return nil
	}
	_, err := output.Find(o.WriteProof, o.proofMeaning())
	return err
}

func (o *VerifyOptions) proofMeaning() output.Meaning {
	if o.Force {
		return output.Replace
	}
	return output.Keep
}

// Recheck proves again what the proof in a file says. The proof names parent and child.
func Recheck(ctx context.Context, file string, maxULP float64, on Observer) (*verify.Report, error) {
	r, err := recheck(ctx, file, maxULP, on)
	return r, stopped(ctx, err, "stopped before there was an answer")
}

func recheck(ctx context.Context, file string, maxULP float64, on Observer) (*verify.Report, error) {
	b, err := infile.Read(file)
	if err != nil {
		return nil, err
	}
	p, err := proof.Parse(file, b)
	if err != nil {
		return nil, err
	}
	parent, parentPath, err := openNamed(file, p.Parent, on)
	if err != nil {
		return nil, err
	}
	defer func() { _ = parent.Close() }()
	child, childPath, err := openNamed(file, p.Child, on)
	if err != nil {
		return nil, err
	}
	defer func() { _ = child.Close() }()
	r, err := verify.Recheck(ctx, p, parent, child, verify.Options{MaxULP: maxULP, On: on.verification()})
	if err != nil {
		return nil, err
	}
	r.Parent, r.Child = parentPath, childPath
	return r, nil
}

// openNamed opens a checkpoint that a proof names, by a path as seen from the proof.
func openNamed(file string, n proof.Named, on Observer) (format.Handle, string, error) {
	path := n.Path
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(file), path)
	}
	h, err := Open(path, on)
	if err != nil {
		return nil, path, fault.Because(err, "%s: names %s", file, n.Path)
	}
	return h, path, nil
}
