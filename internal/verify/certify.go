package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"famkit/expand"
	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/fault"
)

// prove adds the proof of a claim to the report.
func (r *Report) prove(ctx context.Context, claim *Claim, parent, child *arch.Checkpoint, digests bool) error {
	p, err := ProveClaim(ctx, claim, parent, child)
	if err != nil {
		return err
	}
	if digests {
		if err := p.sign(ctx, parent.Source, child.Source); err != nil {
			return err
		}
	}
	r.Proof = p
	r.add(Check{Name: provedCheck, Passed: p.Holds(), Findings: p.Findings(), Summary: p.Summary()})
	return nil
}

// sign writes down which checkpoints the proof is about.
func (p *Proof) sign(ctx context.Context, parent, child format.Source) error {
	var err error
	if p.Parent.Digest, err = digestOf(ctx, parent); err != nil {
		return err
	}
	if p.Child.Digest, err = digestOf(ctx, child); err != nil {
		return err
	}
	p.Parent.Config, p.Child.Config = configDigest(parent), configDigest(child)
	return nil
}

// configDigest is the SHA-256 of config.json, "" without one.
func configDigest(src format.Source) string {
	data, ok := format.ReadFile(src, expand.ConfigFile)
	if !ok {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Summary says the verdict in a line, with the worst rounding where there is any.
func (p *Proof) Summary() string {
	n := 0
	var worst Condition
	for _, c := range p.Conditions {
		n += c.Checked
		if c.WorstULP > worst.WorstULP {
			worst = c
		}
	}
	switch p.Verdict {
	case Exact:
		return fmt.Sprintf("exact for every input, %d conditions on %d bytes", n, p.Bytes)
	case Rounded:
		s := fmt.Sprintf("within rounding for every input, %d conditions on %d bytes", n, p.Bytes)
		if p.Claim != nil && p.Claim.Roundings > 1 {
			s = fmt.Sprintf("within %d roundings of each number for every input, %d conditions on %d bytes", p.Claim.Roundings, n, p.Bytes)
		}
		if worst.WorstULP > 0 {
			s += fmt.Sprintf("; worst %.2f ulp in %s", worst.WorstULP, worst.Where)
		}
		return s
	}
	var bad []string
	for _, c := range p.Conditions {
		if c.Verdict == Different {
			bad = append(bad, c.Name)
		}
	}
	return "different: " + strings.Join(bad, ", ")
}

// JSON is the proof as it is stored.
func (p *Proof) JSON() []byte {
	b, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		panic(err) // plain data
	}
	return append(b, '\n')
}

// ParseProof reads a stored proof. name is the file, for errors.
func ParseProof(name string, b []byte) (*Proof, error) {
	p := new(Proof)
	if err := json.Unmarshal(b, p); err != nil {
		return nil, fault.Inputf("%s: not a proof: %w", name, err)
	}
	if p.Schema != ProofSchema {
		return nil, fault.Inputf("%s: proof schema %d, want %d", name, p.Schema, ProofSchema)
	}
	if p.Claim == nil || p.Parent.Path == "" || p.Child.Path == "" {
		return nil, fault.Inputf("%s: names no parent, no child or no maps", name)
	}
	return p, nil
}

// Recheck proves the claim of a stored proof again, and compares what it said with what the files say now.
func Recheck(ctx context.Context, stored *Proof, parent, child format.Source) (*Report, error) {
	r := &Report{Schema: 1}
	pck, pfs := wellFormed(parent)
	cck, cfs := wellFormed(child)
	r.add(formCheck("parent well-formed", pck, pfs))
	r.add(formCheck("child well-formed", cck, cfs))
	if pck == nil || cck == nil || faults(pfs)+faults(cfs) > 0 {
		r.settle()
		return r, nil
	}
	if err := r.prove(ctx, stored.Claim, pck, cck, true); err != nil {
		return nil, err
	}
	var out []Finding
	for _, side := range []struct {
		what     string
		was, now Named
	}{{"parent", stored.Parent, r.Proof.Parent}, {"child", stored.Child, r.Proof.Child}} {
		if side.was.Digest != side.now.Digest || side.was.Config != side.now.Config {
			out = append(out, faultf(side.what, "weights %s and config %s are not those of the proof, %s and %s",
				side.now.Digest, side.now.Config, side.was.Digest, side.was.Config))
		}
	}
	if stored.Verdict != r.Proof.Verdict {
		out = append(out, faultf("", "the proof says %s, the files say %s", stored.Verdict, r.Proof.Verdict))
	}
	for i, c := range stored.Conditions {
		if i >= len(r.Proof.Conditions) || r.Proof.Conditions[i].Name != c.Name || r.Proof.Conditions[i].Verdict != c.Verdict {
			out = append(out, faultf(c.Name, "the proof says %s, which the files do not bear out", c.Verdict))
		}
	}
	r.add(Check{Name: "as written", Passed: true, Findings: out, Summary: fmt.Sprintf("%d conditions compared", len(stored.Conditions))})
	r.settle()
	return r, nil
}
