package train

import "famkit/internal/fault"

// Growth says that the state was grown with the model after a step: moments that are new have not seen as many gradients
// as the step count tells, so that their bias correction is too weak. The learning rate is warmed up again until they have.
type Growth struct {
	Optimizer   string `json:"optimizer"`
	Step        int    `json:"step"`
	RewarmSteps int    `json:"rewarm_steps"`
}

// factor scales the learning rate of a step: linear from the growth on, 1 after RewarmSteps or where nothing was grown.
func (g *Growth) factor(step int) float64 {
	if g == nil || step > g.Step+g.RewarmSteps {
		return 1
	}
	return float64(step-g.Step) / float64(g.RewarmSteps)
}

func (g *Growth) check(path string, step int) error {
	if g != nil && (g.Step < 0 || g.Step > step || g.RewarmSteps < 0) {
		return fault.Inputf("%s: growth at step %d with %d steps of warm-up cannot be after %d steps", path, g.Step, g.RewarmSteps, step)
	}
	return nil
}
