package main

import (
	"fmt"
	"io"
	"strings"

	"famkit/expand"
)

func exactText(p *expand.Plan) string {
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
func functionText(p *expand.Plan) string {
	if len(p.Inexact) > 0 {
		return "changes its parent's function: " + strings.Join(p.Inexact, "; ")
	}
	s := "computes its parent's function " + exactText(p)
	if p.To.Vocab > p.From.Vocab {
		s += "; the old tokens' logits are kept, their probabilities are shared with the new"
	}
	return s
}

func sizesText(p *expand.Plan) string {
	var parts []string
	for _, s := range []struct {
		name     string
		from, to int
	}{
		{"layers", p.From.Layers, p.To.Layers}, {"hidden", p.From.Hidden, p.To.Hidden}, {"ffn", p.From.FFN, p.To.FFN},
		{"heads", p.From.Heads, p.To.Heads}, {"kv heads", p.From.KVHeads, p.To.KVHeads}, {"head_dim", p.From.HeadDim, p.To.HeadDim},
		{"vocab", p.From.Vocab, p.To.Vocab}, {"positions", p.From.Positions, p.To.Positions}, {"experts", p.From.Experts, p.To.Experts},
		{"top-k", p.From.TopK, p.To.TopK}, {"expert ffn", p.From.ExpertFFN, p.To.ExpertFFN},
	} {
		if s.from != s.to {
			parts = append(parts, fmt.Sprintf("%s %d -> %d", s.name, s.from, s.to))
		}
	}
	if p.Rope != nil {
		parts = append(parts, fmt.Sprintf("rotary scaling %s %g", p.Rope.Type, p.Rope.Factor))
	}
	return strings.Join(parts, ", ")
}

func printPlan(w io.Writer, a expandAnswer) {
	p := a.Plan
	_, _ = fmt.Fprintf(w, "output    %s\ngrowth    %s: %s\nfunction  %s\n", a.Output, p.Arch, sizesText(p), functionText(p))
	if p.ChildArch != "" {
		_, _ = fmt.Fprintf(w, "becomes   %s\n", p.ChildArch)
	}
	for _, axis := range p.Grows() {
		_, _ = fmt.Fprintf(w, "method    %s: %s\n", axis, p.Methods[axis])
	}
	if p.To.Layers != p.From.Layers {
		_, _ = fmt.Fprintf(w, "layers    %s\n", layersText(p.Layers))
	}
	_, _ = fmt.Fprintf(w, "symmetry  %s, seed %d\n", symmetryText(p.Split), p.Seed)
	_, _ = fmt.Fprintf(w, "size      %s parameters, %s\n", countText(a.Params), bytesText(a.Bytes))
	_, _ = fmt.Fprintf(w, "disk      %s free\nmemory    at most %s\n", bytesText(a.Free), bytesText(a.Memory))
	for _, t := range a.Tensors {
		_, _ = fmt.Fprintln(w, t)
	}
}

func symmetryText(s expand.Split) string {
	if s == expand.SplitEven {
		return "kept: even shares leave copies equal for ever"
	}
	return "broken by " + string(s)
}
