package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/proof"
)

// prove adds the proof of a claim to the report.
func (r *Report) prove(ctx context.Context, claim *proof.Claim, parent, child *arch.Checkpoint, o Options) error {
	p, err := proof.Prove(ctx, claim, parent, child, proof.Options{Progress: o.progress("proving", true)})
	if err != nil {
		return err
	}
	return r.take(ctx, p, parent, child, o)
}

// take adds a proof to the report, signed where that is asked for.
func (r *Report) take(ctx context.Context, p *proof.Proof, parent, child *arch.Checkpoint, o Options) error {
	if o.Digests {
		if err := sign(ctx, p, parent.Source, child.Source, o); err != nil {
			return err
		}
	}
	p.Version = o.Version
	r.Proof = p
	c := Check{Name: provedCheck, Passed: p.Holds(), Findings: broken(p), Summary: p.Summary()}
	for _, n := range p.Notes {
		c.Findings = append(c.Findings, notef("", "%s", n))
	}
	if ulp, where := p.WorstULP(); o.MaxULP > 0 && ulp > o.MaxULP {
		c.Findings = append(c.Findings, faultf(where, "a number is %.2f ulp off, more than the %g that are allowed", ulp,
			o.MaxULP))
	}
	r.add(c)
	if len(p.Compared) > 0 { // a claim that is no claim is refused before anything is compared
		r.add(comparedCheck(p.Compared, nil))
	}
	return nil
}

// broken are the counterexamples of a proof as findings.
func broken(p *proof.Proof) []Finding {
	var out []Finding
	for _, c := range p.Conditions {
		if c.Counter == nil {
			continue
		}
		where := c.Counter.Where
		if len(c.Counter.Index) > 0 {
			where += fmt.Sprint(" ", c.Counter.Index)
		}
		out = append(out, faultf(where, "%s: %s", c.Name, c.Counter.Text))
	}
	return out
}

// sign writes down which checkpoints the proof is about.
func sign(ctx context.Context, p *proof.Proof, parent, child format.Source, o Options) error {
	for _, side := range []struct {
		who string
		of  *proof.Named
		src format.Source
	}{{"parent", &p.Parent, parent}, {"child", &p.Child, child}} {
		digest, err := digestOf(ctx, side.src, o.progress("reading the "+side.who, true))
		if err != nil {
			return err
		}
		side.of.Digest, side.of.Config = digest, fileDigest(side.src, configFile)
		side.of.Files = map[string]string{}
		for _, name := range signedFiles {
			if sum := fileDigest(side.src, name); sum != "" {
				side.of.Files[name] = sum
			}
		}
	}
	return nil
}

// configFile is the name of a model's configuration.
const configFile = "config.json"

// signedFiles are those beside the weights that say what texts become, and what is made of logits.
var signedFiles = []string{
	"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt",
	"tokenizer.model", "generation_config.json",
}

// fileDigest is the SHA-256 of a side file, "" where there is none.
func fileDigest(src format.Source, name string) string {
	data, ok := format.ReadFile(src, name)
	if !ok {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Recheck proves the claim of a stored proof again, and compares what it said with what the files say now.
func Recheck(ctx context.Context, stored *proof.Stored, parent, child format.Source, o Options) (*Report, error) {
	r := &Report{Schema: 1}
	pck, cck, ok := r.wellFormed(parent, child)
	if !ok || r.incomparable(pck, cck, true) {
		r.settle()
		return r, nil
	}
	claim, err := stored.Claimed(pck.Model, cck.Model)
	if err != nil {
		return nil, err
	}
	o.Digests = true
	if err := r.prove(ctx, claim, pck, cck, o); err != nil {
		return nil, err
	}
	r.add(Check{Name: "as written", Passed: true, Findings: unlike(stored, r.Proof),
		Summary: fmt.Sprintf("%d conditions compared", len(stored.Conditions))})
	r.settle()
	return r, nil
}

// unlike says in what a proof differs from a stored one.
func unlike(stored *proof.Stored, now *proof.Proof) []Finding {
	var out []Finding
	for _, side := range []struct {
		what     string
		was, now proof.Named
	}{{"parent", stored.Parent, now.Parent}, {"child", stored.Child, now.Child}} {
		if side.was.Digest != side.now.Digest || side.was.Config != side.now.Config {
			out = append(out, faultf(side.what, "weights %s and config %s are not those of the proof, %s and %s",
				side.now.Digest, side.now.Config, side.was.Digest, side.was.Config))
		}
		for _, name := range signedFiles {
			if side.was.Files[name] != side.now.Files[name] {
				out = append(out, notef(side.what, "%s is not the file that the proof was written beside", name))
			}
		}
	}
	if stored.Verdict != now.Verdict {
		out = append(out, faultf("", "the proof says %s, the files say %s", stored.Verdict, now.Verdict))
	}
	for i, c := range stored.Conditions {
		if i >= len(now.Conditions) || now.Conditions[i].Name != c.Name || now.Conditions[i].Verdict != c.Verdict {
			out = append(out, faultf(c.Name, "the proof says %s, which the files do not bear out", c.Verdict))
		}
	}
	if len(stored.Conditions) != len(now.Conditions) {
		out = append(out, faultf("", "the proof speaks of %d conditions, there are %d", len(stored.Conditions),
			len(now.Conditions)))
	}
	return out
}
