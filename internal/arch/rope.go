package arch

import (
	"math"

	"famkit/internal/fault"
)

// RopeInvFreq gives the rotary embedding's inverse frequencies, RotaryDim/2 of them in radians per token, as
// transformers computes them, in float64. It refuses a scaling that it does not know.
func (m *Model) RopeInvFreq() ([]float64, error) { return m.Rope.invFreq(m.RotaryDim) }

// LocalRopeInvFreq gives those of the sliding layers; they are RopeInvFreq's where LocalRope is nil.
func (m *Model) LocalRopeInvFreq() ([]float64, error) {
	if m.LocalRope == nil {
		return m.RopeInvFreq()
	}
	return m.LocalRope.invFreq(m.RotaryDim)
}

// RopeAttentionFactor is what the cosines and sines of the rotary embedding are multiplied by.
func (m *Model) RopeAttentionFactor() float64 {
	if m.Rope.AttentionFactor != 0 {
		return m.Rope.AttentionFactor
	}
	return 1
}

// invFreq gives the inverse frequencies for dim rotated elements.
func (r Rope) invFreq(dim int) ([]float64, error) {
	inv := make([]float64, dim/2)
	for i := range inv {
		inv[i] = 1 / math.Pow(r.Theta, float64(2*i)/float64(dim))
	}
	switch r.Type {
	case ropeDefault:
	case ropeLinear:
		for i := range inv {
			inv[i] /= r.Factor
		}
	case ropeLlama3:
		for i := range inv {
			inv[i] = r.llama3(inv[i])
		}
	default:
		return nil, unknownRope("rope_type", r.Type)
	}
	return inv, nil
}

// llama3 keeps the frequencies whose wave is short against the original context, divides the long waves' by
// the factor, and blends in between.
func (r Rope) llama3(inv float64) float64 {
	context := float64(r.OriginalMaxPos)
	wave := 2 * math.Pi / inv
	switch {
	case wave < context/r.HighFreqFactor:
		return inv
	case wave > context/r.LowFreqFactor:
		return inv / r.Factor
	}
	smooth := (context/wave - r.LowFreqFactor) / (r.HighFreqFactor - r.LowFreqFactor)
	return (1-smooth)*inv/r.Factor + smooth*inv
}

// Scale is what attention scores are multiplied by: ScoreScale, or HeadDim^-1/2 where that is 0.
func (m *Model) Scale() float64 {
	if m.ScoreScale != 0 {
		return m.ScoreScale
	}
	return math.Pow(float64(m.HeadDim), -0.5)
}

// The scalings of the rotary embedding that are known.
const (
	ropeDefault = "default"
	ropeLinear  = "linear"
	ropeLlama3  = "llama3"
)

func unknownRope(where, kind string) error {
	return fault.Inputf("%s: rotary scaling %q is not supported, known are %s, %s and %s", where, kind, ropeDefault, ropeLinear, ropeLlama3)
}
