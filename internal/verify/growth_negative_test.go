package verify

import (
	"math"
	"strings"
	"testing"

	"famkit/expand"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/growth"
	pt "famkit/internal/proof/prooftest"
	"famkit/internal/tensor"
)

// spoil changes the numbers of one kind of tensor of a sound child.
type spoil func(p *growth.Plan, info tensor.Info, v []float64)

func by(f float64) spoil {
	return func(_ *growth.Plan, _ tensor.Info, v []float64) {
		for i := range v {
			v[i] *= f
		}
	}
}

// put sets the elements of one row, or of one column.
func put(row, col int, x float64) spoil {
	return func(_ *growth.Plan, info tensor.Info, v []float64) {
		width := info.Shape[len(info.Shape)-1]
		for i := range v {
			if i/width == row || i%width == col {
				v[i] = x
			}
		}
	}
}

// columnsByWrite multiplies each column by the stream's write scale.
func columnsByWrite(p *growth.Plan, info tensor.Info, v []float64) {
	for i := range v {
		v[i] *= p.Maps[arch.Hidden].Write[i%info.Shape[1]]
	}
}

// gainsAsStored divides the stored gain by the write scale, as if nothing were added to it.
func gainsAsStored(p *growth.Plan, _ tensor.Info, v []float64) {
	for i, a := range p.Maps[arch.Hidden].Write {
		v[i] = ((v[i]+1)*a - 1) / a
	}
}

// TestRulesLeftOut: each case leaves out one rule of a sound growth; the logits must show it.
func TestRulesLeftOut(t *testing.T) {
	size := func(s string) expand.Change { return pt.Size(t, s) }
	for _, c := range []struct {
		name, config string
		r            expand.Request
		where        string
		how          spoil
	}{
		{"gemma: embedding's factor not undone", "gemma", expand.Request{Hidden: size("2x")}, "embed_tokens", by(math.Sqrt2)},
		{"gemma: final gain not compensated", "gemma-untied", expand.Request{Hidden: size("x1.5")}, "model.norm.weight",
			gainsAsStored},
		{"gemma: rule applied to the stored gain", "gemma", expand.Request{Hidden: size("x1.5")}, "0.input_layernorm",
			gainsAsStored},
		{"gemma 2: gain of a silent block left", "gemma2", expand.Request{Depth: size("2x")}, "1.post_feedforward_layernorm",
			put(0, -1, 0)},
		{"olmo 2: readers without 1/a", "olmo2", expand.Request{Hidden: size("x1.5")}, "0.self_attn.v_proj", columnsByWrite},
		{"olmo 2: gain of a silent block left", "olmo2", expand.Request{Depth: size("2x")}, "1.post_attention_layernorm",
			put(0, -1, 1)},
		{"layernorm: zeros instead of the mean", "gpt_neox-serial", expand.Request{Hidden: size("x1.5")}, "embed_in",
			put(-1, 17, 0)},
		{"gpt2: final bias not divided", "gpt2", expand.Request{Hidden: size("2x")}, "ln_f.bias", by(2)},
		{"gpt-neox: bias of a silent block left", "gpt_neox", expand.Request{Depth: size("2x")}, "1.mlp.dense_4h_to_h.bias",
			put(-1, 3, 0.5)},
		{"phi-3: a kv head's rows for another's", "phi3", expand.Request{KV: size("2x")}, "0.self_attn.qkv_proj",
			put(1, -1, 0.25)},
		{"head_dim: q not scaled", "llama", expand.Request{HeadDim: size("2x")}, "q_proj", by(math.Sqrt(0.5))},
		{"head_dim: a new row of k", "llama", expand.Request{HeadDim: size("2x")}, "k_proj", put(1, -1, 0.5)},
		{"head_dim: a new column of o", "mistral", expand.Request{HeadDim: size("3x")}, "o_proj", put(-1, 1, 0.5)},
		{"padding written", "llama", expand.Request{Hidden: size("x1.5"), Methods: []string{"pad"}}, "0.self_attn.o_proj",
			put(17, -1, 0.5)},
		{"padding's write scale left out", "llama", expand.Request{Hidden: size("x1.5"), Methods: []string{"pad"}},
			"0.mlp.down_proj", by(math.Sqrt(1 / 1.5))},
		{"a fresh neuron read", "qwen2", expand.Request{FFN: size("2x"), Methods: []string{"fresh"}}, "0.mlp.down_proj",
			put(-1, 40, 0.5)},
		{"a fresh head read", "qwen3", expand.Request{KV: size("2x"), Methods: []string{"fresh"}}, "0.self_attn.o_proj",
			put(-1, 63, 0.5)},
		{"pairs: a neuron without its partner", "llama", expand.Request{Depth: size("2x"), Pairs: true}, "1.mlp.down_proj",
			put(-1, 3, 0)},
		{"pairs: partners differ", "llama", expand.Request{Depth: size("2x"), Pairs: true, Fresh: true}, "1.self_attn.q_proj",
			put(4, -1, 0.5)},
		{"parts of an MLP not weighed", "llama", expand.Request{Experts: size("4"), TopK: size("2"), Shards: 2}, ".w2.",
			by(0.5)},
		{"an expert's copy differs", "mixtral", expand.Request{Experts: size("2x"), TopK: size("2x")}, "experts.3.w1",
			by(1.5)},
	} {
		t.Run(c.name, func(t *testing.T) {
			ck := pt.Random(t, 8, archtest.Configs[c.config], tensor.F64)
			p, child := pt.Grow(t, ck, c.r)
			if d := pt.Distance(t, ck, child); !(d <= tolerance64) {
				t.Fatalf("the sound child differs by %.1e", d)
			}
			hit := false
			bad := pt.Bind(t, pt.Spoil(t, child, func(name string, info tensor.Info, v []float64) {
				if strings.Contains(name, c.where) {
					hit = true
					c.how(p, info, v)
				}
			}, nil))
			if d := pt.Distance(t, ck, bad); !hit || !(d > 1e-6) {
				t.Errorf("the rule is left out (%v), and the logits differ by only %.1e", hit, d)
			}
			if judged := prove(t, p, ck, bad); judged.Holds() {
				t.Errorf("the rule is left out, and the proof holds:\n%s", text(judged))
			}
		})
	}
}
