package train

import (
	"fmt"
	"sort"

	"famkit/internal/arch"
	"famkit/internal/decoder"
	"famkit/internal/engine"
	"famkit/internal/fault"
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

func memoryNeed(m *arch.Model, spec engine.Spec, batch, seq int) Memory {
	n := decoder.Plan(m, spec, decoder.Options{Batch: batch, SeqLen: seq, Train: true})
	return Memory{Weights: n.Weights + n.Copies, Gradients: n.Gradients, Optimizer: 2 * n.Weights, Activations: n.Activations, Workspace: n.Workspace,
		Total: n.Total() + 2*n.Weights}
}

// check refuses a training that does not fit, with a batch that would.
func (n Memory) check(m *arch.Model, spec engine.Spec, batch, seq int) error {
	if n.Available == 0 || n.Total <= n.Available {
		return nil
	}
	err := fault.Failedf("training needs %s of memory (weights %s, gradients %s, optimizer %s, activations %s, workspace %s), %s are available",
		sizeText(n.Total), sizeText(n.Weights), sizeText(n.Gradients), sizeText(n.Optimizer), sizeText(n.Activations), sizeText(n.Workspace), sizeText(n.Available))
	fits := sort.Search(batch, func(less int) bool { return memoryNeed(m, spec, batch-less, seq).Total <= n.Available })
	if fits == batch {
		return fault.Hint(err, "not even --batch 1 fits: a shorter --seq, or a smaller model")
	}
	return fault.Hint(err, "--batch %d would fit; --accum keeps the tokens of a step", batch-fits)
}

func sizeText(n int64) string {
	if n < 1e9 {
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.2f GB", float64(n)/1e9)
}

// flopsPerToken is what the matrix products of one trained token cost: 6 for each weight that multiplies, and causal
// attention's scores and sums, forward and backward. A token meets as many of a mixture's experts as it is routed to.
func flopsPerToken(m *arch.Model, params []decoder.Param, seq int) float64 {
	n := 0.0
	for _, p := range params {
		switch {
		case len(p.Shape) != 2, p.Role == arch.PosTable, p.Role == arch.Embed && !m.Tied:
		case p.Expert >= 0:
			n += float64(p.W.N) * float64(m.MoE.TopK) / float64(m.MoE.Experts)
		default:
			n += float64(p.W.N)
		}
	}
	return 6*n + 6*float64(m.Layers*m.Heads*m.HeadDim)*float64(seq)
}
