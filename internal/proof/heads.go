package proof

import (
	"fmt"
	"math"

	"famkit/internal/arch"
)

// scores: every element of a head stands in the child's exactly once, since scores add up over them; rotary pairs stay
// together and keep their frequency; what another score factor does is made up for by kappa, in q.
func (s *space) scores() {
	m, c := s.parent.Model, s.child.Model
	hd, err := s.axis(-1, arch.HeadDim)
	if err != nil {
		s.refusef(condHeads, 0, "", "%v", err)
		return
	}
	for e, n := range hd.Copies() {
		if n != 1 {
			s.refusef(condHeads, 0, "", "element %d of a head has %d copies, wanted 1: scores add up over them", e, n)
			return
		}
	}
	s.kappa = 1
	switch {
	case m.ScoreScale == 0 && c.ScoreScale == 0:
		s.kappa = math.Sqrt(float64(c.HeadDim) / float64(m.HeadDim))
	case m.Scale() != c.Scale():
		s.kappa = m.Scale() / c.Scale()
	}
	if c.RotaryDim == 0 && m.RotaryDim == 0 {
		s.hold(condHeads)
		return
	}
	for _, judge := range []func() string{s.pairsTurn, s.attentionFactor, s.frequencies} {
		if bad := judge(); bad != "" {
			s.refusef(condHeads, 0, "config.json", "%s", bad)
			return
		}
	}
	s.hold(condHeads)
}

// pairsTurn: elements j and j + half turn together, and so do their sources.
func (s *space) pairsTurn() string {
	hd := s.axes[arch.HeadDim]
	was, is := s.parent.Model.Turned(), s.child.Model.Turned()
	for t, src := range hd.Src {
		if t >= is {
			if src >= 0 && int(src) < was {
				return fmt.Sprintf("element %d of a head is not turned, its source %d is", t, src)
			}
			continue
		}
		if src >= 0 && int(src) >= was {
			return fmt.Sprintf("element %d of a head is turned, its source %d is not", t, src)
		}
		if t >= is/2 {
			continue
		}
		other := hd.Src[t+is/2]
		if src < 0 && other < 0 {
			continue
		}
		if src < 0 || other < 0 || int(src) >= was/2 || int(other) != int(src)+was/2 {
			return fmt.Sprintf("elements %d and %d of a head turn together, their sources %d and %d do not", t, t+is/2, src,
				other)
		}
	}
	return ""
}

func (s *space) attentionFactor() string {
	if was, is := s.parent.Model.RopeAttentionFactor(), s.child.Model.RopeAttentionFactor(); was != is {
		return fmt.Sprintf("rotary attention factor is %v, wanted %v", is, was)
	}
	return ""
}

// frequencies: every pair turns by its source's frequency, within and beyond the scaling's original context.
func (s *space) frequencies() string {
	m, c := s.parent.Model, s.child.Model
	lengths := []int{0}
	for _, r := range []arch.Rope{m.Rope, c.Rope} {
		if n := r.OriginalMaxPos; n > 0 {
			lengths = append(lengths, n, n+1, 2*n, 7*n)
		}
	}
	if (m.Rope.OriginalMaxPos != c.Rope.OriginalMaxPos || m.Rope.Type != c.Rope.Type) &&
		!(constant(m.Rope) && constant(c.Rope)) {
		return fmt.Sprintf("rotary scaling is %s from %d positions on, wanted %s from %d on",
			c.Rope.Type, c.Rope.OriginalMaxPos, m.Rope.Type, m.Rope.OriginalMaxPos)
	}
	for _, n := range lengths {
		if bad := s.compareFrequencies(func(m *arch.Model) ([]float64, error) { return m.RopeInvFreqAt(n) }); bad != "" {
			return bad
		}
	}
	if (m.LocalRope == nil) != (c.LocalRope == nil) {
		return "only one of the models has a rotary embedding of its own for sliding layers"
	}
	if m.LocalRope == nil {
		return ""
	}
	return s.compareFrequencies((*arch.Model).LocalRopeInvFreq)
}

// constant reports whether a rotary embedding turns by the same frequencies whatever the length of a text, and so is
// all that its frequencies and its attention factor are.
func constant(r arch.Rope) bool {
	return r.Type == "default" || r.Type == "linear" || r.Type == "llama3" || r.Type == "yarn"
}

// frequencyError is what frequencies may differ by, relative to them: they are computed in float64 from sizes that
// differ.
const frequencyError = 1e-15

func (s *space) compareFrequencies(of func(*arch.Model) ([]float64, error)) string {
	was, err := of(s.parent.Model)
	if err != nil {
		return err.Error()
	}
	is, err := of(s.child.Model)
	if err != nil {
		return err.Error()
	}
	hd, allowed := s.axes[arch.HeadDim], frequencyError
	if s.parent.Model.RotaryDim == s.child.Model.RotaryDim {
		allowed = 0 // computed alike, so that equal settings give equal bits
	}
	for t, f := range is {
		src := hd.Src[t]
		if src >= 0 && !(math.Abs(f-was[src]) <= allowed*math.Abs(was[src])) {
			return fmt.Sprintf("rotary pair %d turns by %v a token, its source %d by %v", t, f, src, was[src])
		}
	}
	return ""
}
