package family

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "famkit/internal/engine/cpu"
	_ "famkit/internal/engine/ref"
	"famkit/internal/fault"
)

// small is a sound recipe; tests change one thing in it.
const small = `name = "small"
[data]
train = ["text"]
eval-fraction = 0.05
[tokenizer]
vocab = 300
[model]
model_type = "llama"
hidden_size = 32
num_hidden_layers = 2
num_attention_heads = 2
num_key_value_heads = 1
head_dim = 16
intermediate_size = 64
max_position_embeddings = 64
rms_norm_eps = 1e-5
tie_word_embeddings = true
[[member]]
name = "1x"
[[member]]
name = "2x"
params = "2x"
[budget]
tokens-per-parameter = 1
[training]
batch = 4
seq = 32
lr = 3e-3
`

// TestContradictions: each recipe differs from a sound one in one thing, and is refused with its line and key, what was
// wanted and what was found.
func TestContradictions(t *testing.T) {
	if _, err := Parse("r.toml", []byte(small)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, from, to, want, hint string }{
		{"no TOML", "[budget]", "[budget", "line 23, column", ""},
		{"unknown key", "eval-fraction = 0.05", "eval-part = 0.05", `line 4: data.eval-part: no such key`, "eval-fraction"},
		{"unknown table", "[budget]", "[budgets]", "line 23: budgets", "budget"},
		{"wrong kind", "vocab = 300", `vocab = "300"`, "line 6", ""},
		{"a key twice", "batch = 4", "batch = 4\nbatch = 5", "batch", ""},
		{"name", `name = "small"`, `name = "../small"`, `line 1: name: wanted a name of letters`, ""},
		{"no data", `train = ["text"]`, `train = []`, "line 3: data.train: wanted files or folders to train on, found none",
			""},
		{"held out twice", "eval-fraction = 0.05", "eval-fraction = 0.05\neval = \"e\"",
			"line 4: data.eval-fraction: wanted held-out data once", "leave one of them out"},
		{"tokenizer twice", "vocab = 300", "vocab = 300\npath = \"tok\"", "line 6: tokenizer.vocab: wanted",
			"leave one of them out"},
		{"names twice", `name = "2x"`, `name = "1X"`, `line 21: member[1].name: wanted a name of its own, found "1X", which member 1 has`, ""},
		{"a name of another", `name = "2x"`, `name = "alone-1x"`,
			"line 21: member[1].name: wanted a name that does not begin with alone-", ""},
		{"sizes of the first", `name = "1x"`, "name = \"1x\"\ndepth = 2", "line 20: member[0].depth: wanted no sizes",
			"[model]"},
		{"grows to nothing", `params = "2x"`, "", "member[1].params: wanted what it grows to, found nothing",
			`params = "2x"`},
		{"no budget", "tokens-per-parameter = 1", "", "line 23: budget: wanted how long to train, found nothing",
			"tokens-per-parameter = 20"},
		{"two budgets", "tokens-per-parameter = 1", "tokens-per-parameter = 1\nflops = 1e12",
			"line 25: budget.flops: wanted one budget", ""},
		{"budget below 0", "tokens-per-parameter = 1", "tokens-per-parameter = -1",
			"line 24: budget.tokens-per-parameter: wanted a number above 0, found -1", ""},
		{"no batch", "batch = 4", "batch = 0", "training: batch (line 26): wanted 1 or more rows, found 0", ""},
		{"rate 0", "lr = 3e-3", "lr = 0.0", "lr = 0 (line 28) would move no weight", ""},
		{"seq of the model", "seq = 32", "seq = 128", "line 27: training.seq: wanted at most the model's " +
			"max_position_embeddings 64, found 128", ""},
		{"optimizer", "[training]", "[growth]\noptimizer = \"burn\"\n[training]",
			`line 26: growth.optimizer: wanted keep or asymmetric or reset or drop, found "burn"`, ""},
		{"schedule", "[training]", "[schedule]\nkind = \"cosine\"\n[training]",
			`line 26: schedule.kind: wanted trunk or decayed, found "cosine"`, ""},
		{"decay", "[training]", "[schedule]\ndecay-fraction = 1.0\n[training]", "line 26: schedule.decay-fraction", ""},
		{"vocabulary too small", "head_dim = 16", "head_dim = 16\nvocab_size = 20",
			"model.vocab_size: wanted the tokenizer's 300 tokens or more, found 20", ""},
		{"special id", "head_dim = 16", "head_dim = 16\neos_token_id = 300",
			"model.eos_token_id: wanted a token of the tokenizer's 300, found 300",
			"leave it out"},
		{"no such model", `"llama"`, `"camel"`, "line 7: model", ""},
		{"cannot shrink", `params = "2x"`, "depth = 1", `line 22: member[1]`, ""},
		{"heads that do not divide", `params = "2x"`, "heads = 3\nkv = 2", `member "2x" cannot be grown from "1x"`, "heads"},
		{"a member that is no larger", `params = "2x"`, `params = "10K"`, `member "2x" cannot be grown`, ""},
		{"counted as something else", `name = "1x"`, "name = \"1x\"\nparams = \"1B\"",
			"line 20: member[0].params: wanted within a quarter", ""},
		{"nothing left for a stage", `params = "2x"`, "params = \"2x\"\ntokens = 10", `member "2x" trained alone costs`,
			"more tokens"},
		{"inexact growth", "[training]", "[growth]\nmethod = \"stack\"\n[training]", "does not keep the function",
			"allow-inexact"},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := strings.Replace(small, c.from, c.to, 1)
			if changed == small {
				t.Fatalf("%q is not in the recipe", c.from)
			}
			r, err := Parse("r.toml", []byte(changed))
			if err == nil {
				_, err = MakePlan(r, nil)
			}
			if err == nil || fault.KindOf(err) != fault.Input {
				t.Fatalf("%v, wanted a refused input", err)
			}
			if !strings.HasPrefix(err.Error(), "r.toml: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v\nwanted %s", err, c.want)
			}
			if hint := fault.HintOf(err); !strings.Contains(hint, c.hint) {
				t.Errorf("hint %q, wanted %s", hint, c.hint)
			}
		})
	}
}

