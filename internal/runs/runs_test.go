package runs

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

func TestIndices(t *testing.T) {
	for text, list := range map[string][]int32{
		"":              nil,
		"0-3 0 1":       {0, 1, 2, 3, 0, 1},
		"7*2 *3 5":      {7, 7, None, None, None, 5},
		"*1 0*3 1-2":    {None, 0, 0, 0, 1, 2},
		"  0-1   2*2 3": {0, 1, 2, 2, 3},
	} {
		got, err := ParseIndices(text, len(list), 8)
		if err != nil || !slices.Equal(got, list) {
			t.Errorf("%q: %v (%v), want %v", text, got, err, list)
		}
		again, err := ParseIndices(Indices(list), len(list), 8)
		if err != nil || !slices.Equal(again, list) {
			t.Errorf("%v as %q: %v (%v)", list, Indices(list), again, err)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		list := make([]int32, rng.IntN(20))
		for i := range list {
			list[i] = int32(rng.IntN(4)) - 1
		}
		if got, err := ParseIndices(Indices(list), len(list), 3); err != nil || !slices.Equal(got, list) {
			t.Fatalf("%v as %q: %v (%v)", list, Indices(list), got, err)
		}
	}
}

// TestBadRuns: what is no list of the wanted length is refused, and takes no memory beyond that.
func TestBadRuns(t *testing.T) {
	for _, text := range []string{"0*8388607", "0-8388607", "*8388607", "0*99999999999999999999", "0-99999999999", "5-3",
		"-3*4", "-1", "0--1", "x", "0x1", "1e3", "+1", "0*", "*", "0*0", "0*-1", "0-1-2", "4", "0-4", "4*2", "1.0", "0"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if got, err := ParseIndices(text, 2, 4); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<16 {
			t.Errorf("%q takes %d bytes", text, n)
		}
	}
}

func TestScales(t *testing.T) {
	list := []float64{1, 1, 0.5, 2, 2, 2}
	got, err := ParseScales(Scales(list), len(list))
	if err != nil || !slices.Equal(got, list) {
		t.Errorf("%v (%v), want %v", got, err, list)
	}
	if got, err := ParseScales(nil, 5); got != nil || err != nil {
		t.Errorf("no scales: %v, %v", got, err)
	}
	for _, bad := range [][][2]float64{{{1, 8388607}}, {{1, 1}}, {{1, 0}, {1, 3}}, {{1, -3}}, {{1, 1.5}, {1, 1.5}},
		{{math.NaN(), 3}}, {{math.Inf(1), 3}}, {{1, math.NaN()}}, {{1, 1e300}}} {
		if got, err := ParseScales(bad, 3); err == nil {
			t.Errorf("%v is read as %v", bad, got)
		}
	}
}
