package family

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"famkit/format"
	"famkit/internal/disk"
	"famkit/internal/fault"
	"famkit/internal/infile"
	"famkit/internal/job"
	"famkit/internal/output"
	"famkit/internal/trainstate"
	"famkit/internal/units"
	"famkit/train"
)

// RunOptions say what Run does.
type RunOptions struct {
	Recipe string
	Out    string // the family's folder; "": named by the family, beside the recipe
	Until  string // the last stage to run; "": all
	Only   string // one stage alone; "": all
	Again  bool   // with Only: its output goes and is made again
	DryRun bool   // says what would be done
	By     string // version of the program, for the ledger and the proofs
}

// Event is something that happened. One field is set.
type Event struct {
	Stage *StageEvent
	Note  string
	Warn  string
	Job   *job.Event   // of a growth, a proof or a tokenizer
	Train *train.Event // of a training
}

// StageEvent tells that a stage begins or is finished.
type StageEvent struct {
	Name   string
	Kind   Kind
	Index  int // of those that run, from 1
	Of     int
	Goes   string // "begins", "goes on", "done"
	Steps  int
	Result *Result
	// Left is an estimate of the time for all that is still to be trained, in seconds; 0: not known yet.
	Left float64
	// Later are the operations of the trainings after this stage.
	Later float64
}

// State of a stage's output.
type State string

// The states.
const (
	Done    State = "done"
	Partial State = "partial" // a training that was interrupted
	Missing State = "to do"
	Gone    State = "gone" // finished, and no longer there
	Unasked State = "not asked for"
)

// StageStatus is how far a stage is.
type StageStatus struct {
	Name   string  `json:"name"`
	Kind   Kind    `json:"kind"`
	State  State   `json:"state"`
	Output string  `json:"output"`
	Step   int     `json:"step,omitempty"`
	Steps  int     `json:"steps,omitempty"`
	Result *Result `json:"result,omitempty"`
}

// Status is how far a family is.
type Status struct {
	Schema int           `json:"schema"`
	Family string        `json:"family"`
	Out    string        `json:"out"`
	Stages []StageStatus `json:"stages"`
	// Changed are the stages that were finished with other inputs, and what differs. Their outputs stay.
	Changed []Changed `json:"changed,omitempty"`
	// Unused are outputs that no stage of the recipe has.
	Unused []Unused `json:"unused,omitempty"`
	Disk   int64    `json:"disk_needed"` // for what is still to do
	Free   int64    `json:"disk_free"`
	Left   int      `json:"stages_left"`
	DryRun bool     `json:"dry_run,omitempty"`
}

// Changed is a stage that the recipe now asks for otherwise than before.
type Changed struct {
	Stage string   `json:"stage"`
	Was   string   `json:"was"` // the output that no longer counts
	What  []string `json:"what"`
}

// Unused is an output that no stage of the recipe has.
type Unused struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

// family is one run.
type family struct {
	o      RunOptions
	r      *Recipe
	p      *Plan
	dir    string
	works  []*work
	ledger *Ledger
	on     func(Event)

	// Operations and seconds of this run's trainings, for the time that is left.
	trainedOps, trainedFor float64
	counted                bool // the data and the evaluations were looked at
}

// open reads the recipe and finds out how far the family is. It writes nothing.
func open(ctx context.Context, o RunOptions, on func(Event)) (*family, error) {
	f := &family{o: o, on: on}
	if f.on == nil {
		f.on = func(Event) {}
	}
	var err error
	if f.r, err = Read(o.Recipe); err != nil {
		return nil, err
	}
	if f.p, err = MakePlan(f.r, nil); err != nil {
		return nil, err
	}
	if f.dir = o.Out; f.dir == "" {
		f.dir = filepath.Join(f.r.Dir(), f.r.Name)
	}
	if err := f.apart(); err != nil {
		return nil, err
	}
	if f.works, err = f.p.works(ctx); err != nil {
		return nil, err
	}
	if f.ledger, err = ReadLedger(f.dir); err != nil {
		return nil, err
	}
	return f, f.ledger.belongs(f.r.Name)
}

