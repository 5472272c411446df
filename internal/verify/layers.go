package verify

import (
	"context"
	"fmt"
	"math"

	"famkit/internal/arch"
	"famkit/internal/engine"
	"famkit/internal/proof"
	"famkit/internal/rowsum"
	"famkit/internal/tensor"
)

// LayerMatch compares the residual stream that leaves a layer of the child with that of the parent at the same point.
type LayerMatch struct {
	// Layer is the child's, -1 the embedding; Source the parent's last layer that it has computed so far.
	Layer  int `json:"layer"`
	Source int `json:"source"`
	// Delta is the largest difference from what the claim makes of the parent's stream, over the largest element of that.
	Delta float64 `json:"delta"`
	// Differs says that rounding does not explain it.
	Differs bool `json:"differs,omitempty"`
}

// layerTokens bounds the tokens that layers are compared on: all of the parent's streams are held.
const layerTokens = 16

// claimed is what the report's models are compared by: the claim of the proof, or that nothing has grown.
func (r *Report) claimed(child *arch.Model) *proof.Claim {
	if r.Proof != nil {
		return r.Proof.Claim
	}
	if r.guess != nil {
		return r.guess
	}
	c := &proof.Claim{}
	for l := range child.Layers {
		c.Layers = append(c.Layers, l)
	}
	return c
}

// layers runs both models on the first tokens of the ids. stored is how far a growth may have rounded a number,
// relative to it. It gives nothing where the claim does not fit the models.
func (e *meter) layers(ctx context.Context, parent, child *arch.Checkpoint, claim *proof.Claim,
	stored float64) ([]LayerMatch, error) {
	stream, ok := claim.Stream(parent.Model, child.Model)
	if !ok {
		return nil, nil
	}
	n := min(e.ids.Seq, layerTokens)
	first := *e
	first.ids = IDs{Batch: 1, Seq: n, Data: e.ids.Data[:n]}
	want, unit, err := first.residuals(ctx, parent)
	if err != nil {
		return nil, fmt.Errorf("running the parent: %w", err)
	}
	// what moving the parent's weights by their rounding does to each layer's stream
	moved, err := perturb(parent, relativeError(unit, max(longestSum(parent.Model), longestSum(child.Model)), stored), 0)
	if err != nil {
		return nil, err
	}
	shaken, _, err := first.residuals(ctx, moved)
	if err != nil {
		return nil, fmt.Errorf("running the perturbed parent: %w", err)
	}
	got, _, err := first.residuals(ctx, child)
	if err != nil {
		return nil, fmt.Errorf("running the child: %w", err)
	}
	same := rowsum.Identity(parent.Model.Hidden)
	var out []LayerMatch
	at := 0
	for i, g := range got { // the embedding, then each layer
		if layer := i - 1; layer >= 0 && claim.Layers[layer] >= 0 {
			at = min(claim.Layers[layer]+1, len(want)-1)
		}
		m := LayerMatch{Layer: i - 1, Source: at - 1, Delta: streamDelta(want[at], g, n, stream, parent.Model.LayerNorm)}
		m.Differs = !(m.Delta <= slack*streamDelta(want[at], shaken[at], n, same, false))
		out = append(out, m)
	}
	return out, nil
}

// streamDelta compares rows of the child's stream with what the relation makes of the parent's.
func streamDelta(want, got []float64, rows int, r *rowsum.Relation, padMean bool) float64 {
	worst, largest := 0.0, 0.0
	for i := range rows {
		x, y := want[i*r.From:(i+1)*r.From], got[i*r.To():(i+1)*r.To()]
		m := 0.0
		if padMean {
			m = meanOf(x)
		}
		for t, s := range r.Src {
			v := m
			if s >= 0 {
				v = x[s]
			}
			d := math.Abs(y[t] - v*r.ScaleAt(t))
			if math.IsNaN(d) {
				return math.Inf(1)
			}
			worst, largest = math.Max(worst, d), math.Max(largest, math.Abs(v*r.ScaleAt(t)))
		}
	}
	if worst == 0 {
		return 0
	}
	return worst / largest
}

// residuals runs a model and gives the stream after its embedding and after each layer, and the engine's roundoff.
func (e *meter) residuals(ctx context.Context, ck *arch.Checkpoint) ([][]float64, float64, error) {
	run, err := e.load(ctx, ck)
	if err != nil {
		return nil, 0, err
	}
	defer run.close()
	var out [][]float64
	err = run.d.Residuals(e.ids.Batch, e.ids.Seq, e.ids.Data, func(_ int, b engine.Buf) error {
		raw := make([]byte, 8*e.ids.Batch*e.ids.Seq*ck.Model.Hidden)
		if err := run.e.Download(raw, tensor.F64, b); err != nil {
			return err
		}
		v := make([]float64, len(raw)/8)
		tensor.Decode(v, raw, tensor.F64)
		out = append(out, v)
		return ctx.Err()
	})
	return out, unitOf(run.e.Spec()), err
}

// FirstDifference is the first layer whose stream differs beyond rounding.
func FirstDifference(layers []LayerMatch) (LayerMatch, bool) {
	for _, l := range layers {
		if l.Differs {
			return l, true
		}
	}
	return LayerMatch{}, false
}

func meanOf(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}