// TestInit: what is written is a sound recipe of the size that was asked for, and is not written over another file.
func TestInit(t *testing.T) {
	dir := t.TempDir()
	for _, params := range []float64{5e4, 3e6, 1.3e8, 1e9, 8e9} {
		o := InitOptions{Path: filepath.Join(dir, fmt.Sprintf("%g.toml", params)), Name: "f", Data: []string{"te\"xt"},
			EvalFraction: 0.01,
			Vocab:        512, Params: params, Members: 3, Factor: 2, TokensPerParameter: 20, Schedule: Trunk, LR: 1e-3, Batch: 8,
			Seq: 64, Accum: 1}
		got, err := Init(o)
		if err != nil {
			t.Fatal(err)
		}
		if off := math.Log(float64(got.Params) / params); math.Abs(off) > 0.15 {
			t.Errorf("%g: %+v has %d parameters", params, got.Shape, got.Params)
		}
		r, err := Read(o.Path)
		if err != nil {
			t.Fatal(err)
		}
		p, err := MakePlan(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Members) != 3 || p.Members[2].Name != "4x" {
			t.Errorf("%+v", p.Members)
		}
		if _, err := Init(o); fault.KindOf(err) != fault.Input || !strings.Contains(err.Error(), "exists already") {
			t.Errorf("written over: %v", err)
		}
	}
}

// TestShapeCounts compares the count of a shape's weights with the architecture's own.
func TestShapeCounts(t *testing.T) {
	for _, p := range []float64{1e5, 1e7, 2e9} {
		s, err := shapeFor(p, 1000)
		if err != nil {
			t.Fatal(err)
		}
		r := &Recipe{}
		c, err := r.filledConfig(s.config(64))
		if err != nil {
			t.Fatal(err)
		}
		ck, err := hollow(c.Bytes(), r.dtype())
		if err != nil {
			t.Fatal(err)
		}
		if got := float64(ck.Model.Params()); got != s.params() {
			t.Errorf("%+v: %g weights, the architecture has %g", s, s.params(), got)
		}
	}
}

func TestPathsAreSeenFromTheRecipe(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "r.toml"), []byte(small), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Read(filepath.Join(dir, "r.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if s := r.settings(1); s.Data[0] != filepath.Join(dir, "text") {
		t.Errorf("%q", s.Data)
	}
	if got := r.Path("/abs"); got != "/abs" {
		t.Error(got)
	}
}
