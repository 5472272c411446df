package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"famkit/internal/corpus"
	"famkit/internal/trainstate"
	"famkit/internal/units"
	"famkit/train"
)

// printTrained prints the answer of a training, or of a dry run.
func printTrained(w io.Writer, r *train.Result) {
	switch {
	case r.NothingToDo:
		return
	case r.DryRun:
		printTrainPlan(w, r)
		return
	case r.Ran == 0 && !r.Written && r.EvalLoss != nil:
		say(w, "%s: evaluation loss %.4f%s; nothing was trained or written\n", r.Plan.From, *r.EvalLoss, lossAside(r.Evals))
		return
	}
	say(w, "%s: step %d, %s tokens in %.1f s", r.Out, r.Step, units.Count(r.Tokens), r.Seconds)
	if r.Loss != 0 {
		say(w, ", loss %.4f", r.Loss)
	}
	if r.EvalLoss != nil {
		say(w, ", evaluation %.4f%s", *r.EvalLoss, lossAside(r.Evals))
	}
	say(w, "\n")
}

// lossAside says more of an evaluation: perplexity, bits for each byte, tokens, and the loss on further sets.
func lossAside(sets []train.SetLoss) string {
	if len(sets) == 0 {
		return ""
	}
	s := fmt.Sprintf(" (perplexity %.2f", sets[0].Perplexity)
	if b := sets[0].BitsPerByte; b != nil {
		s += fmt.Sprintf(", %.4f bits a byte", *b)
	}
	s += ", " + units.Count(sets[0].Tokens) + " tokens)"
	for _, more := range sets[1:] {
		s += fmt.Sprintf("; %s %.4f", more.Name, more.Loss)
	}
	return s
}

// nothingToDo says why a run did nothing.
func nothingToDo(o train.Options, r *train.Result) string {
	s := fmt.Sprintf("nothing to do: %d of %d steps done; --steps N extends it", r.Step, r.Settings.Steps)
	if o.Model != o.Out {
		s += fmt.Sprintf(", or famkit train %s %s begins another from it; %s is left as it is", shellWord(o.Model),
			shellWord(o.Out), o.Out)
	}
	return s
}

// printTrainPlan is the answer of a dry run.
func printTrainPlan(w io.Writer, r *train.Result) {
	s, p := r.Settings, r.Plan
	line := func(name, format string, a ...any) {
		say(w, "%-10s"+format+"\n", append([]any{name}, a...)...)
	}
	say(w, "would train %s parameters for %d steps of %d x %d x %d tokens on %s in %s, %d threads\n",
		units.Count(r.Params), p.Steps-p.First+1, s.Batch, s.Accum, s.Seq, r.Engine, s.Precision, s.Threads)
	if p.Elsewhere != "" {
		line("", "%s; the plan is for a machine where it does", p.Elsewhere)
	}
	line("begins", "%s", beginText(p))
	line("optimizer", "%s", optimizerText(p))
	line("schedule", "%s to %g, %d steps of warm-up; weights saved as %s", s.Schedule, s.LR, s.Warmup, s.DType)
	line("data", "%s", dataText(p))
	if d := p.Data; len(d.Skipped) > 0 {
		line("", "%s", skippedText(d.Skipped))
	}
	if t := p.Data.Separator; t != nil {
		line("", "documents end with %q (%d): %s", t.Text, t.ID, t.From)
	}
	line("length", "%s", lengthText(p))
	line("memory", "%s: %s", units.Bytes(r.Memory.Total), memoryText(r.Memory))
	if r.Memory.Available > 0 {
		line("", "%s are available", units.Bytes(r.Memory.Available))
	}
	line("time", "%s", timeText(p))
	for i, row := range p.Data.First {
		line("row "+fmt.Sprint(i+1), "%s", cutText(fmt.Sprintf("%q", row), 200))
	}
}

