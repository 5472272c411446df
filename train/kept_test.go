package train

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"famkit/internal/fault"
	"famkit/internal/trainstate"
)

// keeping are options of a training of 10 steps that keeps checkpoints.
func keeping(t *testing.T, keep, every int) Options {
	t.Helper()
	o := newSteps(recordOptions("llama-tied", filepath.Join(t.TempDir(), "out")), 10)
	o.SaveEvery, o.Keep, o.KeepEvery = 2, keep, every
	return o
}

func keptOf(t *testing.T, out string) []int {
	t.Helper()
	steps, err := keptSteps(out)
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

// TestKeep: the newest checkpoints and those of every so many steps are kept, each the training as it was then.
func TestKeep(t *testing.T) {
	for _, c := range []struct {
		keep, every int
		want        []int
	}{{0, 0, nil}, {2, 0, []int{10, 8}}, {0, 3, []int{9, 6, 3}}, {1, 4, []int{10, 8, 4}},
		{100, 0, []int{10, 8, 6, 4, 2}}} {
		o := keeping(t, c.keep, c.every)
		trained(t, o)
		if got := keptOf(t, o.Out); !slices.Equal(got, c.want) {
			t.Errorf("keep %d, every %d: %v, want %v", c.keep, c.every, got, c.want)
		}
		for _, step := range c.want {
			short := newSteps(o, step)
			short.Out, short.Keep, short.KeepEvery, short.SaveEvery = o.Out+"-short", 0, 0, 0
			short.Force = true
			finishes(t, short.with(func(o *Options) { o.Steps, o.Erase = step, trainstate.Is(o.Out) }, "steps", "batch", "seq"))
			if string(weightsOf(t, keptPath(o.Out, step))) != string(weightsOf(t, short.Out)) {
				t.Errorf("what was kept after step %d is another training than that of %d steps", step, step)
			}
		}
	}
}

// TestResumesFromNewestSound: a damaged output is found by its digest, and so is a damaged kept checkpoint; the
// training goes on from the newest sound one and ends with the same bytes.
func TestResumesFromNewestSound(t *testing.T) {
	for name, damage := range map[string]struct {
		do   func(out string) error
		from int // 0: OUT itself, -1: refused
	}{
		"none":          {func(string) error { return nil }, 0},
		"a flipped bit": {func(out string) error { return flip(filepath.Join(out, "model.safetensors")) }, 4},
		"optimizer cut": {func(out string) error {
			return os.Truncate(filepath.Join(out, trainstate.OptimizerFile),
				100)
		}, 4},
		"state lost":           {func(out string) error { return os.Remove(filepath.Join(out, trainstate.StateFile)) }, 6},
		"output lost":          {os.RemoveAll, 6},
		"digests lost as well": {func(out string) error { return os.RemoveAll(keptPath(out, 6) + ".json") }, 0},
		"all damaged": {func(out string) error {
			for _, dir := range []string{out, keptPath(out, 4), keptPath(out, 2)} {
				if err := flip(filepath.Join(dir, "model.safetensors")); err != nil {
					return err
				}
			}
			return nil
		}, -1},
	} {
		whole := keeping(t, 3, 0)
		trained(t, whole)
		o := keeping(t, 3, 0)
		ctx, stop := context.WithCancel(context.Background())
		_, _ = Run(ctx, o, func(e Event) {
			if e.Save != nil && e.Save.Step == 6 {
				stop()
			}
		})
		stop()
		if err := damage.do(o.Out); err != nil {
			t.Fatal(err)
		}
		var plan *Plan
		_, err := Run(context.Background(), goOn(o.Out), func(e Event) {
			if e.Plan != nil {
				plan = e.Plan.Plan
			}
		})
		switch {
		case damage.from < 0:
			if fault.KindOf(err) != fault.Input || !strings.Contains(fault.HintOf(err), "none of the 3 checkpoints") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		case err != nil:
			t.Errorf("%s: %v", name, err)
			continue
		case damage.from == 0 && plan.Damaged != nil, damage.from > 0 && (plan.Damaged == nil ||
			plan.Damaged.Step != damage.from):
			t.Errorf("%s: went on from %+v", name, plan.Damaged)
		}
		if string(weightsOf(t, o.Out)) != string(weightsOf(t, whole.Out)) {
			t.Errorf("%s: it ends elsewhere", name)
		}
	}
}

// flip changes one bit in the middle of a file, in place: kept checkpoints that share its bytes change too.
func flip(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[len(b)/2] ^= 1
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(b, 0); err != nil {
		return err
	}
	return f.Close()
}

// TestDecayFrom: a member decays from a trunk's step, over all of its own steps, and the trunk is left alone.
func TestDecayFrom(t *testing.T) {
	trunk := keeping(t, 0, 4)
	trained(t, trunk)
	before := contents(t, trunk.Out)
	for from, step := range map[string]int{"now": 10, "10": 10, "4": 4} {
		o := child(trunk, 5)
		o.Out, o.DecayFrom = trunk.Out+"-"+from, from
		rows := trained(t, o)
		if len(rows) != 5 || rows[0].Step != 1 {
			t.Fatalf("%s: %+v", from, rows)
		}
		for i, r := range rows {
			want := 1e-4 + 9e-4*float64(5-i-1)/5 // from 1e-3 to a tenth of it
			if d := r.LR - want; d > 1e-12 || d < -1e-12 {
				t.Errorf("%s: step %d has rate %v, want %v", from, r.Step, r.LR, want)
			}
		}
		s, err := trainstate.Read(o.Out)
		if err != nil || s.Updates != step+5 || s.Settings.Schedule != trainstate.WSD {
			t.Errorf("%s: %+v, %v", from, s, err)
		}
	}
	after := contents(t, trunk.Out)
	for name, text := range before {
		if after[name] != text {
			t.Errorf("the trunk's %s changed", name)
		}
	}
	o := child(trunk, 5)
	o.Out = trunk.Out + "-refused"
	refuse := func(name, from string, kind fault.Kind, set func(*Options), words ...string) {
		p := o
		p.DecayFrom = from
		if set != nil {
			set(&p)
		}
		refused(t, name, p, kind, words...)
	}
	refuse("no such step", "5", fault.Input, nil, "no checkpoint after step 5", "--keep-every")
	refuse("no step", "soon", fault.Usage, nil, "wanted a step, or now")
	refuse("no training", "now", fault.Input, func(p *Options) { p.Model = oracle + "llama-tied" },
		"branches off a training")
	refuse("another schedule", "now", fault.Usage, func(p *Options) { p.Given = given("steps", "schedule") },
		"--schedule contradicts")
	refuse("resumed", "now", fault.Usage, func(p *Options) { p.Resume = true }, "--decay-from")
	refuse("decayed already", "now", fault.Input, func(p *Options) { p.Model = trunk.Out + "-now" }, "has been decaying")
}
