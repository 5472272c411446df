package main

import (
	"io"

	"famkit/internal/verify"
)

// shownFindings bounds what text shows of one check; --json has all.
const shownFindings = 20

func printReport(w io.Writer, paint colours, r *verify.Report) {
	for _, c := range r.Checks {
		mark := paint.of(good, "ok     ")
		switch {
		case c.Unsure != "":
			mark = paint.of(unsure, "UNSURE ")
		case !c.Passed:
			mark = paint.of(bad, "FAILED ")
		}
		say(w, mark+" %s: %s\n", c.Name, c.Summary)
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
	verdict, colour := "not equal", bad
	switch {
	case r.Equal && r.Proof != nil:
		verdict, colour = "equal, "+string(r.Proof.Verdict), good
	case r.Equal:
		verdict, colour = "equal as far as measured", good
	case r.Unsure != "":
		verdict, colour = "cannot be told", unsure
	case r.Allowed:
		verdict, colour = "not equal, as the plan says", unsure
	}
	say(w, "%s and %s: "+paint.of(colour, verdict)+"\n", r.Parent, r.Child)
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
