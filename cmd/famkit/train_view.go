package main

import (
	"fmt"
	"time"

	"famkit/internal/family"
	"famkit/internal/units"
	"famkit/train"
)

// trainView shows a training's events on standard error: a line that is drawn again and again on a terminal, else a
// line every ten seconds.
type trainView struct {
	u     *ui
	line  *statusLine // nil where there is no terminal
	text  *progress   // of what comes before the first step
	start *train.StartRow
	next  time.Time // when the next line is due, without a terminal
	drawn time.Time

	from train.StepRow // where the rate is measured from
	rate float64       // tokens a second, of the last stretch of steps
	seen float64       // seconds of the training at the last row
	// An evaluation: when it began, and how long the last one took.
	evalBegan time.Time
	evalFirst int64 // tokens of the batch that is not in the rate
	evalTook  float64
	// later are the operations of the trainings of a family that follow this one.
	later float64
}

const (
	showEvery = 10 * time.Second
	drawEvery = 100 * time.Millisecond
)

func newTrainView(u *ui) *trainView {
	return &trainView{u: u, line: u.statusLine(), next: time.Now().Add(showEvery)}
}

func (v *trainView) event(e train.Event) {
	switch {
	case e.Plan != nil:
		v.plan(e.Plan)
	case e.Progress != nil && e.Progress.Tokens:
		v.evaluating(e.Progress)
	case e.Progress != nil:
		v.preparing(e.Progress)
	case e.Start != nil:
		v.begin(e.Start)
	case e.Step != nil:
		v.step(e.Step)
	case e.Eval != nil:
		v.evaluated(e.Eval)
	case e.Save != nil:
		v.note("step %d saved in %s, %s", e.Save.Step, e.Save.Path, units.Bytes(e.Save.Bytes))
		v.apart(e.Save.Seconds)
	case e.LogCut != nil:
		v.note("%s loses %s past step %d", e.LogCut.Path, units.Plural(e.LogCut.Rows, "row"), e.LogCut.Step)
	}
}

func (v *trainView) plan(r *train.Result) {
	if !r.DryRun { // whose answer says all of it
		for _, n := range planNotes(r) {
			v.u.note("%s", n)
		}
	}
	for _, w := range planWarnings(r) {
		v.u.warn("%s", w)
	}
}

func (v *trainView) preparing(p *train.Progress) {
	if v.text == nil {
		v.text = v.u.progressBytes(p.Label, p.Total)
	}
	v.text.set(p.Done)
	if p.Done == p.Total {
		v.text.finish()
		v.text = nil
	}
}

func (v *trainView) begin(s *train.StartRow) {
	v.start, v.seen = s, s.Seconds
	v.from = train.StepRow{Step: s.Step, Tokens: s.Tokens, Seconds: s.Seconds}
	if s.Settings.Steps == s.Step {
		return
	}
	verb := "training"
	if s.Step > 0 {
		verb = fmt.Sprintf("resuming after step %d", s.Step)
	}
	v.u.note("%s on engine %s, %d threads, %s: %d steps of %s tokens, %s tokens of data", verb, s.Engine,
		s.Settings.Threads, s.Settings.Precision,
		s.Settings.Steps, units.Count(s.StepTokens), units.Count(s.DataTokens))
}

func (v *trainView) step(s *train.StepRow) {
	v.seen = s.Seconds
	if v.line != nil {
		if time.Since(v.drawn) > drawEvery {
			v.drawn = time.Now()
			v.measure(s, time.Second)
			v.line.draw(v.parts(s))
		}
		return
	}
	if s.Step == v.start.Step+1 || s.Step == v.start.Settings.Steps || time.Now().After(v.next) {
		v.measure(s, 0)
		v.u.note("%s", v.status(s))
		v.next = time.Now().Add(showEvery)
	}
}

// measure takes the rate over the stretch since the last measurement, when that is at least `least` long.
func (v *trainView) measure(s *train.StepRow, least time.Duration) {
	if dt := s.Seconds - v.from.Seconds; dt > 0 && (v.rate == 0 || dt >= least.Seconds()) {
		v.rate = float64(s.Tokens-v.from.Tokens) / dt
		v.from = *s
	}
}

// apart keeps what took time between steps out of the rate.
func (v *trainView) apart(seconds float64) {
	v.from.Seconds += seconds - v.seen
	v.seen = seconds
}