// apart refuses a family's folder that lies in what it is trained or evaluated on: what it writes would be data.
func (f *family) apart() error {
	set := f.r.settings(f.r.Training.LR)
	out, err := disk.Abs(f.dir)
	if err != nil {
		return fault.Failedf("%s: %w", f.dir, err)
	}
	for _, p := range append(slices.Clone(set.Data), set.Eval) {
		data, err := disk.Abs(p)
		if p == "" || err != nil {
			continue
		}
		if rel, err := filepath.Rel(data, out); err == nil && filepath.IsLocal(rel) {
			return fault.Hint(fault.Inputf("%s: the family's folder lies in its data, %s", f.dir, p),
				"another folder: famkit family run RECIPE OUT")
		}
	}
	return nil
}

// Look tells how far a family is.
func Look(ctx context.Context, o RunOptions) (*Status, error) {
	f, err := open(ctx, o, nil)
	if err != nil {
		return nil, err
	}
	return f.status()
}

// Run makes what the recipe asks for and is not there yet, stage by stage.
func Run(ctx context.Context, o RunOptions, on func(Event)) (*Status, error) {
	f, err := open(ctx, o, on)
	if err != nil {
		return nil, err
	}
	if err := f.choose(); err != nil {
		return nil, err
	}
	before, err := f.status()
	if err != nil {
		return nil, err
	}
	f.tell(before)
	if o.DryRun {
		before.DryRun = true
		return before, f.room(before)
	}
	if err := f.room(before); err != nil {
		return nil, err
	}
	if f.ledger, err = OpenLedger(f.dir, f.r.Name); err != nil {
		return nil, err
	}
	defer func() { _ = f.ledger.Close() }()
	if before.Left > 0 {
		if err := f.keepRecipe(); err != nil {
			return nil, err
		}
		if err := f.all(ctx, before); err != nil {
			return nil, err
		}
	}
	return f.status()
}

// choose refuses stages that are not there.
func (f *family) choose() error {
	var names []string
	for _, w := range f.works {
		if w.Wanted {
			names = append(names, w.Name)
		}
	}
	for _, c := range []struct{ arg, name string }{{"until", f.o.Until}, {"stage", f.o.Only}} {
		if c.name != "" && !slices.Contains(names, c.name) {
			return fault.Hint(fault.Usagef("%v: no such stage", fault.Arg(c.arg, c.name)), "the recipe's stages are %s",
				strings.Join(names, ", "))
		}
	}
	if f.o.Again && f.o.Only == "" {
		return fault.Usagef("%v goes with %v: it names the stage", fault.Arg("again"), fault.Arg("stage"))
	}
	if f.o.Until != "" && f.o.Only != "" {
		return fault.Usagef("%v and %v contradict each other", fault.Arg("until"), fault.Arg("stage"))
	}
	return nil
}

// asked tells whether a stage belongs to what this run was asked for.
func (f *family) asked(i int) bool {
	w := f.works[i]
	if !w.Wanted || f.o.Only != "" && w.Name != f.o.Only {
		return false
	}
	last := slices.IndexFunc(f.works, func(w *work) bool { return w.Name == f.o.Until })
	return f.o.Until == "" || i <= last
}

// output is where a stage's output lies.
func (f *family) output(w *work) string { return filepath.Join(f.dir, stagesDir, w.id) }

func (f *family) log(w *work) string { return filepath.Join(f.dir, logsDir, w.id+".jsonl") }

// find gives the work of a stage.
func (f *family) find(name string) *work {
	i := slices.IndexFunc(f.works, func(w *work) bool { return w.Name == name })
	if i < 0 {
		return nil
	}
	return f.works[i]
}

