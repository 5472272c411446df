package host

import (
	"math"

	"famkit/internal/engine"
)

// Clip fills Norm and Factor of a Clip whose norm is known.
func Clip(o *engine.Clip, norm float64) {
	factor := 1.0
	if o.Max > 0 {
		factor = min(1, o.Max/(norm+1e-6))
	}
	bad := norm - norm // 0, or NaN where it is not finite
	for _, v := range F64s(o.Guard) {
		bad += v - v
	}
	factor += bad
	F64s(o.Norm)[0], F64s(o.Factor)[0] = norm, factor
}

// Factor is what an AdamW multiplies gradients by; ok is false where it must change nothing.
func Factor(o *engine.AdamW) (factor float64, ok bool) {
	if o.Factor.Nil() {
		return 1, true
	}
	factor = F64s(o.Factor)[0]
	return factor, !math.IsNaN(factor)
}