// status is a step in words, with the rate, the operations that the rate delivers, and the time that is left.
func (v *trainView) status(s *train.StepRow) string {
	text := fmt.Sprintf("step %d of %d: loss %.4f, norm %.2f, lr %.2g, %.0f tokens/s, %.1f GFLOP/s, %s left", s.Step,
		v.start.Settings.Steps,
		s.Loss, s.GradNorm, s.LR, v.rate, v.rate*v.start.FLOPs/1e9, v.left(s))
	if more := v.family(s); more != "" {
		text += ", " + more
	}
	return text
}

// parts are status for a line that may be narrow.
func (v *trainView) parts(s *train.StepRow) []part {
	steps := v.start.Settings.Steps
	list := []part{
		{text: fmt.Sprintf("%d/%d", s.Step, steps)},
		{text: bar(float64(s.Step)/float64(steps), 10), rank: 4},
		{text: fmt.Sprintf("loss %.4f", s.Loss), rank: 1},
		{text: v.left(s).String() + " left", rank: 2},
		{text: fmt.Sprintf("%.0f tok/s", v.rate), rank: 3},
		{text: fmt.Sprintf("%.1f GFLOP/s", v.rate*v.start.FLOPs/1e9), rank: 5},
	}
	if more := v.family(s); more != "" {
		list = append(list, part{text: more, rank: 3})
	}
	return list
}

// family is the time that is left for a family of which this training is a stage, "" where there is none.
func (v *trainView) family(s *train.StepRow) string {
	if v.later == 0 || v.rate == 0 {
		return ""
	}
	seconds := v.left(s).Seconds() + v.later/(v.rate*v.start.FLOPs)
	return family.Duration(seconds) + " for the family"
}

// left is the time of the steps to come and of the evaluations among them.
func (v *trainView) left(s *train.StepRow) time.Duration {
	if v.rate == 0 {
		return 0
	}
	set := &v.start.Settings
	seconds := float64(set.Steps-s.Step) * float64(v.start.StepTokens) / v.rate
	if v.start.EvalRows > 0 {
		evals := 1 // the last one
		if set.EvalEvery > 0 {
			evals += (set.Steps-1)/set.EvalEvery - s.Step/set.EvalEvery
		}
		seconds += float64(evals) * v.evalTook
	}
	return time.Duration(seconds * float64(time.Second)).Round(time.Second)
}

// evaluating shows how far an evaluation is.
func (v *trainView) evaluating(p *train.Progress) {
	if v.evalBegan.IsZero() {
		v.evalBegan, v.evalFirst = time.Now(), p.Done
		return
	}
	took := time.Since(v.evalBegan).Seconds()
	if p.Done == p.Total || took == 0 {
		return
	}
	rate := float64(p.Done-v.evalFirst) / took
	left := time.Duration(float64(p.Total-p.Done) / rate * float64(time.Second)).Round(time.Second)
	switch {
	case v.line != nil && time.Since(v.drawn) > drawEvery:
		v.drawn = time.Now()
		v.line.draw([]part{{text: fmt.Sprintf("evaluating %d%%", 100*p.Done/p.Total)},
			{text: bar(float64(p.Done)/float64(p.Total), 10), rank: 3},
			{text: left.String() + " left", rank: 1}, {text: fmt.Sprintf("%.0f tok/s", rate), rank: 2}})
	case v.line == nil && time.Now().After(v.next):
		v.next = time.Now().Add(showEvery)
		v.u.note("evaluating %d%%: %.0f tokens/s, %s left", 100*p.Done/p.Total, rate, left)
	}
}

func (v *trainView) evaluated(e *train.EvalRow) {
	v.evalTook, v.evalBegan = e.Seconds-v.seen, time.Time{}
	v.apart(e.Seconds)
	s := fmt.Sprintf("step %d: evaluation loss %.4f on %s tokens", e.Step, e.Loss, units.Count(e.Tokens))
	for _, more := range e.Sets[min(1, len(e.Sets)):] {
		s += fmt.Sprintf(", %s %.4f", more.Name, more.Loss)
	}
	if e.Before != nil {
		s += fmt.Sprintf("; %.4f before", *e.Before)
	}
	v.note("%s", s)
	// An exact growth changes an evaluation by what rounding in the engine's precision does, far less than this.
	const rounding = 1e-2
	if e.Before != nil && max(e.Loss-*e.Before, *e.Before-e.Loss) > rounding**e.Before {
		v.u.warn("the evaluation was %.4f where the training before stopped: the model computes something else than it did",
			*e.Before)
	}
}

// note prints a message past the line.
func (v *trainView) note(format string, a ...any) {
	v.line.clear()
	v.u.note(format, a...)
}

func (v *trainView) close() {
	if v.text != nil {
		v.text.finish()
	}
	v.line.clear()
}
