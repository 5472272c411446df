package main

import (
	"fmt"

	"famkit/internal/family"
)

// familyView shows a family's events on standard error: a line for each stage, and within it what its command shows.
type familyView struct {
	u     *ui
	train *trainView // of the stage that trains
	later float64    // operations of the stages after it
}

func (v *familyView) event(e family.Event) {
	switch {
	case e.Warn != "":
		v.u.warn("%s", e.Warn)
	case e.Note != "":
		v.u.note("%s", e.Note)
	case e.Stage != nil:
		v.stage(e.Stage)
	case e.Job != nil:
		v.u.observe()(*e.Job)
	case e.Train != nil && e.Train.Plan == nil: // the family's plan has said it
		if v.train == nil {
			v.train = newTrainView(v.u)
			v.train.later = v.later
		}
		v.train.event(*e.Train)
	}
}

func (v *familyView) stage(e *family.StageEvent) {
	v.close()
	if e.Goes == "done" {
		if r := e.Result; r.Verdict != "" {
			v.u.note("%s: the growth is proved: %s", e.Name, r.Verdict)
		}
		return
	}
	text := fmt.Sprintf("stage %d of %d: %s %s", e.Index, e.Of, e.Name, e.Goes)
	if e.Left > 0 {
		text += fmt.Sprintf("; about %s left for all trainings", family.Duration(e.Left))
	}
	v.u.note("%s", text)
	v.later = e.Later
}

func (v *familyView) close() {
	if v.train != nil {
		v.train.close()
		v.train = nil
	}
}
