package train

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"famkit/internal/disk"
	"famkit/internal/fault"
	"famkit/internal/infile"
	"famkit/internal/output"
	"famkit/internal/strictjson"
	"famkit/internal/trainstate"
)

// A training keeps earlier checkpoints beside OUT: OUT.kept/step-00000100 is OUT as it was after step 100, its files
// under a second name (hard links), so that they take no room of their own before OUT is replaced.
// OUT.kept/step-00000100.json has their digests, and is written last: a checkpoint without it, or that differs from
// it, is not sound.

// keptDir is the folder of the checkpoints that the training in out keeps.
func keptDir(out string) string { return filepath.Clean(out) + ".kept" }

func keptPath(out string, step int) string {
	return filepath.Join(keptDir(out), fmt.Sprintf("step-%08d", step))
}

// keptDigests is the file of a kept checkpoint's digests: hex SHA-256 by file name.
type keptDigests struct {
	Format int               `json:"format"`
	Files  map[string]string `json:"files"`
}

// keptSteps lists the steps of the checkpoints that have digests, the newest first.
func keptSteps(out string) (steps []int, err error) {
	list, err := disk.List(keptDir(out))
	if disk.Absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.OS(err)
	}
	for _, de := range list {
		name, isJSON := strings.CutSuffix(de.Name(), ".json")
		n, found := strings.CutPrefix(name, "step-")
		step, err := strconv.Atoi(n)
		if isJSON && found && err == nil && step >= 0 && filepath.Base(keptPath(out, step)) == name {
			steps = append(steps, step)
		}
	}
	slices.Sort(steps)
	slices.Reverse(steps)
	return steps, nil
}

// keeps reports whether checkpoints are kept.
func (r *run) keeps() bool { return r.s.Keep > 0 || r.s.KeepEvery > 0 }

// keepCheckpoint keeps what was just saved, and lets those go that are not to be kept any longer.
func (r *run) keepCheckpoint(step int) error {
	if !r.keeps() || r.s.Keep == 0 && !due(step, r.s.KeepEvery) {
		return nil
	}
	dir := keptDir(r.o.Out)
	if err := disk.MakeDir(dir); err != nil && !isFolder(dir) {
		return output.Failed(dir, "making", err)
	}
	path := keptPath(r.o.Out, step)
	if err := output.LinkAll(path, r.o.Out); err != nil {
		return err
	}
	digests, err := digestFolder(path)
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(keptDigests{stateFormat, digests}, "", " ")
	if err != nil {
		return err
	}
	if err := output.Write(path+".json", append(b, '\n'), output.Replace); err != nil {
		return err
	}
	return r.dropKept()
}

// stateFormat is the version of the digests' file.
const stateFormat = 1

// dropKept removes all but the newest Keep checkpoints, and those of every KeepEvery-th step.
func (r *run) dropKept() error {
	steps, err := keptSteps(r.o.Out)
	if err != nil {
		return err
	}
	for i, step := range steps {
		if i < r.s.Keep || due(step, r.s.KeepEvery) {
			continue
		}
		path := keptPath(r.o.Out, step)
		for _, p := range []string{path + ".json", path} { // first what makes it count
			if err := disk.DeleteAll(p); err != nil {
				return output.Failed(p, "removing", err)
			}
		}
	}
	return nil
}

