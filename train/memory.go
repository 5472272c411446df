package train

import (
	"sort"

	"famkit/internal/arch"
	"famkit/internal/decoder"
	"famkit/internal/engine"
	"famkit/internal/fault"
	"famkit/internal/units"
)

// Memory is what a training takes, in bytes, before the data.
type Memory struct {
	Weights     int64 `json:"weights"`
	Gradients   int64 `json:"gradients"`
	Optimizer   int64 `json:"optimizer"`
	Activations int64 `json:"activations"`
	Workspace   int64 `json:"workspace"`
	Total       int64 `json:"total"`
	Available   int64 `json:"available"` // 0: unknown
}

func memoryNeed(m *arch.Model, spec engine.Spec, o decoder.Options) Memory {
	n := decoder.Plan(m, spec, o)
	need := Memory{Weights: n.Weights + n.Copies, Gradients: n.Gradients, Activations: n.Activations,
		Workspace: n.Workspace}
	if o.Train {
		need.Optimizer = 2 * n.Weights
	}
	need.Total = n.Total() + need.Optimizer
	return need
}

// check refuses a training that does not fit, with a batch that would.
func (n Memory) check(m *arch.Model, spec engine.Spec, o decoder.Options) error {
	if n.Available == 0 || n.Total <= n.Available {
		return nil
	}
	err := fault.Failedf("training needs %s of memory (weights %s, gradients %s, optimizer %s, activations %s, "+
		"workspace %s), %s are available",
		units.Bytes(n.Total), units.Bytes(n.Weights), units.Bytes(n.Gradients), units.Bytes(n.Optimizer),
		units.Bytes(n.Activations),
		units.Bytes(n.Workspace), units.Bytes(n.Available))
	less := sort.Search(o.Batch, func(less int) bool {
		smaller := o
		smaller.Batch -= less
		return memoryNeed(m, spec, smaller).Total <= n.Available
	})
	if less == o.Batch {
		return fault.Hint(err, "not even %v fits: a shorter %v, or a smaller model", fault.Arg("batch", 1), fault.Arg("seq"))
	}
	return fault.Hint(err, "%v would fit; %v keeps the tokens of a step", fault.Arg("batch", o.Batch-less),
		fault.Arg("accum"))
}

// flopsPerToken is what the matrix products of one trained token cost: 6 for each weight that multiplies, and causal
// attention's scores and sums, forward and backward. A token meets as many of a mixture's experts as it is routed to.
func flopsPerToken(m *arch.Model, seq int) float64 {
	n := 0.0
	for _, t := range m.Layout() {
		size := 1.0
		for _, d := range t.Shape {
			size *= float64(d)
		}
		switch role := t.Spec.Role; {
		case len(t.Shape) != 2, role == arch.PosTable, role == arch.Embed && !m.Tied:
		case t.Expert >= 0:
			n += size * float64(m.MoE.TopK) / float64(m.MoE.Experts)
		default:
			n += size
		}
	}
	return 6*n + 6*float64(m.Layers*m.Heads*m.HeadDim)*float64(seq)
}
