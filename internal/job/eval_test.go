package job

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "famkit/internal/engine/cpu"
	_ "famkit/internal/engine/ref"
	"famkit/internal/fault"
	"famkit/internal/tokenizer"
	"famkit/internal/trainstate"
	"famkit/train"
)

// TestCompareAt compares with the definitions, element by element over probabilities.
func TestCompareAt(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	soft := func(z []float32) []float64 {
		p, sum := make([]float64, len(z)), 0.0
		for i, v := range z {
			p[i] = math.Exp(float64(v))
			sum += p[i]
		}
		for i := range p {
			p[i] /= sum
		}
		return p
	}
	for range 50 {
		a, b := make([]float32, 40), make([]float32, 40)
		for i := range a {
			a[i], b[i] = float32(2*rng.NormFloat64()), float32(2*rng.NormFloat64())
		}
		p, q := soft(a), soft(b)
		var ab, ba, accept float64
		for i := range p {
			ab += p[i] * math.Log(p[i]/q[i])
			ba += q[i] * math.Log(q[i]/p[i])
			accept += math.Min(p[i], q[i])
		}
		got := compareAt(a, b)
		if math.Abs(got.klAB-ab) > 1e-12 || math.Abs(got.klBA-ba) > 1e-12 || math.Abs(got.accept-accept) > 1e-12 {
			t.Fatalf("%+v, want %v %v %v", got, ab, ba, accept)
		}
	}
	// Logits that would overflow when they are taken to powers.
	if got := compareAt([]float32{1000, -1000}, []float32{1000, -1000}); got.klAB != 0 || got.accept != 1 || !got.same {
		t.Errorf("%+v", got)
	}
	if got := compareAt([]float32{0, 5}, []float32{5, 0}); got.same || got.klAB <= 0 {
		t.Errorf("%+v", got)
	}
}

// TestPerCall: k drafted tokens of which each is accepted with probability a give 1 + a + ... + a^k.
func TestPerCall(t *testing.T) {
	c := &comparison{n: 10, accept: 5}
	if got := c.mean().PerCall; math.Abs(got-(1+0.5+0.25+0.125+0.0625)) > 1e-15 {
		t.Error(got)
	}
}

// TestEval: the loss is that of famkit train's own evaluation; a model agrees with itself and not with another; bits
// per byte are those of the text.
func TestEval(t *testing.T) {
	dir := t.TempDir()
	text := strings.Repeat("The quick brown fox jumps over the lazy dog. ", 300)
	held := filepath.Join(dir, "held.txt")
	if err := os.WriteFile(held, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	tok := filepath.Join(dir, "tok")
	if _, err := TrainTokenizer(t.Context(), TokenizerOptions{Data: []string{held}, Output: tok,
		Train: tokenizerOptions(280)}, nil); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "config.json")
	if err := os.WriteFile(config, []byte(`{"model_type":"llama","hidden_size":32,"num_hidden_layers":1,"num_attention_heads":2,
		"num_key_value_heads":1,"head_dim":16,"intermediate_size":48,"vocab_size":280,"max_position_embeddings":64,"rms_norm_eps":1e-5}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := trainstate.Defaults()
	s.Data, s.Eval, s.Batch, s.Seq, s.Steps, s.LR = []string{held}, held, 3, 32, 4, 1e-2
	given := func(name string) bool {
		return map[string]bool{"data": true, "eval": true, "batch": true, "seq": true, "steps": true, "lr": true}[name]
	}
	var models []string
	var losses []float64
	for _, name := range []string{"one", "two"} {
		s.Seed++
		out := filepath.Join(dir, name)
		r, err := train.Run(t.Context(), train.Options{Init: config, Tokenizer: tok, Out: out, Settings: s, Given: given},
			func(train.Event) {})
		if err != nil {
			t.Fatal(err)
		}
		models, losses = append(models, out), append(losses, *r.EvalLoss)
	}
	got, err := Eval(t.Context(), EvalOptions{Models: []string{models[0], models[0], models[1]}, Pairs: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Models[0].Loss != losses[0] || got.Models[2].Loss != losses[1] {
		t.Errorf("losses %v and %v, training evaluated %v", got.Models[0].Loss, got.Models[2].Loss, losses)
	}
	m := got.Models[0]
	if want := m.Loss * float64(m.Tokens) / math.Ln2 / float64(m.Bytes); math.Abs(m.Bits-want) > 1e-12*want ||
		m.Perplexity != math.Exp(m.Loss) {
		t.Errorf("%+v, want %v bits", m, want)
	}
	if n := int64(len(text)); m.Bytes > n || m.Bytes < n-200 { // less the first token and what fills no row
		t.Errorf("%d bytes of %d", m.Bytes, n)
	}
	if p := got.Pairs[0]; p.KLAB != 0 || p.KLBA != 0 || p.Top1 != 1 || p.Acceptance < 1-1e-12 {
		t.Errorf("a model and itself: %+v", p)
	}
	if p := got.Pairs[1]; !(p.KLAB > 0) || !(p.KLBA > 0) || !(p.Acceptance < 1) || p.KLAB == p.KLBA {
		t.Errorf("two models: %+v", p)
	}
	if _, err := Eval(t.Context(), EvalOptions{}, nil); fault.KindOf(err) != fault.Usage {
		t.Errorf("no model: %v", err)
	}
}

func tokenizerOptions(n int) tokenizer.TrainOptions {
	return tokenizer.TrainOptions{VocabSize: n, Specials: []string{"<|endoftext|>"}, MinFrequency: 2}
}
