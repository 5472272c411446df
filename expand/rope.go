package expand

import (
	"math"
	"strconv"
	"strings"

	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/growth"
)

func itoa(n int) string { return strconv.Itoa(n) }

// rope sets another rotary scaling, which changes the function on purpose.
func (b *builder) rope() error {
	if b.r.Rope == "" {
		return nil
	}
	kind, text, _ := strings.Cut(b.r.Rope, ":")
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f >= 1) || math.IsInf(f, 0) {
		return fault.Usagef("%v: want a scaling and its factor, such as linear:2", fault.Arg("rope", b.r.Rope))
	}
	if b.ck.Config == nil {
		return fault.Hint(fault.Inputf("%v needs config.json beside the weights", fault.Arg("rope")), "put it there")
	}
	if b.m.RotaryDim == 0 {
		return fault.Inputf("a %s model has no rotary embedding", b.m.Spec.Name)
	}
	rope := arch.Rope{Theta: b.m.Rope.Theta, Type: kind, Factor: f}
	switch kind {
	case "linear":
	case "dynamic":
		rope.OriginalMaxPos = b.m.MaxPos
	case "yarn":
		rope.OriginalMaxPos, rope.BetaFast, rope.BetaSlow, rope.Whole = b.m.MaxPos, 32, 1, true
		rope.AttentionFactor = 0.1*math.Log(f) + 1
	case "llama3": // the bounds that Llama 3.1 was published with
		rope.OriginalMaxPos, rope.LowFreqFactor, rope.HighFreqFactor = b.m.MaxPos, 1, 4
	default:
		return fault.Usagef("%v: want linear, dynamic, yarn or llama3", fault.Arg("rope", b.r.Rope))
	}
	b.p.Rope = &rope
	b.inexact("the rotary embedding is scaled: " + b.r.Rope)
	return nil
}

// checkFrequencies compares the rotary frequencies of parent and child: each pair must keep its own.
func checkFrequencies(p *growth.Plan, m, child *arch.Model) error {
	if m.RotaryDim == 0 || p.Rope != nil || m.HeadDim == 0 {
		return nil
	}
	at := func(tokens int) func(*arch.Model) ([]float64, error) {
		return func(m *arch.Model) ([]float64, error) { return m.RopeInvFreqAt(tokens) }
	}
	// Some scalings have other frequencies beyond a context.
	for _, f := range []func(*arch.Model) ([]float64, error){
		at(0), at(m.MaxPos), at(m.MaxPos + 1), at(child.MaxPos), at(4 * child.MaxPos), (*arch.Model).LocalRopeInvFreq,
	} {
		if err := compareFrequencies(m, child, f); err != nil {
			return err
		}
	}
	if x, y := m.RopeAttentionFactor(), child.RopeAttentionFactor(); x != y {
		return fault.Inputf("the rotary embedding's attention factor would become %v instead of %v", y, x)
	}
	return nil
}

func compareFrequencies(m, child *arch.Model, of func(*arch.Model) ([]float64, error)) error {
	was, err := of(m)
	if err != nil {
		return err
	}
	now, err := of(child)
	if err != nil {
		return err
	}
	r := child.RotaryDim / m.RotaryDim
	for j, w := range was {
		if n := now[j*r]; math.Abs(n-w) > 1e-12*w {
			return fault.Inputf("the %s scaling of the rotary embedding gives pair %d the frequency %.6g in a head of %d "+
				"with %d positions, %.6g in one of %d with %d",
				m.Rope.Type, j, w, m.HeadDim, m.MaxPos, n, child.HeadDim, child.MaxPos)
		}
	}
	return nil
}
