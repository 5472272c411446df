package job

import (
	"fmt"

	"famkit/internal/engine"
	"famkit/internal/fault"
	"famkit/internal/selftest"
)

// DoctorOptions say which engine Doctor looks at, "" or "auto" for all, and whether it runs the checks on those that
// run here.
type DoctorOptions struct {
	Engine   string
	Threads  int
	SelfTest bool
}

// Doctor is what runs on this machine and what does not.
type Doctor struct {
	Schema  int            `json:"schema"`
	Engines []EngineHealth `json:"engines"`
}

// EngineHealth is one engine: whether it runs here and with what, or why it does not.
type EngineHealth struct {
	Name    string             `json:"name"`
	Usable  bool               `json:"usable"`
	About   string             `json:"about"`
	Found   []engine.Finding   `json:"found"`
	Reports []*selftest.Report `json:"reports"`
}

// Good tells that no check failed.
func (d *Doctor) Good() bool {
	for _, e := range d.Engines {
		for _, r := range e.Reports {
			if !r.Good() {
				return false
			}
		}
	}
	return true
}

// SeeDoctor looks at engines. One that was asked for by name and cannot run here is an error beside the answer.
func SeeDoctor(o DoctorOptions, on Observer) (*Doctor, error) {
	if o.Engine == "" {
		o.Engine = engine.Auto
	}
	if o.Engine != engine.Auto {
		if _, err := engine.Choose(o.Engine, ""); err != nil {
			return nil, err
		}
	}
	d := &Doctor{Schema: 1}
	var unusable error
	for _, c := range engine.Candidates() {
		if o.Engine != engine.Auto && o.Engine != c.Name {
			continue
		}
		h, err := see(&c, o, on)
		d.Engines = append(d.Engines, h)
		if err != nil {
			return d, err
		}
		if !h.Usable && o.Engine == c.Name {
			unusable = &engine.Unavailable{Engine: c.Name, Why: h.About}
		}
	}
	if unusable == nil && !d.Good() {
		return d, &fault.Error{Kind: fault.No, Err: fmt.Errorf("the self-test has failed")}
	}
	return d, unusable
}

func see(c *engine.Candidate, o DoctorOptions, on Observer) (EngineHealth, error) {
	score, about := c.Score()
	h := EngineHealth{Name: c.Name, Usable: score > 0, About: about, Found: []engine.Finding{},
		Reports: []*selftest.Report{}}
	if c.Look != nil {
		h.Found = c.Look()
	}
	if !o.SelfTest || !h.Usable {
		return h, nil
	}
	for _, s := range c.Specs {
		r, err := selftest.Run(c, selftest.Options{Options: engine.Options{Precision: s.Precision, Threads: o.Threads},
			Progress: func(done, total int64) {
				on.tell(Event{Kind: Progress, Task: fmt.Sprintf("checking %s in %s", c.Name, s.Precision), Done: done, Total: total,
					Parts: true})
			}})
		if err != nil {
			return h, err
		}
		h.Reports = append(h.Reports, r)
	}
	return h, nil
}
