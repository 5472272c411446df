package trainstate

import (
	"encoding/json"
	"fmt"

	"famkit/internal/fault"
	"famkit/internal/strictjson"
)

// LineageFile is the file of a checkpoint that says which trainings and growths made it. It travels with the model.
const LineageFile = "lineage.json"

// Lineage lists the trainings that a model went through, the first one first.
type Lineage struct {
	Format int     `json:"format"`
	Stages []Stage `json:"stages"`
}

// Stage is one training, and the growth before its first step where there was one.
type Stage struct {
	Model  string `json:"model"`           // what it began from, as it was named
	Plan   string `json:"plan,omitempty"`  // file of the checkpoint that holds the growth
	Proof  string `json:"proof,omitempty"` // file that holds the proof of that growth
	Steps  int    `json:"steps"`
	Tokens int64  `json:"tokens"`
	Config string `json:"config"` // digests, as in Digests
	Data   string `json:"data"`
}

// ParseLineage reads the file at path; no bytes are an empty list.
func ParseLineage(path string, b []byte) (*Lineage, error) {
	l := &Lineage{Format: stateFormat}
	if b == nil {
		return l, nil
	}
	if err := strictjson.UnmarshalKnown(b, l); err != nil {
		return nil, fault.Inputf("%s: %w", path, err)
	}
	if l.Format != stateFormat {
		return nil, fault.Inputf("%s: format %d, wanted %d", path, l.Format, stateFormat)
	}
	return l, nil
}

// Bytes is the text of the file.
func (l *Lineage) Bytes() ([]byte, error) {
	b, err := json.MarshalIndent(l, "", "  ")
	return append(b, '\n'), err
}

// KeptPlan and KeptProof name the files under which a checkpoint keeps the growth before its stage number n, counted
// from 1. plan.json is the growth that made a checkpoint from its parent; what is trained after it is no longer that
// child.
func KeptPlan(n int) string { return fmt.Sprintf("plan-%d.json", n) }

// KeptProof is beside KeptPlan.
func KeptProof(n int) string { return fmt.Sprintf("proof-%d.json", n) }
