package verify

import (
	"fmt"
	"math"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/tensor"
)

// Conditions that hold within rounding only say that numbers are near; what is then multiplied by something large is not. So
// where anything is rounded the terms of a sum have one sign (kern.OneSign): weights that add up to the parent's then make of
// copies that are nearly alike nothing that is less so, in however many layers. What has no source has the limits here.

// What has no source may be asLarge times as large as the parent's numbers in that place; all tensors of a branch of cancelling
// pairs taken together muchLarger times.
const asLarge, muchLarger = 2, 64

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

// nearZeros: under LayerNorm new channels are zero only as far as the means that write them are exact, and with them what reads
// nothing else. So no number of a matrix is much larger than the parent's.
func (p *prover) nearZeros(w *worker, order int, b, source arch.Bound) error {
	if !p.parent.Model.LayerNorm || !p.stream.fresh() || len(b.Spec.Dims) < 2 || b.Spec.Dims[0].Use == arch.Looks {
		return nil
	}
	most, err := w.largest(source.Tensor)
	if err != nil {
		return err
	}
	found, err := w.largest(b.Tensor)
	if err != nil {
		return err
	}
	by := math.Max(1, math.Abs(p.kappa))
	if conditionOf(b.Spec) == condWriters {
		by = math.Max(1, math.Abs(p.stream.scale(0))) // they are all alike
	}
	if limit := asLarge * by * math.Max(most, p.usual(b)); !(found <= limit) {
		p.refuse(conditionOf(b.Spec), order, &Counterexample{Where: b.Info().Name,
			Text: fmt.Sprintf("holds %v, wanted at most %.3g where new channels are zero but for rounding", found, limit)})
	}
	return nil
}

// oversized reports that the numbers of a branch of cancelling pairs are much larger, all tensors of it taken together, than
// the parent's in that place: where the copies of what the pairs read are rounded they cancel only nearly.
func (p *prover) oversized(w *worker, layer int, h branch) (*Counterexample, error) {
	scale := math.Max(1, math.Abs(p.kappa))
	for t := range p.stream.src {
		k := math.Abs(p.stream.scale(t))
		scale = math.Max(scale, math.Max(k, 1/k))
	}
	total := 1.0
	for _, b := range p.child.Tensors {
		if role := trimBias(b.Spec.Role); b.Layer != layer || b.Spec.Dims[0].Use == arch.Shifts ||
			!(role == h.preNorm || slices.Contains(h.writers, role) || p.makes(role, h) || role == arch.QKV || role == arch.GateUp || role == arch.QNorm || role == arch.KNorm) {
			continue
		}
		ratio, err := p.ratio(w, b)
		if err != nil {
			return nil, err
		}
		switch writes := conditionOf(b.Spec) == condWriters; {
		case b.Spec.Role == h.preNorm: // what both q and k, or gate and up, read
			total *= math.Max(1, ratio/scale) * math.Max(1, ratio/scale)
		case writes || !p.parent.Model.PreNorm:
			total *= math.Max(1, ratio/scale)
		default:
			total *= math.Max(1, ratio)
		}
		if !(total <= muchLarger) {
			return &Counterexample{Where: b.Info().Name, Text: fmt.Sprintf("numbers up to %.3g times the parent's in that place, %.3g times in all before it", ratio, total/ratio)}, nil
		}
	}
	return nil, nil
}

// ratio is how many times larger the largest number of a tensor is than the parent's of that role.
func (p *prover) ratio(w *worker, b arch.Bound) (float64, error) {
	most := p.usual(b)
	for _, o := range p.parent.Tensors {
		if o.Layer < 0 || o.Spec.Role != b.Spec.Role || o.Expert > 0 {
			continue
		}
		n, err := w.largest(o.Tensor)
		if err != nil {
			return 0, err
		}
		most = math.Max(most, n)
	}
	found, err := w.largest(b.Tensor)
	return found / most, err
}
