package verify

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"famkit/expand"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	_ "famkit/internal/engine/ref"
	pt "famkit/internal/proof/prooftest"
	"famkit/internal/tensor"
)

// placeOf is one of the places in turn, for growths in depth.
func placeOf(i int, sizes map[string]string) expand.Place {
	if sizes["depth"] == "" {
		return expand.Interleave
	}
	return []expand.Place{expand.Interleave, expand.Top, expand.Bottom}[i%3]
}

// sorted gives a map's keys in order, so that every run draws the same.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// request builds a growth from "axis=size" pairs.
func request(t testing.TB, seed uint64, place expand.Place, sizes map[string]string) expand.Request {
	t.Helper()
	r := expand.Request{Seed: seed, Place: place}
	for axis, to := range map[string]*expand.Change{"depth": &r.Depth, "hidden": &r.Hidden, "ffn": &r.FFN,
		"heads": &r.Heads,
		"kv":    &r.KV, "width": &r.Width} {
		c, err := expand.ParseChange(sizes[axis])
		if err != nil {
			t.Fatal(err)
		}
		*to = c
	}
	return r
}

// growths are the targets that every architecture is grown to.
var growths = []map[string]string{
	{"depth": "2x"}, {"depth": "+1"}, {"depth": "7"},
	{"hidden": "2x"}, {"hidden": "3x"}, {"hidden": "x1.5"}, {"hidden": "+12"},
	{"ffn": "2x"}, {"ffn": "x1.37"}, {"ffn": "+1"}, {"ffn": "x3.3"},
	{"kv": "2x"}, {"kv": "+1"}, {"heads": "2x"}, {"kv": "2x", "heads": "4x"},
	{"width": "2x"}, {"width": "2x", "depth": "2x"}, {"width": "2x", "depth": "+1", "ffn": "x2.5"},
	{"hidden": "x1.5", "heads": "2x", "ffn": "x1.7", "depth": "2x"},
}

// tolerance64 bounds the relative difference that float64 rounding makes: the weights are stored in float64, so that
// even scales that are no powers of two round to 1e-16.
const tolerance64 = 1e-12

// TestGrowthsKeepTheFunction: every architecture, every target, every place of new blocks.
func TestGrowthsKeepTheFunction(t *testing.T) {
	n := 0
	for _, name := range sorted(archtest.Configs) {
		ck := pt.Random(t, 1, archtest.Configs[name], tensor.F64)
		for i, sizes := range growths {
			t.Run(fmt.Sprint(name, sizes), func(t *testing.T) {
				r := request(t, uint64(i), placeOf(i, sizes), sizes)
				p, err := expand.Compile(ck, r)
				if err != nil {
					if !refusal(err) {
						t.Fatal(err)
					}
					return
				}
				_, child := pt.Grow(t, ck, r)
				if d := pt.Distance(t, ck, child); d > tolerance64 {
					t.Errorf("logits differ by %.1e of the largest, want at most %.0e", d, tolerance64)
				}
				if got := child.Model.Layers; got != p.To.Layers {
					t.Errorf("config says %d layers, want %d", got, p.To.Layers)
				}
				n++
			})
		}
	}
	if n < 300 {
		t.Errorf("only %d growths were possible, the test shows too little", n)
	}
	t.Logf("%d growths", n)
}

// TestRandomGrowths draws targets at random, and grows the grown once more.
func TestRandomGrowths(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 11))
	names := []string{"llama", "llama-tied-bias", "mistral", "qwen2", "qwen3"}
	done := 0
	for trial := 0; trial < 60; trial++ {
		name := names[rng.IntN(len(names))]
		ck := pt.Random(t, rng.Uint64(), archtest.Configs[name], tensor.F64)
		grownOnce, grownTwice := ck, ck
		for step := range 2 {
			sizes := map[string]string{}
			for _, axis := range []string{"depth", "hidden", "ffn", "kv"} {
				if rng.IntN(2) == 0 {
					sizes[axis] = fmt.Sprintf("+%d", 1+rng.IntN(5))
				}
			}
			r := request(t, rng.Uint64(), expand.Interleave, sizes)
			if _, err := expand.Compile(grownTwice, r); err != nil {
				continue
			}
			_, child := pt.Grow(t, grownTwice, r)
			if step == 0 {
				grownOnce = child
			}
			grownTwice = child
			done++
		}
		for _, c := range []*arch.Checkpoint{grownOnce, grownTwice} {
			if d := pt.Distance(t, ck, c); d > tolerance64 {
				t.Fatalf("%s, trial %d: logits differ by %.1e of the largest", name, trial, d)
			}
		}
	}
	if done < 40 {
		t.Errorf("only %d of 120 growths were possible, the test shows too little", done)
	}
	t.Logf("%d growths", done)
}

// TestExactGrowthsRoundNothing: where every scale is a power of two, bfloat16 weights grow without any rounding, so
// that the logits in float64 agree as if nothing had been stored in 16 bits.
func TestExactGrowthsRoundNothing(t *testing.T) {
	for _, name := range sorted(archtest.Configs) {
		config := archtest.Configs[name]
		for _, d := range []tensor.DType{tensor.BF16, tensor.F16, tensor.F32} {
			ck := pt.Random(t, 5, config, d)
			if ck.Model.Tied && ck.Model.GainOffset != 0 {
				continue // the final gain is stored less one, so that even half of it is rounded
			}
			width := "2x"
			if ck.Model.EmbedScale != 1 { // sqrt(hidden) must grow by a power of two
				width = "4x"
			}
			p, child := pt.Grow(t, ck, request(t, 1, expand.Interleave, map[string]string{"width": width, "depth": "2x",
				"ffn": "x4.4"}))
			// what is halved may be among its smallest numbers
			shrinks := d == tensor.F16 && (ck.Model.Tied || ck.Model.EmbedScale != 1)
			if p.Exact() == shrinks {
				t.Errorf("%s %s: plan says that it rounds %v", name, d, p.Rounding)
			}
			if got := pt.Distance(t, ck, child); got > tolerance64 {
				t.Errorf("%s %s: logits differ by %.1e of the largest", name, d, got)
			}
			r := request(t, 1, expand.Interleave, map[string]string{"hidden": "x1.5"})
			if _, err := expand.Compile(ck, r); err != nil && refusal(err) {
				continue
			}
			p, child = pt.Grow(t, ck, r)
			if p.Exact() {
				t.Errorf("%s %s: plan of an uneven hidden size says that nothing is rounded", name, d)
			}
			if got := pt.Distance(t, ck, child); got < 1e-9 || got > 0.2 {
				t.Errorf("%s %s: uneven hidden size: logits differ by %.1e of the largest, which is not rounding", name, d, got)
			}
		}
	}
}