func beginText(p *train.Plan) string {
	switch p.Kind {
	case train.Resume:
		return fmt.Sprintf("after step %d of %s", p.First-1, p.From)
	case train.TakeOver:
		return "from " + p.From + ", where its training stopped"
	}
	return "from " + p.From
}

// optimizerText says what becomes of the moments, and of the learning rate after a growth.
func optimizerText(p *train.Plan) string {
	s := p.Optimizer
	if p.Updates > 0 {
		s += fmt.Sprintf(" after %s updates", units.Count(int64(p.Updates)))
	}
	if p.Rewarm > 0 {
		s += fmt.Sprintf("; the learning rate warms up again over %d steps, since the growth made moments new", p.Rewarm)
		if n := p.Steps - p.First + 1; n <= p.Rewarm {
			s += fmt.Sprintf(": it does not reach its height in %d", n)
		}
	}
	return s
}

// dataText counts what was read.
func dataText(p *train.Plan) string {
	d := &p.Data
	s := units.Plural(d.Files, "file")
	if d.Documents > 0 {
		s += ", " + units.Plural(int(d.Documents), "document")
	}
	s += ", " + units.Plural(int(d.Tokens), "token") + ", " + units.Plural(int(d.Rows), "row")
	if d.EvalRows > 0 {
		s += "; evaluation on " + units.Plural(int(d.EvalRows), "row")
	}
	return s
}

func skippedText(skipped []corpus.Skipped) string {
	n := 0
	var list []string
	for _, s := range skipped {
		n += s.Files
		list = append(list, s.String())
	}
	return fmt.Sprintf("%s passed over: %s", units.Plural(n, "file"), strings.Join(list, ", "))
}

// lengthText says how often the data is read.
func lengthText(p *train.Plan) string {
	d := &p.Data
	s := fmt.Sprintf("%s, %s over the data, %s tokens a parameter", units.Plural(p.Steps, "step"), epochsText(d.Epochs),
		figure(d.PerParam))
	if d.Anew != "" {
		s += fmt.Sprintf("; the order of the data begins anew: %s changed", d.Anew)
	} else if p.Kind != train.Start {
		s += fmt.Sprintf("; the order goes on at epoch %.2f", d.Done)
	}
	return s
}

func memoryText(m train.Memory) string {
	return fmt.Sprintf("weights %s, gradients %s, optimizer %s, activations %s, workspace %s",
		units.Bytes(m.Weights), units.Bytes(m.Gradients), units.Bytes(m.Optimizer), units.Bytes(m.Activations),
		units.Bytes(m.Workspace))
}

func timeText(p *train.Plan) string {
	work := fmt.Sprintf("%.2g floating-point operations", p.FLOPs)
	d := time.Duration(p.Seconds * float64(time.Second))
	switch {
	case p.Seconds == 0:
		return "unknown; " + work
	case p.Measured:
		return fmt.Sprintf("about %s at the speed so far; %s", roundTime(d), work)
	}
	return fmt.Sprintf("at least about %s on this machine; %s", roundTime(d), work)
}

// roundTime gives a duration the digits that matter.
func roundTime(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 365*day:
		return fmt.Sprintf("%.1f years", d.Hours()/24/365)
	case d >= 2*day:
		return fmt.Sprintf("%.1f days", d.Hours()/24)
	case d >= time.Hour:
		return d.Round(time.Minute).String()
	case d < time.Second:
		return "1s"
	}
	return d.Round(time.Second).String()
}

