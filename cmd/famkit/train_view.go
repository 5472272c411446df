package main

import (
	"fmt"
	"time"

	"github.com/schollz/progressbar/v3"

	"famkit/train"
)

// trainView shows a training's events on standard error: a bar on a terminal, else a line every ten seconds.
type trainView struct {
	u     *ui
	text  *progress // of what comes before the first step
	bar   *progressbar.ProgressBar
	start *train.StartRow
	from  train.StepRow // where the rate is measured from: the step shown last
	next  time.Time
	rate  float64 // tokens a second, of the last stretch
	drawn time.Time
}

func newTrainView(u *ui) *trainView { return &trainView{u: u, next: time.Now().Add(showEvery)} }

const (
	showEvery = 10 * time.Second
	drawEvery = 100 * time.Millisecond
)

func (v *trainView) event(e train.Event) {
	switch {
	case e.Note != "":
		v.u.note("%s", e.Note)
	case e.Progress != nil:
		v.preparing(e.Progress)
	case e.Start != nil:
		v.begin(e.Start)
	case e.Step != nil:
		v.step(e.Step)
	case e.Eval != nil:
		v.line("step %d: evaluation loss %.4f on %s tokens", e.Eval.Step, e.Eval.Loss, countText(e.Eval.Tokens))
	case e.Save != nil:
		v.line("step %d saved in %s, %s", e.Save.Step, e.Save.Path, bytesText(e.Save.Bytes))
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
	v.start = s
	v.from = train.StepRow{Step: s.Step, Tokens: int64(s.Step) * int64(s.StepTokens)}
	verb := "training"
	if s.Step > 0 {
		verb = fmt.Sprintf("resuming after step %d", s.Step)
	}
	v.u.note("%s on engine %s, %d threads, %s: %d steps of %s tokens, %s tokens of data", verb, s.Engine, s.Settings.Threads, s.Settings.Precision,
		s.Settings.Steps, countText(int64(s.StepTokens)), countText(s.DataTokens))
	if v.u.terminal() && !v.u.json && !v.u.quiet {
		v.bar = progressbar.NewOptions(s.Settings.Steps, progressbar.OptionSetWriter(v.u.err), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetElapsedTime(false), progressbar.OptionSetPredictTime(false), progressbar.OptionSetWidth(8))
	}
}

func (v *trainView) step(s *train.StepRow) {
	if v.bar != nil {
		if time.Since(v.drawn) > drawEvery {
			v.drawn = time.Now()
			v.measure(s, time.Second)
			v.bar.Describe(v.short(s))
			_ = v.bar.Set(s.Step)
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
	if dt := s.Seconds - v.from.Seconds; v.rate == 0 || dt >= least.Seconds() {
		v.rate = float64(s.Tokens-v.from.Tokens) / dt
		v.from = *s
	}
}

// status is a step in words, with the rate, the operations that the rate delivers, and the time that is left.
func (v *trainView) status(s *train.StepRow) string {
	return fmt.Sprintf("step %d of %d: loss %.4f, norm %.2f, lr %.2g, %.0f tokens/s, %.1f GFLOP/s, %s left", s.Step, v.start.Settings.Steps,
		s.Loss, s.GradNorm, s.LR, v.rate, v.rate*v.start.FLOPs/1e9, v.left(s))
}

// short is status beside a bar: both fit a line of 80 columns.
func (v *trainView) short(s *train.StepRow) string {
	return fmt.Sprintf("%d/%d loss %.4f %.0f tok/s %.1f GFLOP/s %s left", s.Step, v.start.Settings.Steps, s.Loss, v.rate, v.rate*v.start.FLOPs/1e9, v.left(s))
}

func (v *trainView) left(s *train.StepRow) time.Duration {
	left := float64(v.start.Settings.Steps-s.Step) * float64(v.start.StepTokens) / v.rate
	return time.Duration(left * float64(time.Second)).Round(time.Second)
}

// line prints a message past the bar.
func (v *trainView) line(format string, a ...any) {
	if v.bar != nil {
		_ = v.bar.Clear()
	}
	v.u.note(format, a...)
}

func (v *trainView) close() {
	if v.text != nil {
		v.text.finish()
	}
	if v.bar != nil {
		_ = v.bar.Clear()
	}
}
