package verify

import (
	"context"
	"fmt"
	"math"

	"famkit/internal/arch"
	"famkit/internal/decoder"
	"famkit/internal/engine"
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

// claim is what the report's models are compared by: that of the proof, or that nothing has grown.
func (r *Report) claim(child *arch.Model) *Claim {
	if r.Proof != nil {
		return r.Proof.Claim
	}
	c := &Claim{}
	for l := range child.Layers {
		c.Layers = append(c.Layers, l)
	}
	return c
}

// Layers runs both models on the first tokens of ids. It gives nothing where the claim does not fit the models.
func Layers(ctx context.Context, engineName string, o engine.Options, parent, child *arch.Checkpoint, ids IDs, claim *Claim) ([]LayerMatch, error) {
	stream, err := claim.axis(arch.Hidden, parent.Model.Hidden, child.Model.Hidden)
	if err != nil || len(claim.Layers) != child.Model.Layers {
		return nil, nil
	}
	n := min(ids.Seq, layerTokens)
	first := IDs{Batch: 1, Seq: n, Data: ids.Data[:n]}
	var want [][]float64
	unit, err := residuals(ctx, engineName, o, parent, first, func(_ int, v []float64) { want = append(want, v) })
	if err != nil {
		return nil, fmt.Errorf("running the parent: %w", err)
	}
	var out []LayerMatch
	at := 0
	bound := slack * unit * float64(max(longestSum(parent.Model), longestSum(child.Model)))
	_, err = residuals(ctx, engineName, o, child, first, func(layer int, got []float64) {
		if layer >= 0 && claim.Layers[layer] >= 0 {
			at = min(claim.Layers[layer]+1, len(want)-1)
		}
		m := LayerMatch{Layer: layer, Source: at - 1, Delta: streamDelta(want[at], got, n, stream, parent.Model.LayerNorm)}
		m.Differs = !(m.Delta <= bound*float64(layer+2))
		out = append(out, m)
	})
	if err != nil {
		return nil, fmt.Errorf("running the child: %w", err)
	}
	return out, nil
}

// streamDelta compares rows of the child's stream with what the relation makes of the parent's.
func streamDelta(want, got []float64, rows int, r *relation, padMean bool) float64 {
	worst, largest := 0.0, 0.0
	for i := range rows {
		x, y := want[i*r.from:(i+1)*r.from], got[i*r.to():(i+1)*r.to()]
		m := 0.0
		if padMean {
			m = meanOf(x).hi
		}
		for t, s := range r.src {
			v := m
			if s >= 0 {
				v = x[s]
			}
			d := math.Abs(y[t] - v*r.scale(t))
			if math.IsNaN(d) {
				return math.Inf(1)
			}
			worst, largest = math.Max(worst, d), math.Max(largest, math.Abs(v*r.scale(t)))
		}
	}
	if worst == 0 {
		return 0
	}
	return worst / largest
}

// residuals runs a model and gives the stream after its embedding and after each layer, and the engine's roundoff.
func residuals(ctx context.Context, engineName string, o engine.Options, ck *arch.Checkpoint, ids IDs, sink func(layer int, v []float64)) (float64, error) {
	e, err := engine.New(engineName, o)
	if err != nil {
		return 0, err
	}
	defer func() { _ = e.Close() }()
	unit := unitOf(e.Spec())
	d, err := decoder.New(e, ck.Model, decoder.Options{Batch: ids.Batch, SeqLen: ids.Seq})
	if err != nil {
		return 0, err
	}
	if err := d.Load(ck); err != nil {
		return 0, err
	}
	return unit, d.Residuals(ids.Batch, ids.Seq, ids.Data, func(layer int, b engine.Buf) error {
		raw := make([]byte, 8*ids.Batch*ids.Seq*ck.Model.Hidden)
		if err := e.Download(raw, tensor.F64, b); err != nil {
			return err
		}
		v := make([]float64, len(raw)/8)
		tensor.Decode(v, raw, tensor.F64)
		sink(layer, v)
		return ctx.Err()
	})
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
