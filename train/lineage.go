package train

import (
	"path/filepath"

	"famkit/internal/growth"
	"famkit/internal/trainstate"
)

// proofFile is the proof of a growth. Like the plan it holds for an untrained child alone.
const proofFile = "proof.json"

// trace adds this training to what the model's files say of where it comes from. A model that was grown and not trained
// since has plan.json: it is kept under a name of its own.
func (r *run) trace() error {
	l, err := trainstate.ParseLineage(filepath.Join(r.o.Model, trainstate.LineageFile), r.files[trainstate.LineageFile])
	if err != nil {
		return err
	}
	r.lineage = l
	plan, grown := r.files[growth.PlanFile]
	if n := len(l.Stages); r.kind == Resume && !grown && n > 0 {
		return nil // its own entry is there
	}
	if grown {
		path := filepath.Join(modelDir(r.o.Model), growth.PlanFile)
		if r.grownBy, err = growth.ParsePlan(path, plan, growth.SizesOf(r.model)); err != nil {
			return err
		}
	}
	l.Stages = append(l.Stages, trainstate.Stage{Model: r.origin})
	stage, n := &l.Stages[len(l.Stages)-1], len(l.Stages)
	stage.Plan = r.keep(growth.PlanFile, trainstate.KeptPlan(n))
	stage.Proof = r.keep(proofFile, trainstate.KeptProof(n))
	return nil
}

// keep gives a file that travels along another name, "" where it is not there.
func (r *run) keep(name, as string) string {
	b, ok := r.files[name]
	if !ok {
		return ""
	}
	delete(r.files, name)
	r.files[as] = b
	return as
}

// traced is the text of the lineage after `step` steps.
func (r *run) traced(p position) ([]byte, error) {
	stage := &r.lineage.Stages[len(r.lineage.Stages)-1]
	stage.Steps, stage.Tokens = p.Step, p.Tokens
	stage.Config, stage.Data = r.digests.Config, r.digests.Data
	return r.lineage.Bytes()
}