// status finds out how far each stage is.
func (f *family) status() (*Status, error) {
	s := &Status{Schema: 1, Family: f.r.Name, Out: f.dir}
	for i, w := range f.works {
		st := StageStatus{Name: w.Name, Kind: w.Kind, Output: f.output(w), Steps: w.Steps}
		row := f.ledger.done(w.key)
		here, err := there(f.output(w))
		if err != nil {
			return nil, err
		}
		switch {
		case row != nil && here:
			st.State, st.Result, st.Step = Done, row.Result, w.Steps
		case row != nil:
			st.State, st.Result = Gone, row.Result
		case here && w.Kind == Train && trainstate.Is(f.output(w)):
			st.State = Partial
			state, err := trainstate.Read(f.output(w))
			if err != nil {
				return nil, err
			}
			st.Step = state.Step
		default:
			st.State = Missing
		}
		if f.o.Again && w.Name == f.o.Only {
			st.State, st.Step = Missing, 0
		}
		if !f.asked(i) && st.State != Done {
			st.State = Unasked
		}
		s.Stages = append(s.Stages, st)
	}
	f.needs(s)
	f.differences(s)
	f.unused(s)
	var err error
	s.Free, err = format.Free(f.dir)
	return s, err
}

// needs counts what is to do. An output that is gone is made again where something that is to do begins with it, or
// where it is a member.
func (f *family) needs(s *Status) {
	wanted := map[string]bool{}
	for i := len(s.Stages) - 1; i >= 0; i-- {
		st, w := &s.Stages[i], f.works[i]
		if st.State == Gone && f.asked(i) && (w.Final || wanted[w.Name]) {
			st.State = Missing
		}
		if st.State != Missing && st.State != Partial {
			continue
		}
		wanted[w.From] = true
		s.Left++
		s.Disk += w.Disk
	}
	if s.Left > 0 {
		s.Disk += f.p.LargestOutput()
	}
}

// differences compares the recipe with the one of the last run.
func (f *family) differences(s *Status) {
	last := f.ledger.recipe()
	if last == nil {
		return
	}
	for _, w := range f.works {
		was, ok := last.Stages[w.Name]
		if !ok || was == w.key || f.ledger.done(was) == nil {
			continue
		}
		s.Changed = append(s.Changed, Changed{Stage: w.Name, Was: w.Name + "-" + was[:idDigits],
			What: w.inputs.differs(last.All[w.Name])})
	}
}

// unused lists outputs that the recipe has no stage for.
func (f *family) unused(s *Status) {
	list, err := disk.List(filepath.Join(f.dir, stagesDir))
	if err != nil {
		return
	}
	for _, e := range list {
		if strings.HasPrefix(e.Name(), ".") || slices.ContainsFunc(f.works, func(w *work) bool { return w.id == e.Name() }) {
			continue
		}
		path := filepath.Join(f.dir, stagesDir, e.Name())
		s.Unused = append(s.Unused, Unused{path, sizeOf(path)})
	}
}

// tell says what changed since the last run.
func (f *family) tell(s *Status) {
	for _, c := range s.Changed {
		f.on(Event{Warn: fmt.Sprintf("the recipe has changed: stage %s is made anew (%s); %s stays as it is", c.Stage,
			strings.Join(c.What, ", "), filepath.Join(f.dir, stagesDir, c.Was))})
	}
	for _, w := range f.p.Warnings {
		f.on(Event{Warn: w})
	}
}

// room refuses a family that the disk does not hold.
func (f *family) room(s *Status) error {
	if s.Disk <= s.Free {
		return nil
	}
	return fault.Hint(fault.Failedf("%s: the stages that are left take %s of disk, %s are free", f.dir,
		units.Bytes(s.Disk),
		units.Bytes(s.Free)), "another folder, or %v makes a part of them", fault.Arg("until", "STAGE"))
}

// keepRecipe notes the recipe in the ledger and keeps its text.
func (f *family) keepRecipe() error {
	b, err := infile.Read(f.o.Recipe)
	if err != nil {
		return err
	}
	name := filepath.Join(recipesDir, trainstate.Digest(b)[:idDigits]+".toml")
	if err := output.Write(filepath.Join(f.dir, name), b, output.Replace); err != nil {
		return err
	}
	row := Row{Type: rowRecipe, Family: f.r.Name, Recipe: name, Stages: map[string]string{}, All: map[string]inputs{},
		By: f.o.By}
	for _, w := range f.works {
		row.Stages[w.Name], row.All[w.Name] = w.key, w.inputs
	}
	last := f.ledger.recipe()
	if last != nil && last.Recipe == row.Recipe && last.By == row.By && maps.Equal(last.Stages, row.Stages) {
		return nil
	}
	return f.ledger.append(row)
}

