package arch

import (
	"math"
	"slices"
	"strings"

	"famkit/internal/fault"
)

// The scalings of the rotary embedding that are known.
const (
	ropeDefault  = "default"
	ropeLinear   = "linear"
	ropeDynamic  = "dynamic"
	ropeLlama3   = "llama3"
	ropeYarn     = "yarn"
	ropeLongrope = "longrope"
)

var ropeTypes = []string{ropeDefault, ropeLinear, ropeDynamic, ropeLlama3, ropeYarn, ropeLongrope}

// Turned is the number of leading elements of each head that the rotary embedding turns: RotaryDim, rounded up to an
// even number as transformers does.
func (m *Model) Turned() int { return (m.RotaryDim + 1) / 2 * 2 }

// RopeInvFreq gives the rotary embedding's inverse frequencies, Turned/2 of them in radians per token, as
// transformers computes them, in float64, for sequences within the scaling's original context: dynamic and
// longrope have others beyond, see RopeInvFreqAt. It refuses a scaling that it does not know.
func (m *Model) RopeInvFreq() ([]float64, error) { return m.Rope.invFreq(m.RotaryDim, 0) }

// RopeInvFreqAt gives those of a sequence of the given number of tokens.
func (m *Model) RopeInvFreqAt(tokens int) ([]float64, error) {
	return m.Rope.invFreq(m.RotaryDim, tokens)
}

// LocalRopeInvFreq gives those of the sliding layers; they are RopeInvFreq's where LocalRope is nil.
func (m *Model) LocalRopeInvFreq() ([]float64, error) {
	if m.LocalRope == nil {
		return m.RopeInvFreq()
	}
	return m.LocalRope.invFreq(m.RotaryDim, 0)
}

// RopeAttentionFactor is what the cosines and sines of Rope are multiplied by; LocalRope's never are.
func (m *Model) RopeAttentionFactor() float64 {
	if m.Rope.AttentionFactor != 0 {
		return m.Rope.AttentionFactor
	}
	return 1
}

// Scale is what attention scores are multiplied by: ScoreScale, or HeadDim^-1/2 where that is 0.
func (m *Model) Scale() float64 {
	if m.ScoreScale != 0 {
		return m.ScoreScale
	}
	return math.Pow(float64(m.HeadDim), -0.5)
}

// invFreq gives the inverse frequencies for dim rotated elements in a sequence of the given length.
func (r Rope) invFreq(dim, tokens int) ([]float64, error) {
	if !slices.Contains(ropeTypes, r.Type) && dim > 0 {
		return nil, unknownRope("rope_type", r.Type, ropeTypes)
	}
	inv := make([]float64, (dim+1)/2)
	theta := r.theta(dim, tokens)
	for i := range inv {
		inv[i] = 1 / math.Pow(theta, float64(2*i)/float64(dim))
	}
	switch r.Type {
	case ropeLinear:
		for i := range inv {
			inv[i] /= r.Factor
		}
	case ropeLlama3:
		for i := range inv {
			inv[i] = r.llama3(inv[i])
		}
	case ropeYarn:
		r.yarn(inv, dim)
	case ropeLongrope:
		return inv, r.longrope(inv, tokens)
	}
	return inv, nil
}

// theta is the base: under dynamic scaling it grows once the sequence is longer than the original context.
func (r Rope) theta(dim, tokens int) float64 {
	if r.Type != ropeDynamic || tokens <= r.OriginalMaxPos {
		return r.Theta
	}
	stretch := r.Factor*float64(tokens)/float64(r.OriginalMaxPos) - (r.Factor - 1)
	return r.Theta * math.Pow(stretch, float64(dim)/float64(dim-2))
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

// yarn keeps the frequencies that turn more than BetaFast times within the original context, divides those that
// turn less than BetaSlow times by the factor, and ramps in between.
func (r Rope) yarn(inv []float64, dim int) {
	turns := func(n float64) float64 { // the frequency, counted from the fastest, that turns n times
		return float64(dim) * math.Log(float64(r.OriginalMaxPos)/(n*2*math.Pi)) / (2 * math.Log(r.Theta))
	}
	low, high := turns(r.BetaFast), turns(r.BetaSlow)
	if r.Whole {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = max(low, 0), min(high, float64(dim-1))
	if low == high {
		high += 0.001
	}
	for i, f := range inv {
		ramp := min(max((float64(i)-low)/(high-low), 0), 1)
		inv[i] = f/r.Factor*ramp + f*(1-ramp)
	}
}

// longrope divides each frequency by a factor of its own, of one list within the original context and of another
// beyond.
func (r Rope) longrope(inv []float64, tokens int) error {
	factors := r.ShortFactor
	if tokens > r.OriginalMaxPos {
		factors = r.LongFactor
	}
	if len(factors) != len(inv) {
		return fault.Inputf("longrope: wanted %d factors, found %d", len(inv), len(factors))
	}
	for i, f := range factors {
		inv[i] /= f
	}
	return nil
}

// yarnAttention is the attention factor that YaRN's paper recommends for a scaling by factor.
func yarnAttention(factor, mscale float64) float64 {
	if factor <= 1 {
		return 1
	}
	return 0.1*mscale*math.Log(factor) + 1
}

// longropeAttention is the attention factor of LongRoPE for a context that has grown by factor.
func longropeAttention(factor float64, original int) float64 {
	if factor <= 1 {
		return 1
	}
	return math.Sqrt(1 + math.Log(factor)/math.Log(float64(original)))
}

func unknownRope(where, kind string, known []string) error {
	return fault.Inputf("%s: rotary scaling %q is not supported, known are %s", where, kind, strings.Join(known, ", "))
}
