package train

import (
	"os"
	"path/filepath"
	"strings"

	"famkit/format"
	"famkit/internal/disk"
	"famkit/internal/fault"
	"famkit/internal/trainstate"
)

// Kind is how a run begins.
type Kind string

// The kinds.
const (
	// Start begins a training from new weights, or from a model that no training left behind.
	Start Kind = "start"
	// TakeOver begins a training from the model of another one and takes over what that one left: moments, settings,
	// the place in the data. Its steps, schedule and log are its own.
	TakeOver Kind = "take-over"
	// Resume goes on with a training as itself.
	Resume Kind = "resume"
)

// begin settles where the run begins: the model, its state, and whether Out may be written.
func (r *run) begin() error {
	o := &r.o
	if err := o.check(); err != nil {
		return err
	}
	if err := r.branchOff(); err != nil {
		return err
	}
	r.kind, r.origin = Start, o.Model+o.Init // one of them is empty
	exists, err := disk.Exists(o.Out)
	if err != nil {
		return fault.OS(err)
	}
	exists = exists && o.Out != ""
	switch {
	// an output of this training counts more than where it began
	case o.Resume && (exists || o.Model == o.Out && isFolder(keptDir(o.Out))):
		r.inPlace, o.Model, o.Init = true, o.Out, ""
	case o.Resume && o.Init != "":
		return fault.Inputf("%s: no such training to resume", o.Out)
	}
	if r.inPlace {
		if err := r.chooseKept(); err != nil {
			return err
		}
	}
	if !o.onlyEvaluates() {
		if err := r.admitOut(exists); err != nil {
			return err
		}
	}
	if err := r.readState(); err != nil {
		return err
	}
	return r.settleLog()
}

// admitOut refuses an output that must not, or could not, be written in the end.
func (r *run) admitOut(exists bool) error {
	o := &r.o
	if strings.HasSuffix(o.Out, ".safetensors") {
		return fault.Usagef("%s: the output of a training is a folder", o.Out)
	}
	within, err := inside(o.Log, o.Out)
	if err != nil {
		return err
	}
	if o.Log != "" && within {
		return fault.Usagef("%v: the output is replaced whole at every save; put the log elsewhere", fault.Arg("log", o.Log))
	}
	if kept := keptDir(o.Out); !exists && !r.inPlace && !o.Erase && isFolder(kept) {
		return fault.Hint(fault.Inputf("%s: holds the checkpoints of a training that was in %s", kept, o.Out),
			"choose another name, or %v lets them go", fault.Arg("erase"))
	}
	if exists && !r.inPlace {
		if err := r.mayReplace(); err != nil {
			return err
		}
	}
	err = format.Admit(o.Out, &format.Memory{}, r.writeOptions())
	if exists && err != nil && !o.Force && fault.HintOf(err) != "" {
		return fault.Hint(err, "choose another name, or replace it with %v", fault.Arg("force"))
	}
	return err
}

// mayReplace refuses to let a training go that nobody spoke of, and says which goes where somebody did.
func (r *run) mayReplace() error {
	o := &r.o
	if !trainstate.Is(o.Out) {
		if o.Erase && !o.Force {
			return fault.Hint(fault.Inputf("%s: holds no training to erase", o.Out), "%v replaces what is there",
				fault.Arg("force"))
		}
		return nil
	}
	e, err := surveyTraining(o.Out)
	if err != nil {
		return err
	}
	if o.Erase {
		r.erased = e
		return nil
	}
	return fault.Hint(fault.Inputf("%s: exists already and holds a training: %s", o.Out, e),
		"%v goes on with it, %v lets it go, or choose another name",
		fault.Arg("resume"), fault.Arg("erase"))
}

// readState reads the state of the training that goes on, if one does.
func (r *run) readState() (err error) {
	o := &r.o
	if o.Resume {
		r.kind = Resume
		if r.state, err = trainstate.Read(o.Model); err != nil {
			return fault.Hint(err, "without %v a new training begins from its weights", fault.Arg("resume"))
		}
		r.origin = r.state.Model
		return nil
	}
	dir := modelDir(o.Model)
	moments := isFile(filepath.Join(dir, trainstate.OptimizerFile))
	switch {
	case o.Init != "" || !trainstate.Is(dir) && !moments:
		return nil
	case !trainstate.Is(dir) || trainstate.Foreign(dir):
		r.plan.Unused = unusable(dir)
		return nil
	}
	if r.state, err = trainstate.Read(dir); err != nil {
		return err
	}
	if !moments && !o.FreshOptimizer && !o.onlyEvaluates() {
		return fault.Hint(fault.Inputf("%s: no such file, though %s holds a training",
			filepath.Join(dir, trainstate.OptimizerFile), dir),
			"%v begins with moments of zero", fault.Arg("fresh-optimizer"))
	}
	r.kind = TakeOver
	return nil
}

// unusable lists the files of a training that nothing can be taken from: those of another trainer, or moments without a
// state.
func unusable(dir string) (list []string) {
	for _, name := range []string{trainstate.OptimizerFile, trainstate.StateFile} {
		if isFile(filepath.Join(dir, name)) {
			list = append(list, name)
		}
	}
	return list
}

// modelDir is the directory of a checkpoint that was named by itself or by a file in it.
func modelDir(path string) string {
	if st, err := disk.StatOf(path); path != "" && err == nil && !st.IsDir() {
		return filepath.Dir(path)
	}
	return path
}

func isFolder(path string) bool {
	st, err := disk.StatOf(path)
	return err == nil && st.IsDir()
}

// isFile reports whether a file may be at path. Where it cannot be told, reading it says why not.
func isFile(path string) bool {
	st, err := disk.StatOf(path)
	return err == nil && !st.IsDir() || err != nil && !disk.Absent(err)
}

func sameFile(a, b string) bool {
	x, errX := disk.StatOf(a)
	y, errY := disk.StatOf(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// inside reports whether path lies in dir.
func inside(path, dir string) (bool, error) {
	p, d, err := bothAbs(path, dir)
	if err != nil {
		return false, err
	}
	rel, err := filepath.Rel(d, p)
	return err == nil && filepath.IsLocal(rel), nil
}
