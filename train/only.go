package train

import (
	"path/filepath"

	"famkit/internal/fault"
	"famkit/internal/growth"
	"famkit/internal/trainstate"
)

// settleTrainOnly finds the blocks that are trained where the rest is left alone: those that the growth before this
// training added (as LLaMA-Pro does, Wu et al. 2024).
func (r *run) settleTrainOnly() error {
	if r.s.TrainOnly != trainstate.OnlyNew || r.o.onlyEvaluates() {
		return nil
	}
	p, err := r.growthBefore()
	if err != nil {
		return err
	}
	if p == nil {
		return fault.Hint(fault.Inputf("%s: no growth stands before this training, so that nothing in it is new", r.o.Model),
			"famkit expand MODEL DIR --depth 2x adds blocks; leave out %v to train all", fault.Arg("train-only"))
	}
	r.trainable = map[int]bool{}
	for i, l := range p.Layers {
		if l.Silent {
			r.trainable[i] = true
		}
	}
	if len(r.trainable) == 0 {
		return fault.Inputf("%s: its growth added no block, and %v trains added blocks alone", r.o.Model,
			fault.Arg("train-only", trainstate.OnlyNew))
	}
	return nil
}

// growthBefore is the growth before the first step of this training, nil where there was none.
func (r *run) growthBefore() (*growth.Plan, error) {
	n := len(r.lineage.Stages)
	if r.grownBy != nil || r.kind != Resume || n == 0 || r.lineage.Stages[n-1].Plan == "" {
		return r.grownBy, nil
	}
	name := r.lineage.Stages[n-1].Plan
	b, ok := r.files[name]
	if !ok {
		return nil, fault.Inputf("%s: has no %s, the growth that its %s names", r.o.Model, name, trainstate.LineageFile)
	}
	return growth.ParsePlan(filepath.Join(modelDir(r.o.Model), name), b, growth.SizesOf(r.model))
}
