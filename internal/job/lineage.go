package job

import (
	"fmt"
	"path/filepath"
	"strings"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/growth"
	"famkit/internal/trainstate"
)

// Origin is one thing that happened to a model: a training, or a growth.
type Origin struct {
	Did    string `json:"did"` // trained, grown
	From   string `json:"from,omitempty"`
	Steps  int    `json:"steps,omitempty"`
	Tokens int64  `json:"tokens,omitempty"`
	Data   string `json:"data,omitempty"`  // digest
	Sizes  string `json:"sizes,omitempty"` // what a growth changed
	Exact  bool   `json:"exact,omitempty"` // it rounded no stored number
	// Plan and Proof are files of the checkpoint; "" where there is none.
	Plan  string `json:"plan,omitempty"`
	Proof string `json:"proof,omitempty"`
}

// proofFile is the proof of a growth that was not trained since.
const proofFile = "proof.json"

// origins tells where a model comes from, the first thing first, by the files that travel with it. They are claims: a
// proof among them can be proved again.
func origins(h format.Handle, m *arch.Model, dir string, on Observer) (list []Origin) {
	b, _ := format.ReadFile(h, trainstate.LineageFile)
	l, err := trainstate.ParseLineage(filepath.Join(dir, trainstate.LineageFile), b)
	if err != nil {
		on.warn("%v", err)
		return nil
	}
	grown := func(plan, proof string) {
		text, ok := format.ReadFile(h, plan)
		if !ok {
			return
		}
		p, err := growth.ParsePlan(filepath.Join(dir, plan), text, growth.SizesOf(m))
		if err != nil {
			on.warn("%v", err)
			return
		}
		o := Origin{Did: "grown", From: p.Parent.Path, Sizes: changedSizes(p), Exact: p.Exact(), Plan: plan}
		if _, ok := format.ReadFile(h, proof); ok {
			o.Proof = proof
		}
		list = append(list, o)
	}
	for _, s := range l.Stages {
		if s.Plan != "" {
			grown(s.Plan, s.Proof)
		}
		list = append(list, Origin{Did: "trained", From: s.Model, Steps: s.Steps, Tokens: s.Tokens, Data: s.Data})
	}
	grown(growth.PlanFile, proofFile)
	return list
}

// changedSizes lists the sizes that a growth changed.
func changedSizes(p *growth.Plan) string {
	var list []string
	to := p.To.List()
	for i, from := range p.From.List() {
		if from.Size != to[i].Size {
			list = append(list, fmt.Sprintf("%s %d -> %d", from.Name, from.Size, to[i].Size))
		}
	}
	return strings.Join(list, ", ")
}