// planNotes are what a training says before it begins.
func planNotes(r *train.Result) (notes []string) {
	p := r.Plan
	add := func(format string, a ...any) { notes = append(notes, fmt.Sprintf(format, a...)) }
	for _, why := range p.EnginesPassed {
		add("not used: engine %s", why)
	}
	if p.Elsewhere != "" {
		add("%s; the plan is for a machine where it does", p.Elsewhere)
	}
	if d := p.Damaged; d != nil {
		add("%s is damaged (%s): the training goes on from step %d, %s", d.Path, d.Why, d.Step, d.From)
	}
	if e := p.Erased; e != nil {
		add("%s: the training there goes when the new one is first saved: %s; %s (%s)", e.Path, e,
			strings.Join(e.Files, ", "), units.Bytes(e.Bytes))
	}
	for _, name := range p.Unused {
		add("%s of %s is not used: it is not the state of a training of famkit's", name, p.From)
	}
	for _, s := range p.Special {
		add("config.json gets %s", s)
	}
	if p.Kind == train.TakeOver {
		add("%s comes from a training: optimizer state %s", p.From, optimizerText(p))
		add("settings taken from it: %s", inheritedText(p, &r.Settings))
	} else if p.Rewarm > 0 {
		add("optimizer state %s", optimizerText(p))
	}
	if h := p.HandOver; h.Left(p.First-1) > 0 {
		add("in the steps %d to %d blocks hand over to their silent copies", max(h.From+1, p.First), h.To)
	}
	for _, c := range p.Changes {
		add("changed: %s", c)
	}
	if p.StepsWere > 0 {
		add("%s", extendsText(p, &r.Settings))
	}
	if len(p.Data.Skipped) > 0 {
		add("%s", skippedText(p.Data.Skipped))
	}
	if p.Data.Rows > 0 {
		add("data: %s; %s", dataText(p), lengthText(p))
	}
	add("%s parameters; memory %s: %s", units.Count(r.Params), units.Bytes(r.Memory.Total), memoryText(r.Memory))
	return notes
}

// extendsText says by how much a training is extended, and how the learning rate goes on where it had decayed.
func extendsText(p *train.Plan, s *trainstate.Settings) string {
	text := fmt.Sprintf("the training of %s now has %d", units.Plural(p.StepsWere, "step"), p.Steps)
	now, was := s.Rate(), s.Rate()
	was.Steps = p.StepsWere
	if before, next := was.At(p.First-1), now.At(p.First); before < next && was.Decays(p.First-1) {
		text += fmt.Sprintf("; the learning rate goes up from %.2g to %.2g at step %d", before, next, p.First)
	}
	return text
}

// planWarnings are what a user should think twice about.
func planWarnings(r *train.Result) (warnings []string) {
	p, d, rows := r.Plan, &r.Plan.Data, r.Settings.StepRows()
	if d.Rows == 0 || p.Steps < p.First {
		return nil
	}
	if rows > d.Rows {
		warnings = append(warnings, fmt.Sprintf("a step takes %s and the data has %d: rows are repeated within a step",
			units.Plural(int(rows), "row"), d.Rows))
	}
	// Repeating data up to 4 times is nearly as good as new data, and loses its worth after that (Muennighoff and others,
	// 2023).
	const worthwhile = 4
	if d.Epochs > worthwhile && rows <= d.Rows {
		warnings = append(warnings, fmt.Sprintf("%s over %s tokens: text that is repeated more than %d times teaches little",
			epochsText(d.Epochs), units.Count(d.Tokens), worthwhile))
	}
	return warnings
}

// inheritedText shows the settings that were taken over, those that say something.
func inheritedText(p *train.Plan, s *trainstate.Settings) string {
	var list []string
	values := s.Values()
	for _, name := range trainstate.Names() {
		if v := values[name]; slices.Contains(p.Inherited, name) && v != "not set" && v != "0" && v != "false" {
			list = append(list, name+" "+v)
		}
	}
	return strings.Join(list, ", ")
}

// epochsText counts passes over the data.
func epochsText(v float64) string {
	if s := figure(v); s != "1" {
		return s + " epochs"
	}
	return "1 epoch"
}

// figure shows a number with the digits that matter.
func figure(v float64) string {
	if v >= 100 {
		return units.Count(int64(v + 0.5))
	}
	return fmt.Sprintf("%.2g", v)
}

// cutText shortens a text to n characters.
func cutText(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-3]) + "..."
	}
	return s
}
