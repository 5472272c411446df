package trainstate

import (
	"math"
	"testing"
)

func TestSchedule(t *testing.T) {
	cos := Schedule{Kind: Cosine, Peak: 2, MinFraction: 0.1, Warmup: 4, Steps: 14}
	wsd := Schedule{Kind: WSD, Peak: 2, MinFraction: 0, DecayFraction: 0.2, Warmup: 2, Steps: 20}
	con := Schedule{Kind: Constant, Peak: 2, MinFraction: 0.1, Steps: 20}
	for _, c := range []struct {
		name string
		s    Schedule
		step int
		want float64
	}{
		{"warm-up begins above zero", cos, 1, 0.5},
		{"warm-up ends at the peak", cos, 4, 2},
		{"cosine half way", cos, 9, 1.1},
		{"cosine ends at the floor", cos, 14, 0.2},
		{"cosine stays at the floor", cos, 20, 0.2},
		{"wsd stable", wsd, 16, 2},
		{"wsd decays", wsd, 18, 1},
		{"wsd ends", wsd, 20, 0},
		{"constant has no warm-up by itself", con, 1, 2},
		{"constant ends at the peak", con, 20, 2},
	} {
		if got := c.s.At(c.step); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: step %d: %v, want %v", c.name, c.step, got, c.want)
		}
	}
}

func TestScheduleRefusals(t *testing.T) {
	good := Schedule{Kind: WSD, Peak: 1, Steps: 10}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Schedule){
		"kind":    func(s *Schedule) { s.Kind = "step" },
		"peak":    func(s *Schedule) { s.Peak = 0 },
		"nan":     func(s *Schedule) { s.Peak = math.NaN() },
		"inf":     func(s *Schedule) { s.Peak = math.Inf(1) },
		"nan min": func(s *Schedule) { s.MinFraction = math.NaN() },
		"min":     func(s *Schedule) { s.MinFraction = 1.5 },
		"decay":   func(s *Schedule) { s.DecayFraction = -1 },
		"warm-up": func(s *Schedule) { s.Warmup = 11 },
	} {
		s := good
		spoil(&s)
		if s.Check() == nil {
			t.Errorf("%s: accepted %+v", name, s)
		}
	}
}
