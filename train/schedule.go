package train

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
		n := int(math.Round(c.DecayFraction * float64(c.Steps)))
		if left := c.Steps - s; left < n {
			return floor + (c.Peak-floor)*float64(max(left, 0))/float64(n)
		}
	}
	return c.Peak
}

func (c Schedule) check() error {
	switch {
	case c.Kind != Constant && c.Kind != Cosine && c.Kind != WSD:
		return fault.Usagef("no schedule %q (have constant, cosine, wsd)", c.Kind)
	case !(c.Peak > 0):
		return fault.Usagef("learning rate %v: it must be above 0", c.Peak)
	case c.MinFraction < 0 || c.MinFraction > 1:
		return fault.Usagef("minimum learning rate %v: it is a fraction of the peak, from 0 to 1", c.MinFraction)
	case c.DecayFraction < 0 || c.DecayFraction > 1:
		return fault.Usagef("decay fraction %v: it must lie between 0 and 1", c.DecayFraction)
	case c.Warmup < 0 || c.Warmup > c.Steps:
		return fault.Usagef("%d warm-up steps of %d: they must lie within the training", c.Warmup, c.Steps)
	}
	return nil
}
