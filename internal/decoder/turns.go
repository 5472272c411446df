package decoder

import (
	"math"
	"slices"

	"famkit/internal/engine"
	"famkit/internal/fault"
)

// turns are the tables of a rotary embedding.
type turns struct {
	cos, sin engine.Buf // [positions, half]
	half     int        // pairs of a head that turn
}

// sliding is the layer type that LocalRope is for.
const sliding = "sliding_attention"

// planTurns fixes the sizes of the tables.
func (d *Decoder) planTurns() error {
	if d.m.RotaryDim == 0 {
		return nil
	}
	freq, err := d.m.RopeInvFreq()
	if err != nil {
		return err
	}
	d.turn.half = len(freq)
	long, err := d.m.RopeInvFreqAt(d.o.positions())
	if err != nil {
		return err
	}
	d.elastic = !slices.Equal(freq, long)
	if d.m.LocalRope == nil {
		return nil
	}
	if freq, err = d.m.LocalRopeInvFreq(); err != nil {
		return err
	}
	d.local.half = len(freq)
	if len(d.m.LayerType) != d.m.Layers {
		return fault.Inputf("config.json: %d layer_types for %d layers", len(d.m.LayerType), d.m.Layers)
	}
	return nil
}

// turnsOf is the rotary embedding of a layer, nil without one.
func (d *Decoder) turnsOf(layer int) *turns {
	switch {
	case d.m.RotaryDim == 0:
		return nil
	case d.m.LocalRope != nil && d.m.LayerType[layer] == sliding:
		return &d.local
	}
	return &d.turn
}

// uploadTurns fills the tables for sequences of the given length, computed in float64 for any engine.
func (d *Decoder) uploadTurns(seq int) error {
	d.tabled = seq
	if d.turn.half == 0 {
		return nil
	}
	freq, err := d.m.RopeInvFreqAt(seq)
	if err != nil {
		return err
	}
	if err := d.uploadTable(&d.turn, freq, d.m.RopeAttentionFactor()); err != nil || d.local.half == 0 {
		return err
	}
	if freq, err = d.m.LocalRopeInvFreq(); err != nil {
		return err
	}
	return d.uploadTable(&d.local, freq, 1)
}

func (d *Decoder) uploadTable(to *turns, freq []float64, factor float64) error {
	cos, sin := make([]float64, to.cos.N), make([]float64, to.sin.N)
	for t := range d.o.positions() {
		for i, f := range freq {
			s, c := math.Sincos(float64(t) * f)
			cos[t*len(freq)+i], sin[t*len(freq)+i] = c*factor, s*factor
		}
	}
	if err := upload(d.e, to.cos, cos); err != nil {
		return err
	}
	return upload(d.e, to.sin, sin)
}

// rotate turns packed heads in place, or takes a gradient back through it.
func (d *Decoder) rotate(b *block, x engine.Buf, heads, headStep, stride int, inverse bool) {
	d.ops.rope = engine.Rope{Rows: d.rows, T: d.seq, Heads: heads, HeadDim: headStep, Dim: 2 * b.turn.half,
		Stride: stride, X: x, Cos: b.turn.cos.From(d.cache.past * b.turn.half),
		Sin: b.turn.sin.From(d.cache.past * b.turn.half), Inverse: inverse}
	d.e.Rope(&d.ops.rope)
}

// rotateQK turns the queries and keys of an attention, or their gradients.
func (d *Decoder) rotateQK(b *block, q, k engine.Buf, stride int, inverse bool) {
	m := d.m
	if b.turn == nil {
		return
	}
	if d.packed.stepQ == 0 { // the keys follow the queries
		d.rotate(b, q, m.Heads+m.KVHeads, m.HeadDim, stride, inverse)
		return
	}
	for g := range m.Heads / m.KVHeads { // query heads are spaced evenly only across the kv heads
		d.rotate(b, q.From(g*m.HeadDim), m.KVHeads, d.packed.stepQ, stride, inverse)
	}
	d.rotate(b, k, m.KVHeads, d.packed.stepKV, stride, inverse)
}
