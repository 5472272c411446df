package convert

import (
	"math"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// Llama 3 models have all been published with these; the file holds only what follows from them.
const (
	llama3Low, llama3High = 1.0, 4.0
	llama3Context         = 8192
)

// ropeFromFreqs recovers Llama 3's rotary scaling from the tensor of per-frequency factors that llama.cpp computed
// from it. The factor is the largest entry; the rest is compared, and a tensor that was made otherwise is refused.
func ropeFromFreqs(h format.Handle, m *arch.Model) error {
	t, err := h.Tensor(ropeFreqs)
	if err != nil {
		return err
	}
	info := t.Info()
	if info.DType != tensor.F32 || len(info.Shape) != 1 || info.Shape[0] != m.HeadDim/2 {
		return fault.Inputf("%s: tensor %q: wanted F32 [%d], found %s %v", h.Path(), ropeFreqs, m.HeadDim/2, info.DType,
			info.Shape)
	}
	data, err := format.ReadAll(t)
	if err != nil {
		return fault.Unread(err, "%s: tensor %q", h.Path(), ropeFreqs)
	}
	found := make([]float64, info.Shape[0])
	tensor.Decode(found, data, info.DType)
	rope := arch.Rope{
		Type: "llama3", Theta: m.Rope.Theta, Factor: shortest(found[len(found)-1]),
		LowFreqFactor: llama3Low, HighFreqFactor: llama3High, OriginalMaxPos: llama3Context,
	}
	if m.Rope.Type != "default" {
		return fault.Inputf("%s: tensor %q stands beside rope scaling %q, wanted one of them", h.Path(), ropeFreqs,
			m.Rope.Type)
	}
	for i, want := range llama3Factors(rope, m.HeadDim) {
		if !(math.Abs(found[i]-want) <= 1e-4*want) {
			return fault.Inputf("%s: tensor %q: wanted Llama 3's scaling by %v (element %d: %v), found %v", h.Path(), ropeFreqs,
				rope.Factor, i, want, found[i])
		}
	}
	m.Rope = rope
	return nil
}

// llama3Factors are the divisors of the rotary frequencies: 1 for short waves, Factor for long ones, and in between
// what makes the step smooth.
func llama3Factors(r arch.Rope, headDim int) []float64 {
	factors := make([]float64, headDim/2)
	for i := range factors {
		wave := 2 * math.Pi * math.Pow(r.Theta, float64(2*i)/float64(headDim))
		periods := float64(r.OriginalMaxPos) / wave
		switch {
		case periods > r.HighFreqFactor:
			factors[i] = 1
		case periods < r.LowFreqFactor:
			factors[i] = r.Factor
		default:
			smooth := (periods - r.LowFreqFactor) / (r.HighFreqFactor - r.LowFreqFactor)
			factors[i] = 1 / ((1-smooth)/r.Factor + smooth)
		}
	}
	return factors
}
