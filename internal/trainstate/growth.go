package trainstate

import (
	"math"

	"famkit/internal/fault"
)

// Growth says that a training's model and moments were made larger after one of its steps. Moments that are new have
// seen fewer gradients than the number of updates tells, and AdamW's bias correction does not know it. So the learning
// rate is warmed up again until they have.
type Growth struct {
	Optimizer   string `json:"optimizer"` // what became of the moments: keep, asymmetric, reset
	Step        int    `json:"step"`      // below 0: before the first step of a training that began from the grown model
	RewarmSteps int    `json:"rewarm_steps"`
}

// Factor scales the learning rate of a step: linear from the growth on, 1 after RewarmSteps or where nothing was grown.
func (g *Growth) Factor(step int) float64 {
	if g == nil || step > g.Step+g.RewarmSteps {
		return 1
	}
	return float64(step-g.Step) / float64(g.RewarmSteps)
}

// Left is the number of steps after `step` whose learning rate is still scaled.
func (g *Growth) Left(step int) int {
	if g == nil {
		return 0
	}
	return max(g.Step+g.RewarmSteps-step, 0)
}

func (g *Growth) check(step int) error {
	if g == nil {
		return nil
	}
	if g.RewarmSteps < 0 || g.RewarmSteps > maxSize || g.Step < -g.RewarmSteps || g.Step > step {
		return fault.Inputf("growth at step %d with %d steps of warm-up cannot be after %d steps", g.Step, g.RewarmSteps,
			step)
	}
	return nil
}

// HandOver is a stretch of steps in which blocks that were grown hand over to their silent copies: from the one after
// From up to To.
type HandOver struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// Left is the number of its steps after `step`.
func (h *HandOver) Left(step int) int {
	if h == nil {
		return 0
	}
	return max(h.To-max(step, h.From), 0)
}

func (h *HandOver) sound(steps int) bool {
	return h == nil || h.From >= 0 && h.From < h.To && h.To <= steps
}

// ResetMoments is the way of a growth that clears all moments.
const ResetMoments = "reset"

// Grow is the state of a child whose model and moments were grown from those of a training with state s. config is the
// child's config.json, how says what became of the moments. Steps and settings stay, and so does the number of updates,
// except where all moments begin anew.
func Grow(s *State, config []byte, how string) *State {
	child := *s
	child.Digests.Config = Digest(config)
	child.Growth = &Growth{Optimizer: how, Step: s.Step, RewarmSteps: rewarm(s.Settings.Beta2)}
	if how == ResetMoments {
		child.Updates = 0
	}
	child.HandOver = nil
	child.Log = "" // the child's rows are not the parent's
	return &child
}

// rewarm is twice the number of steps that a second moment averages over: by then a moment that began at zero holds 86
// % of what it averages (1 - exp(-2)).
func rewarm(beta2 float64) int {
	if !(beta2 > 0 && beta2 < 1) {
		return 0
	}
	return int(min(math.Ceil(2/(1-beta2)), maxSize))
}
