package train

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
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Schedule){
		"kind":    func(s *Schedule) { s.Kind = "step" },
		"peak":    func(s *Schedule) { s.Peak = 0 },
		"nan":     func(s *Schedule) { s.Peak = math.NaN() },
		"min":     func(s *Schedule) { s.MinFraction = 1.5 },
		"decay":   func(s *Schedule) { s.DecayFraction = -1 },
		"warm-up": func(s *Schedule) { s.Warmup = 11 },
	} {
		s := good
		spoil(&s)
		if s.check() == nil {
			t.Errorf("%s: accepted %+v", name, s)
		}
	}
}

func TestPermutationIsABijection(t *testing.T) {
	for _, n := range []uint64{1, 2, 3, 5, 16, 17, 1000, 4097} {
		p := newPermutation(n, 7, 3)
		seen := make([]bool, n)
		for i := range n {
			j := p.at(i)
			if j >= n || seen[j] {
				t.Fatalf("n %d: %d goes to %d, outside or taken", n, i, j)
			}
			seen[j] = true
		}
	}
}

func TestPermutationDependsOnSeedAndEpoch(t *testing.T) {
	const n = 1000
	same := func(a, b permutation) (k int) {
		for i := range uint64(n) {
			if a.at(i) == b.at(i) {
				k++
			}
		}
		return k
	}
	a := newPermutation(n, 1, 0)
	for name, b := range map[string]permutation{"seed": newPermutation(n, 2, 0), "epoch": newPermutation(n, 1, 1)} {
		if k := same(a, b); k > 20 {
			t.Errorf("another %s: %d of %d stay in place", name, k, n)
		}
	}
	if k := same(a, newPermutation(n, 1, 0)); k != n {
		t.Errorf("the same key gives another order: %d of %d agree", k, n)
	}
}