// digestFolder gives the digest of every file in a folder.
func digestFolder(dir string) (map[string]string, error) {
	list, err := disk.List(dir)
	if err != nil {
		return nil, fault.OS(err)
	}
	out := map[string]string{}
	for _, de := range list {
		if !de.Type().IsRegular() {
			continue
		}
		f, err := infile.Open(filepath.Join(dir, de.Name()))
		if err != nil {
			return nil, err
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		_ = f.Close()
		if err != nil {
			return nil, fault.OS(err)
		}
		out[de.Name()] = hex.EncodeToString(h.Sum(nil))
	}
	return out, nil
}

// sound tells why a folder is not what was kept after a step; nil: it is.
func sound(out string, step int, dir string) error {
	path := keptPath(out, step) + ".json"
	b, err := infile.Read(path)
	if err != nil {
		return err
	}
	var d keptDigests
	if err := strictjson.UnmarshalKnown(b, &d); err != nil {
		return fault.Inputf("%s: %w", path, err)
	}
	found, err := digestFolder(dir)
	if err != nil {
		return err
	}
	for name, want := range d.Files {
		if got, ok := found[name]; !ok {
			return fault.Inputf("%s: no such file", filepath.Join(dir, name))
		} else if got != want {
			return fault.Inputf("%s: its digest is %.12s, wanted %.12s", filepath.Join(dir, name), got, want)
		}
	}
	return nil
}

// Damaged says that the newest checkpoint of a training is not sound, and from which it goes on instead.
type Damaged struct {
	Path string `json:"path"`
	Why  string `json:"why"`
	From string `json:"from"`
	Step int    `json:"step"`
}

// chooseKept has a training whose output is damaged go on from the newest sound checkpoint that it kept. Without kept
// checkpoints nothing is known of the output but what reading it shows.
func (r *run) chooseKept() error {
	out := r.o.Out
	steps, err := keptSteps(out)
	if err != nil || len(steps) == 0 {
		return err
	}
	damage := func() error {
		s, err := trainstate.Read(out)
		if err != nil || !slices.Contains(steps, s.Step) {
			return err
		}
		return sound(out, s.Step, out)
	}()
	if damage == nil || fault.Machines(damage) {
		return damage
	}
	for _, step := range steps {
		path := keptPath(out, step)
		if sound(out, step, path) == nil {
			r.plan.Damaged = &Damaged{out, damage.Error(), path, step}
			r.o.Model = path
			return nil
		}
	}
	return fault.Hint(damage, "none of the %d checkpoints in %s is sound either", len(steps), keptDir(out))
}

// branchOff finds the checkpoint that a decayed member begins from, and gives it its schedule: a linear decay from
// the first step to the last.
func (r *run) branchOff() error {
	o := &r.o
	if o.DecayFrom == "" {
		return nil
	}
	for _, name := range []string{"schedule", "decay-fraction", "warmup"} {
		if o.Given(name) {
			return fault.Usagef("%v decays from the first step to the last: %v contradicts it",
				fault.Arg("decay-from", o.DecayFrom),
				fault.Arg(name))
		}
	}
	trunk := o.Model
	s, err := trainstate.Read(modelDir(trunk))
	if err != nil {
		return fault.Hint(err, "%v branches off a training", fault.Arg("decay-from", o.DecayFrom))
	}
	if o.DecayFrom != "now" {
		step, err := strconv.Atoi(o.DecayFrom)
		if err != nil || step < 1 {
			return fault.Usagef("%v: wanted a step, or now", fault.Arg("decay-from", o.DecayFrom))
		}
		if s, err = r.trunkAt(trunk, s, step); err != nil {
			return err
		}
	}
	if s.Settings.Rate().Decays(s.Step) {
		return fault.Hint(fault.Inputf("%s: its rate has been decaying at step %d already (%s, %d steps)", trunk, s.Step,
			s.Settings.Schedule, s.Settings.Steps),
			"a trunk is trained at a constant rate: %v, or an earlier step of %v", fault.Arg("schedule", trainstate.Constant),
			fault.Arg("schedule", trainstate.WSD))
	}
	r.s.Schedule, r.s.DecayFraction, r.s.Warmup = trainstate.WSD, 1, 0
	given := o.Given
	o.Given = func(name string) bool {
		return slices.Contains([]string{"schedule", "decay-fraction", "warmup"}, name) || given(name)
	}
	return nil
}

// trunkAt has the run begin from the trunk as it was after a step.
func (r *run) trunkAt(trunk string, s *trainstate.State, step int) (*trainstate.State, error) {
	if s.Step == step {
		return s, nil
	}
	steps, err := keptSteps(trunk)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(steps, step) {
		return nil, fault.Hint(fault.Inputf("%s: no checkpoint after step %d: it is at step %d, kept are %v", trunk, step,
			s.Step, steps),
			"%v keeps those of every N-th step", fault.Arg("keep-every", "N"))
	}
	path := keptPath(trunk, step)
	if err := sound(trunk, step, path); err != nil {
		return nil, err
	}
	r.o.Model = path
	return trainstate.Read(path)
}
