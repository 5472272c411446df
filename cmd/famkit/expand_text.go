package main

import (
	"fmt"
	"io"
	"strings"

	"famkit/internal/growth"
	"famkit/internal/job"
	"famkit/internal/units"
)

func exactText(p *growth.Plan) string {
	if p.Exact() {
		return "exactly: no stored number was rounded"
	}
	var what []string
	for _, r := range p.Rounding {
		what = append(what, fmt.Sprintf("%s (%s)", r.Role, r.DType))
	}
	return "within rounding of the stored numbers of " + strings.Join(what, ", ")
}

// functionText says what becomes of the parent's function.
func functionText(p *growth.Plan) string {
	if len(p.Inexact) > 0 {
		return "changes its parent's function: " + strings.Join(p.Inexact, "; ")
	}
	s := "computes its parent's function " + exactText(p)
	if p.To.Vocab > p.From.Vocab {
		s += "; the old tokens' logits are kept, their probabilities are shared with the new"
	}
	return s
}

func sizesText(p *growth.Plan) string {
	var parts []string
	for i, to := range p.To.List() {
		if from := p.From.List()[i]; from.Size != to.Size {
			parts = append(parts, fmt.Sprintf("%s %d -> %d", to.Name, from.Size, to.Size))
		}
	}
	if p.Rope != nil {
		parts = append(parts, fmt.Sprintf("rotary scaling %s %g", p.Rope.Type, p.Rope.Factor))
	}
	return strings.Join(parts, ", ")
}

func printPlan(w io.Writer, a *job.Expanded) {
	p := a.Plan
	say(w, "output    %s\ngrowth    %s: %s\nfunction  %s\n", a.Output, p.Arch, sizesText(p), functionText(p))
	if p.ChildArch != "" {
		say(w, "becomes   %s\n", p.ChildArch)
	}
	for _, axis := range p.Grows() {
		say(w, "method    %s: %s\n", axis, p.Methods[axis])
	}
	if p.To.Layers != p.From.Layers {
		say(w, "layers    %s\n", layersText(p.Layers))
	}
	say(w, "symmetry  %s, seed %d\n", symmetryText(p.Split), p.Seed)
	say(w, "size      %s parameters, %s\n", units.Count(a.Params), units.Bytes(a.Bytes))
	say(w, "disk      %s free\nmemory    at most %s\n", units.Bytes(a.Free), units.Bytes(a.Memory))
	for _, t := range a.Tensors {
		say(w, "%s\n", t)
	}
}

func symmetryText(s growth.Split) string {
	if s == growth.SplitEven {
		return "kept: even shares leave copies equal for ever"
	}
	return "broken by " + string(s)
}
