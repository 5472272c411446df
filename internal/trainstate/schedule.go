package trainstate

import (
	"math"

	"famkit/internal/fault"
)

// The schedules of the learning rate.
const (
	Constant = "constant"
	Cosine   = "cosine"
	WSD      = "wsd"
)

// Schedule gives the learning rate of each step: a linear warm-up, then constant, a cosine down to
// MinFraction of the peak at the last step, or (WSD: warm-up, stable, decay) constant with a linear decay to
// MinFraction over the last DecayFraction of the steps.
type Schedule struct {
	Kind          string
	Peak          float64
	MinFraction   float64 // of Peak
	DecayFraction float64 // of Steps; WSD only
	Warmup, Steps int
}

// At is the learning rate of step s, counted from 1.
func (c Schedule) At(s int) float64 {
	if s <= c.Warmup {
		return c.Peak * float64(s) / float64(c.Warmup)
	}
	floor := c.Peak * c.MinFraction
	switch c.Kind {
	case Cosine:
		p := float64(s-c.Warmup) / float64(max(c.Steps-c.Warmup, 1))
		return floor + (c.Peak-floor)*(1+math.Cos(math.Pi*min(p, 1)))/2
	case WSD:
		if left, n := c.Steps-s, c.decaySteps(); left < n {
			return floor + (c.Peak-floor)*float64(max(left, 0))/float64(n)
		}
	}
	return c.Peak
}

// Decays reports whether the rate of a step, past the warm-up, depends on the number of steps.
func (c Schedule) Decays(step int) bool {
	switch c.Kind {
	case Cosine:
		return step > c.Warmup
	case WSD:
		return step > c.Warmup && c.Steps-step < c.decaySteps()
	}
	return false
}

// decaySteps is the length of wsd's decay.
func (c Schedule) decaySteps() int { return int(math.Round(c.DecayFraction * float64(c.Steps))) }

// Check refuses a schedule that cannot be (kind Usage).
func (c Schedule) Check() error {
	switch {
	case c.Kind != Constant && c.Kind != Cosine && c.Kind != WSD:
		return fault.Usagef("no schedule %q (have constant, cosine, wsd)", c.Kind)
	case c.Peak == 0:
		return fault.Hint(fault.Usagef("%v would move no weight", fault.Arg("lr", 0)),
			"%v with %v evaluates and trains nothing",
			fault.Arg("steps", 0), fault.Arg("eval"))
	case !(c.Peak > 0) || !finite(c.Peak):
		return fault.Usagef("%v: wanted a number above 0, found %v", fault.Arg("lr"), c.Peak)
	case !(c.MinFraction >= 0 && c.MinFraction <= 1):
		return fault.Usagef("%v: wanted a fraction of the peak rate, from 0 to 1, found %v", fault.Arg("min-lr"),
			c.MinFraction)
	case !(c.DecayFraction >= 0 && c.DecayFraction <= 1):
		return fault.Usagef("%v: wanted a fraction of the steps, from 0 to 1, found %v", fault.Arg("decay-fraction"),
			c.DecayFraction)
	case c.Warmup < 0 || c.Warmup > c.Steps:
		return fault.Usagef("%v: wanted at most the training's %d steps, found %d", fault.Arg("warmup"), c.Steps, c.Warmup)
	}
	return nil
}
