package generate

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/engine"
	_ "famkit/internal/engine/cpu"
	_ "famkit/internal/engine/ref"
)

const oracle = "../../fixtures/oracle"

// golden is what the real transformers library generates and samples from.
type golden struct {
	Models map[string][]struct {
		Prompt, IDs []int32
		Margin      float64
	}
	Sampling struct {
		Logits, Penalised []float64
		Before            []int32
		Penalty           float64
		Cases             []struct {
			Temperature   float64
			TopK          int     `json:"top_k"`
			TopP          float64 `json:"top_p"`
			Probabilities []float64
		}
	}
}

func readGolden(t *testing.T) (g golden) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(oracle, "generated.json"))
	if err == nil {
		err = json.Unmarshal(b, &g)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func open(t *testing.T, name string) *arch.Checkpoint {
	t.Helper()
	h, err := format.Open(filepath.Join(oracle, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	ck, err := arch.Bind(h)
	if err != nil {
		t.Fatal(err)
	}
	return ck
}

func newEngine(t *testing.T, name string) engine.Engine {
	t.Helper()
	e, err := engine.New(name, engine.Options{Threads: 2})
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func greedy(n int) Options {
	return Options{Sampling: Sampling{Greedy: true, RepetitionPenalty: 1}, MaxTokens: n}
}

// TestGreedyAsTransformers continues every oracle model as the library does, with kept keys and values and without.
func TestGreedyAsTransformers(t *testing.T) {
	models := readGolden(t).Models
	if len(models) < 15 {
		t.Fatalf("the library's continuations of %d models, want all", len(models))
	}
	for name, runs := range models {
		ck := open(t, name)
		for _, how := range []struct {
			engine string
			plain  bool
		}{{"ref", false}, {"ref", true}, {"cpu", false}} {
			e := newEngine(t, how.engine)
			for _, want := range runs {
				if want.Margin < 1e-4 {
					t.Fatalf("%s: the best two tokens are only %g apart: rounding decides", name, want.Margin)
				}
				g, err := New(e, ck, len(want.Prompt)+len(want.IDs), how.plain)
				if err != nil {
					t.Fatal(err)
				}
				for range 2 { // the second time nothing is left of the first
					got, err := g.Run(context.Background(), want.Prompt, greedy(len(want.IDs)), nil)
					if err != nil {
						t.Fatal(err)
					}
					if !slices.Equal(got.IDs, want.IDs) || got.Finish != AtLength {
						t.Errorf("%s on %s: %v (%s)\nthe library continues %v", name, how.engine, got.IDs, got.Finish, want.IDs)
					}
				}
			}
		}
	}
}

func TestSamplingAsTransformers(t *testing.T) {
	g := readGolden(t).Sampling
	for _, c := range g.Cases {
		s := Sampling{Temperature: c.Temperature, TopK: c.TopK, TopP: c.TopP, RepetitionPenalty: 1}
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		near(t, s.probabilities(slices.Clone(g.Logits)), c.Probabilities)
	}
	z := slices.Clone(g.Logits)
	(&Sampling{RepetitionPenalty: g.Penalty}).penalise(z, g.Before)
	near(t, z, g.Penalised)
}

func near(t *testing.T, got, want []float64) {
	t.Helper()
	for i, w := range want {
		if math.Abs(got[i]-w) > 1e-12 {
			t.Fatalf("number %d is %v, the library has %v", i, got[i], w)
		}
	}
}

// TestDraws: what is drawn is as frequent as it is likely, the same for the same seed, and another for another.
func TestDraws(t *testing.T) {
	z := []float64{2, -1, 0, 1, math.Inf(-1)}
	s := Sampling{Temperature: 1.5, TopP: 1, RepetitionPenalty: 1, Seed: 7}
	p, n := s.probabilities(slices.Clone(z)), 40000
	seen, again, other := make([]float64, len(z)), 0, 0
	for i := range n {
		id := s.next(slices.Clone(z), nil, i)
		seen[id]++
		if s.next(slices.Clone(z), nil, i) == id {
			again++
		}
		if o := s; true {
			o.Seed++
			if o.next(slices.Clone(z), nil, i) == id {
				other++
			}
		}
	}
	for i, v := range p {
		if sd := math.Sqrt(v * (1 - v) * float64(n)); math.Abs(seen[i]-v*float64(n)) > 4*sd {
			t.Errorf("token %d was drawn %v times of %d, its probability is %v", i, seen[i], n, v)
		}
	}
	if again != n || other > n*3/4 {
		t.Errorf("the same seed drew the same %d times of %d, another seed %d times", again, n, other)
	}
}

func TestStops(t *testing.T) {
	want := readGolden(t).Models["llama-tied"][1]
	ck, e := open(t, "llama-tied"), newEngine(t, "ref")
	g, err := New(e, ck, len(want.Prompt)+12, false)
	if err != nil {
		t.Fatal(err)
	}
	var told []int32
	emit := func(id int32) error { told = append(told, id); return nil }
	o := greedy(100)
	r, err := g.Run(context.Background(), want.Prompt, o, emit)
	if err != nil || r.Finish != AtLength || !slices.Equal(r.IDs, want.IDs[:12]) || !slices.Equal(told, r.IDs) {
		t.Errorf("at the last position: %+v, %v; told %v", r, err, told)
	}
	o.Stop = []int32{want.IDs[5]}
	first := slices.Index(want.IDs, want.IDs[5])
	if r, err = g.Run(context.Background(), want.Prompt, o, nil); err != nil || r.Finish != AtStop ||
		!slices.Equal(r.IDs, want.IDs[:first]) {
		t.Errorf("at a stop token: %+v, %v", r, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := g.Run(ctx, want.Prompt, o, nil); err != context.Canceled {
		t.Errorf("ended from outside: %v", err)
	}
	for name, bad := range map[string]Options{"temperature": {Sampling: Sampling{TopP: 1, RepetitionPenalty: 1}},
		"top-p":   {Sampling: Sampling{Temperature: 1, TopP: 1.5, RepetitionPenalty: 1}},
		"top-k":   {Sampling: Sampling{Greedy: true, TopK: -1, RepetitionPenalty: 1}},
		"penalty": {Sampling: Sampling{Greedy: true}}} {
		if _, err := g.Run(context.Background(), want.Prompt, bad, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, prompt := range [][]int32{nil, make([]int32, 1000), {1, 100000}} {
		if _, err := g.Run(context.Background(), prompt, greedy(1), nil); err == nil {
			t.Errorf("a prompt of %d tokens: no error", len(prompt))
		}
	}
}
