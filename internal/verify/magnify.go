package verify

import (
	"fmt"
	"math"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/kern"
	"famkit/internal/tensor"
)

// Conditions that hold within rounding only say that numbers are near; what is then multiplied by something large is not. So
// where anything is rounded nothing may be much larger than what it stands for. Sums of copies have kern.SumsWide as their
// limit; what has no source has the limits here.

// drawn is how many standard deviations a random weight may be away from zero.
const drawn = 8

// largest is the largest magnitude among a tensor's numbers; not a number where one is none.
func (w *worker) largest(t tensor.Tensor) (float64, error) {
	info := t.Info()
	most := 0.0
	for off := int64(0); off < info.Size(); off += blockBytes {
		if err := w.ctx.Err(); err != nil {
			return 0, err
		}
		raw := resized(w.mine, int(min(blockBytes, info.Size()-off)))
		w.mine = raw
		if err := tensor.ReadFull(t, raw, off); err != nil {
			return 0, err
		}
		w.vals = resized(w.vals, len(raw)*8/info.DType.Bits())
		tensor.Decode(w.vals, raw, info.DType)
		most = math.Max(most, largestOf(w.vals))
	}
	return most, nil
}

// largestOf is the largest magnitude, not a number where one is none.
func largestOf(v []float64) float64 {
	most := 0.0
	for _, x := range v {
		most = math.Max(most, math.Abs(x))
	}
	return most
}

// usual is the magnitude that a fresh number of a role may have at least: that of a gain, or of a random weight.
func (p *prover) usual(b arch.Bound) float64 {
	if b.Spec.Dims[0].Use == arch.Scales {
		return 1 + math.Abs(p.parent.Model.GainOffset)
	}
	if r := p.parent.Model.InitRange; r > 0 {
		return drawn * r
	}
	return drawn * 0.02
}

// freshReads: under LayerNorm new channels are zero only as far as the means that write them are exact, so what reads them has
// a limit.
func (p *prover) freshReads(w *worker, order int, b, source arch.Bound) error {
	if !p.parent.Model.LayerNorm || !p.stream.fresh() {
		return nil
	}
	dim := slices.IndexFunc(b.Spec.Dims, func(d arch.Dim) bool { return d.Use == arch.Reads && slices.Equal(d.Axes, []arch.Axis{arch.Hidden}) })
	if dim < 0 {
		return nil
	}
	most, err := w.largest(source.Tensor)
	if err != nil {
		return err
	}
	limit := kern.SumsWide * math.Max(most, p.usual(b))
	info := b.Info()
	for r := range info.Shape[0] {
		if dim == 0 && p.stream.src[r] >= 0 {
			continue
		}
		v, err := rowOf(b, r)
		if err != nil {
			return err
		}
		for c, x := range v {
			if (dim == 0 || p.stream.src[c] < 0) && !(math.Abs(x) <= limit) {
				p.refuse(conditionOf(b.Spec), order, &Counterexample{Where: info.Name, Index: []int{r, c},
					Text: fmt.Sprintf("reads a new channel, which is zero but for rounding, with %v: wanted at most %.3g", x, limit)})
				return w.ctx.Err()
			}
		}
	}
	return w.ctx.Err()
}

// oversized gives a tensor of a block of cancelling pairs whose numbers are much larger than the parent's in that place: where
// the copies of what the pairs read are rounded, they cancel only nearly.
func (p *prover) oversized(w *worker, layer int) (*Counterexample, error) {
	scale := math.Max(1, math.Abs(p.kappa))
	for t := range p.stream.src {
		k := math.Abs(p.stream.scale(t))
		scale = math.Max(scale, math.Max(k, 1/k))
	}
	for _, b := range p.child.Tensors {
		if b.Layer != layer {
			continue
		}
		most := p.usual(b)
		for _, o := range p.parent.Tensors {
			if o.Layer < 0 || o.Spec.Role != b.Spec.Role || o.Expert > 0 {
				continue
			}
			n, err := w.largest(o.Tensor)
			if err != nil {
				return nil, err
			}
			most = math.Max(most, n)
		}
		found, err := w.largest(b.Tensor)
		if err != nil {
			return nil, err
		}
		if limit := p.claim.rounds() * kern.SumsWide * scale * most; !(found <= limit) {
			return &Counterexample{Where: b.Info().Name, Text: fmt.Sprintf("holds numbers up to %v, the parent's in that place are up to %v", found, most)}, nil
		}
	}
	return nil, nil
}
