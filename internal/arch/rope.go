package arch

import (
	"math"

	"famkit/internal/fault"
)

// RopeInvFreq gives the rotary embedding's inverse frequencies, HeadDim/2 of them in radians per token, as
// transformers computes them, in float64. It refuses a scaling that it does not know.
func (m *Model) RopeInvFreq() ([]float64, error) {
	inv := make([]float64, m.HeadDim/2)
	for i := range inv {
		inv[i] = 1 / math.Pow(m.Rope.Theta, float64(2*i)/float64(m.HeadDim))
	}
	switch m.Rope.Type {
	case ropeDefault:
	case ropeLinear:
		for i := range inv {
			inv[i] /= m.Rope.Factor
		}
	case ropeLlama3:
		for i := range inv {
			inv[i] = m.Rope.llama3(inv[i])
		}
	default:
		return nil, unknownRope("rope_type", m.Rope.Type)
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

// Scale is what attention scores are multiplied by: HeadDim^-1/2.
func (m *Model) Scale() float64 { return math.Pow(float64(m.HeadDim), -0.5) }

// The scalings of the rotary embedding that are known.
const (
	ropeDefault = "default"
	ropeLinear  = "linear"
	ropeLlama3  = "llama3"
)

func unknownRope(where, kind string) error {
	return fault.Inputf("%s: rotary scaling %q is not supported, known are %s, %s and %s", where, kind, ropeDefault, ropeLinear, ropeLlama3)
}