// all runs the stages that are to do.
func (f *family) all(ctx context.Context, s *Status) error {
	n := 0
	for i := range s.Stages {
		st, w := &s.Stages[i], f.works[i]
		if st.State != Missing && st.State != Partial {
			continue
		}
		n++
		if err := f.ready(w); err != nil {
			return err
		}
		e := StageEvent{Name: w.Name, Kind: w.Kind, Index: n, Of: s.Left, Goes: "begins", Steps: w.Steps, Left: f.left(s, i),
			Later: f.operations(s, i+1)}
		if st.State == Partial {
			e.Goes = "goes on"
		}
		f.on(Event{Stage: &e})
		if err := f.one(ctx, w, st.State == Partial); err != nil {
			return err
		}
		e.Goes, e.Result, e.Left = "done", f.ledger.done(w.key).Result, f.left(s, i+1)
		f.on(Event{Stage: &e})
	}
	return nil
}

// ready refuses a stage whose beginning is not there.
func (f *family) ready(w *work) error {
	from := f.find(w.From)
	if w.From == "" && f.r.Tokenizer.Vocab > 0 && w.Kind == Train {
		from = f.find("tokenizer")
	}
	if from == nil {
		return nil
	}
	here, err := there(f.output(from))
	if err != nil || here && f.ledger.done(from.key) != nil {
		return err
	}
	return fault.Hint(fault.Inputf("stage %s begins with the output of %s, which is not there: %s", w.Name, from.Name,
		f.output(from)),
		"famkit family run makes it; with %v it must be there", fault.Arg("stage"))
}

// one runs a stage and notes it.
func (f *family) one(ctx context.Context, w *work, goesOn bool) error {
	if f.o.Again && w.Name == f.o.Only {
		f.o.Again = false
		if err := output.Drop(f.output(w)); err != nil {
			return err
		}
	}
	if err := f.ledger.append(Row{Type: rowStart, Stage: w.Name, Key: w.key}); err != nil {
		return err
	}
	began := time.Now()
	var result *Result
	var err error
	switch w.Kind {
	case MakeTokenizer:
		result, err = f.tokenizer(ctx, w)
	case Grow:
		result, err = f.grow(ctx, w)
	case Train:
		result, err = f.train(ctx, w, goesOn)
	}
	if err != nil {
		return errors.Join(err, f.ledger.append(Row{Type: rowStop, Stage: w.Name, Key: w.key, Reason: err.Error()}))
	}
	if result.Seconds == 0 {
		result.Seconds = time.Since(began).Seconds()
	}
	if result.Output, err = filepath.Rel(f.dir, f.output(w)); err != nil {
		return err
	}
	if w.Final {
		if err := f.card(w, result); err != nil {
			return err
		}
		if err := f.name(w); err != nil {
			return err
		}
	}
	return f.ledger.append(Row{Type: rowDone, Stage: w.Name, Key: w.key, Inputs: w.inputs, Result: result, By: f.o.By})
}

// name links members/NAME to the output of a member's last stage.
func (f *family) name(w *work) error {
	name := w.Member
	if w.Arm == Independent {
		name = w.Name
	}
	return output.Name(filepath.Join("..", stagesDir, w.id), filepath.Join(f.dir, membersDir, name))
}

// left estimates the time of the trainings from stage i on, at the speed of this run.
func (f *family) left(s *Status, i int) float64 {
	if f.trainedFor == 0 {
		return 0
	}
	return f.operations(s, i) * f.trainedFor / f.trainedOps
}

// operations are those of the trainings that are left from stage i on.
func (f *family) operations(s *Status, i int) (ops float64) {
	for ; i < len(s.Stages); i++ {
		if st := s.Stages[i]; (st.State == Missing || st.State == Partial) && st.Steps > 0 {
			ops += f.works[i].Operations * float64(st.Steps-st.Step) / float64(st.Steps)
		}
	}
	return ops
}
