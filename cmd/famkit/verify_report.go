package main

import (
	"io"

	"famkit/internal/verify"
)

// shownFindings bounds what text shows of one check; --json has all.
const shownFindings = 20

func printReport(w io.Writer, r *verify.Report) {
	for _, c := range r.Checks {
		mark := "ok"
		switch {
		case c.Unsure != "":
			mark = "UNSURE"
		case !c.Passed:
			mark = "FAILED"
		}
		say(w, "%-7s %s: %s\n", mark, c.Name, c.Summary)
		for i, f := range c.Findings {
			if i == shownFindings {
				say(w, "        ... and %d more\n", len(c.Findings)-i)
				break
			}
			say(w, "        %s: %s\n", f.Level, f)
		}
		if c.Match != nil {
			say(w, "        tolerance: %s\n", c.Match.Why)
		}
		if c.Unsure != "" {
			say(w, "        cannot tell: %s\n", c.Unsure)
		}
	}
	printLayers(w, r.Layers)
	for _, why := range r.Inexact {
		say(w, "inexact on purpose: %s\n", why)
	}
	verdict := "not equal"
	switch {
	case r.Equal && r.Proof != nil:
		verdict = "equal, " + string(r.Proof.Verdict)
	case r.Equal:
		verdict = "equal as far as measured"
	case r.Unsure != "":
		verdict = "cannot be told"
	case r.Allowed:
		verdict = "not equal, as the plan says"
	}
	say(w, "%s and %s: %s\n", r.Parent, r.Child, verdict)
}

// printLayers says where the residual streams part.
func printLayers(w io.Writer, layers []verify.LayerMatch) {
	if len(layers) == 0 {
		return
	}
	first, differs := verify.FirstDifference(layers)
	switch {
	case !differs:
		say(w, "residual stream: equal after every layer; what differs is the head\n")
		return
	case first.Layer < 0:
		say(w, "residual stream: differs from the embedding on, by %.2g of its largest element\n", first.Delta)
		return
	}
	say(w, "residual stream: first differs after layer %d, by %.2g of its largest element", first.Layer, first.Delta)
	if last := layers[len(layers)-1]; last.Layer != first.Layer {
		say(w, "; after the last, %d, by %.2g", last.Layer, last.Delta)
	}
	say(w, "\n")
}
