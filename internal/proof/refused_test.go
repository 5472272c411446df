package proof_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"famkit/expand"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/proof"
	pt "famkit/internal/proof/prooftest"
	"famkit/internal/tensor"
	"famkit/internal/verify"
)

// TestFreshRotaryPartners: a fresh rotary pair adds to the scores when q has one element of it and k the other.
func TestFreshRotaryPartners(t *testing.T) {
	for _, name := range []string{"llama", "mistral", "qwen2", "phi3", "gemma2"} {
		t.Run(name, func(t *testing.T) {
			ck := pt.Random(t, 8, archtest.Configs[name], tensor.F64)
			r := expand.Request{HeadDim: pt.Size(t, "4x")}
			if _, err := expand.Compile(ck, r); err != nil {
				t.Fatal(err)
			}
			plan, child := pt.Grow(t, ck, r)
			src := plan.Maps[arch.HeadDim].Src
			m := child.Model
			hd, half := m.HeadDim, m.Turned()/2
			e := -1
			for t := range half {
				if src[t] < 0 && src[t+half] < 0 {
					e = t
					break
				}
			}
			rng := rand.New(rand.NewPCG(1, 2))
			bad := pt.Bind(t, pt.Spoil(t, child, func(name string, info tensor.Info, v []float64) {
				w := info.Shape[len(info.Shape)-1]
				if len(info.Shape) == 1 {
					w = 1
				}
				fill := func(row int, zero bool) {
					for i := range w {
						v[row*w+i] = 0
						if !zero {
							v[row*w+i] = rng.NormFloat64()
						}
					}
				}
				switch {
				case strings.Contains(name, "q_proj"):
					for h := range m.Heads {
						fill(h*hd+e, false)
						fill(h*hd+e+half, true)
					}
				case strings.Contains(name, "k_proj"):
					for h := range m.KVHeads {
						fill(h*hd+e, true)
						fill(h*hd+e+half, false)
					}
				case strings.Contains(name, "qkv_proj"):
					for h := range m.Heads {
						fill(h*hd+e, false)
						fill(h*hd+e+half, true)
					}
					for h := range m.KVHeads {
						fill((m.Heads+h)*hd+e, true)
						fill((m.Heads+h)*hd+e+half, false)
					}
				}
			}, nil))
			mustRefuse(t, verify.ClaimOf(plan), ck, bad)
		})
	}
}

// TestFreshNeuronsConv1D: GPT-2's projections are stored [in, out]: a fresh neuron that is read is found there too.
func TestFreshNeuronsConv1D(t *testing.T) {
	ck := pt.Random(t, 8, archtest.Configs["gpt2"], tensor.F64)
	r := expand.Request{FFN: pt.Size(t, "x1.5"), Methods: []string{"fresh"}}
	plan, child := pt.Grow(t, ck, r)
	bad := pt.Bind(t, pt.Spoil(t, child, func(name string, _ tensor.Info, v []float64) {
		if strings.HasSuffix(name, "mlp.c_proj.weight") {
			v[len(v)-1]++
		}
	}, nil))
	mustRefuse(t, verify.ClaimOf(plan), ck, bad)
}

// TestFreshHeadsConv1D: the same of fresh elements of heads.
func TestFreshHeadsConv1D(t *testing.T) {
	for _, name := range []string{"gpt2", "gpt_neox"} {
		ck := pt.Random(t, 8, archtest.Configs[name], tensor.F64)
		r := expand.Request{HeadDim: pt.Size(t, "4x"), Hidden: pt.Size(t, "4x")}
		plan, child := pt.Grow(t, ck, r)
		old := plan.Maps[arch.HeadDim].Src
		hd := len(old)
		bad := pt.Bind(t, pt.Spoil(t, child, func(name string, info tensor.Info, v []float64) {
			switch {
			case strings.HasSuffix(name, "c_proj.weight") && strings.Contains(name, "attn"):
				w := info.Shape[1]
				for r := range info.Shape[0] {
					if old[r%hd] < 0 {
						v[r*w] += 1
					}
				}
			case strings.HasSuffix(name, "attention.dense.weight"):
				w := info.Shape[1]
				for c := range w {
					if old[c%hd] < 0 {
						v[c] += 1
					}
				}
			}
		}, nil))
		mustRefuse(t, verify.ClaimOf(plan), ck, bad)
	}
}

// TestElementsTwice: elements of a head that stand there several times count several times in the scores.
func TestElementsTwice(t *testing.T) {
	ck := pt.Random(t, 8, archtest.Configs["gpt2"], tensor.F64)
	r := expand.Request{HeadDim: pt.Size(t, "4x"), Hidden: pt.Size(t, "4x")}
	plan, child := pt.Grow(t, ck, r)
	m := child.Model
	hd := m.HeadDim
	old := plan.Maps[arch.HeadDim].Src
	place := map[int32]int{}
	for t, s := range old {
		if s >= 0 {
			place[s] = t
		}
	}
	src := slices.Clone(old)
	for i := range src {
		if src[i] < 0 {
			src[i] = 0 // element 0, many times
		}
	}
	bad := pt.Bind(t, pt.Spoil(t, child, func(name string, info tensor.Info, v []float64) {
		n := 3 * m.Hidden
		if strings.Contains(name, "attn.c_attn") {
			for row := range len(v) / n {
				for part := range 3 {
					for h := range m.Heads {
						at := row*n + part*m.Hidden + h*hd
						for e := range hd {
							v[at+e] = v[at+place[src[e]]]
						}
					}
				}
			}
		}
	}, nil))
	claim := verify.ClaimOf(plan)
	claim.Maps[arch.HeadDim] = proof.Map{Src: src}
	mustRefuse(t, claim, ck, bad)
}

// TestElementsLost: an element of a head that the output projection does not read may be read by the scores.
func TestElementsLost(t *testing.T) {
	ck := pt.Random(t, 8, archtest.Configs["mistral"], tensor.F64)
	m := ck.Model
	half := m.HeadDim / 2
	parent := pt.Bind(t, pt.Spoil(t, ck, func(name string, info tensor.Info, v []float64) {
		if strings.Contains(name, "o_proj") { // nothing reads elements 0 and half of any head
			for r := range info.Shape[0] {
				for h := range m.Heads {
					v[r*info.Shape[1]+h*m.HeadDim] = 0
					v[r*info.Shape[1]+h*m.HeadDim+half] = 0
				}
			}
		}
	}, nil))
	bad := pt.Bind(t, pt.Spoil(t, parent, func(name string, info tensor.Info, v []float64) {
		heads := 0
		if strings.Contains(name, "q_proj") {
			heads = m.Heads
		}
		if strings.Contains(name, "k_proj") {
			heads = m.KVHeads
		}
		w := info.Shape[len(info.Shape)-1]
		for h := range heads {
			clear(v[(h*m.HeadDim)*w : (h*m.HeadDim+1)*w])
			clear(v[(h*m.HeadDim+half)*w : (h*m.HeadDim+half+1)*w])
		}
	}, nil))
	src := upTo(int32(m.HeadDim))
	src[0], src[half] = -1, -1
	claim := &proof.Claim{Maps: map[arch.Axis]proof.Map{arch.HeadDim: {Src: src}}}
	for i := range m.Layers {
		claim.Layers = append(claim.Layers, i)
	}
	mustRefuse(t, claim, parent, bad)
}

// TestFreshHeadsUnderFullNorm: OLMo 2 norms all heads at once, so a fresh head must be zero in q and k.
func TestFreshHeadsUnderFullNorm(t *testing.T) {
	ck := pt.Random(t, 8, archtest.Configs["olmo2"], tensor.F64)
	m := ck.Model
	was := pt.Numbers(t, ck)
	eps := m.Eps / 4
	files := pt.SetKeys(t, ck, map[string]any{"num_attention_heads": 4 * m.Heads, "num_key_value_heads": 4 * m.KVHeads,
		"head_dim": m.HeadDim, "rms_norm_eps": eps})
	rng := rand.New(rand.NewPCG(1, 2))
	child := pt.Build(t, files, tensor.F64, func(s arch.Slot) []float64 {
		n := 1
		for _, x := range s.Shape {
			n *= x
		}
		v := make([]float64, n)
		old := was[s.Name]
		set := func(k float64) {
			for i, x := range old {
				v[i] = k * x
			}
		}
		switch s.Spec.Role {
		case arch.Embed:
			set(0.5)
		case arch.Q, arch.K, arch.V, arch.QNorm, arch.KNorm, arch.Q.Bias(), arch.K.Bias(), arch.V.Bias():
			for i := range v {
				v[i] = 3 * rng.NormFloat64()
			}
			switch k := s.Spec.Role; {
			case len(s.Shape) == 2:
				set(2)
			case k == arch.QNorm || k == arch.KNorm:
				set(0.5)
			default:
				set(1)
			}
		case arch.O:
			in, wide := len(old)/m.Hidden, s.Shape[1]
			for r := range m.Hidden {
				for c := range in {
					v[r*wide+c] = old[r*in+c] / 2
				}
			}
		case arch.Gate, arch.Up:
			set(2)
		case arch.Gate.Bias(), arch.Up.Bias():
			set(1)
		case arch.Down, arch.O.Bias():
			set(0.5)
		case arch.AttnPostNorm, arch.MLPPostNorm:
			set(0.5)
		default:
			set(1)
		}
		return v
	})
	kv := make([]int32, 4*m.KVHeads)
	for i := range kv {
		kv[i] = int32(i)
		if i >= m.KVHeads {
			kv[i] = -1
		}
	}
	hidden := proof.Map{Src: upTo(int32(m.Hidden))}
	for range m.Hidden {
		hidden.Scale = append(hidden.Scale, 0.5)
	}
	claim := &proof.Claim{Maps: map[arch.Axis]proof.Map{arch.KV: {Src: kv}, arch.Hidden: hidden}}
	for i := range m.Layers {
		claim.Layers = append(claim.Layers, i)
	}
	mustRefuse(t, claim, ck, child)
}

// TestDenseLayerBesideParts: a dense layer of a child whose experts are parts counts whole.
func TestDenseLayerBesideParts(t *testing.T) {
	config := strings.Replace(archtest.Configs["qwen3"], `"attention_bias":true`, `"attention_bias":false`, 1)
	ck := pt.Random(t, 9, config, tensor.F64)
	was := pt.Numbers(t, ck)
	plan, grown := pt.Grow(t, ck, expand.Request{Experts: pt.Size(t, "4"), TopK: pt.Size(t, "2"), Shards: 2})
	is := pt.Numbers(t, grown)
	files := pt.SetKeys(t, grown, map[string]any{"mlp_only_layers": []int{0}, "decoder_sparse_step": 1})
	child := pt.Build(t, files, tensor.F64, func(s arch.Slot) []float64 {
		if v, ok := is[s.Name]; ok {
			return v
		}
		v := slices.Clone(was[s.Name])
		if s.Spec.Role == arch.Down {
			for i := range v {
				v[i] *= 2
			}
		}
		return v
	})
	mustRefuse(t, verify.ClaimOf(plan), ck, child)
}

// TestPermutedTies: among experts of equal scores the machine decides, so they may not change places.
func TestPermutedTies(t *testing.T) {
	for _, name := range []string{"mixtral", "qwen3_moe"} {
		ck := pt.Random(t, 9, archtest.Configs[name], tensor.F64)
		m := ck.Model
		parent := pt.Bind(t, pt.Spoil(t, ck, func(name string, info tensor.Info, v []float64) {
			if w := info.Shape[len(info.Shape)-1]; strings.HasSuffix(name, "moe.gate.weight") ||
				strings.HasSuffix(name, "mlp.gate.weight") {
				for e := range info.Shape[0] {
					copy(v[e*w:(e+1)*w], v[:w])
				}
			}
		}, nil))
		was := pt.Numbers(t, parent)
		n := m.MoE.Experts
		child := pt.Bind(t, pt.Spoil(t, parent, func(name string, info tensor.Info, v []float64) {
			for e := range n {
				if tag := fmt.Sprintf("experts.%d.", e); strings.Contains(name, tag) {
					copy(v, was[strings.Replace(name, tag, fmt.Sprintf("experts.%d.", n-1-e), 1)])
				}
			}
		}, nil))
		src := upTo(int32(n))
		slices.Reverse(src)
		claim := &proof.Claim{Maps: map[arch.Axis]proof.Map{arch.Experts: {Src: src}}}
		for i := range m.Layers {
			claim.Layers = append(claim.Layers, i)
		}
		mustRefuse(t, claim, parent, child)
	}
}

// TestTiesOfZeros: a zero's sign hides no tie.
func TestTiesOfZeros(t *testing.T) {
	ck := pt.Random(t, 9, archtest.Configs["mixtral-tied"], tensor.F64) // one of three is used
	parent := pt.Bind(t, pt.Spoil(t, ck, func(name string, info tensor.Info, v []float64) {
		if w := info.Shape[len(info.Shape)-1]; strings.HasSuffix(name, "moe.gate.weight") {
			for e := range info.Shape[0] {
				copy(v[e*w:(e+1)*w], v[:w])
				v[e*w], v[e*w+1] = 0, 0
			}
			v[w] = math.Copysign(0, -1)
			v[2*w+1] = math.Copysign(0, -1)
		}
	}, nil))
	plan, child := pt.Grow(t, parent, expand.Request{Experts: pt.Size(t, "2x"), TopK: pt.Size(t, "2")})
	mustRefuse(t, verify.ClaimOf(plan), parent, child)
}

// TestConfigsThatDiffer: a child whose config.json alone says something else is refused by the condition that it
// breaks.
func TestConfigsThatDiffer(t *testing.T) {
	rope := func(key string, v any) map[string]any {
		r := map[string]any{"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64}
		r[key] = v
		return map[string]any{"rope_parameters": r, "rope_scaling": nil, "rope_theta": nil}
	}
	for _, c := range []struct {
		config string
		keys   map[string]any
		want   string
	}{
		{"llama", map[string]any{"hidden_act": "gelu"}, "config"},
		{"llama", map[string]any{"rms_norm_eps": 0.002}, "residual stream"},
		{"llama", map[string]any{"dtype": "bfloat16"}, "config"},
		{"llama-yarn", rope("attention_factor", 1.7), "heads and rotary pairs"},
		{"llama-yarn", rope("original_max_position_embeddings", 32), "heads and rotary pairs"},
		{"llama-yarn", rope("factor", 2.0), "heads and rotary pairs"},
		{"llama", map[string]any{"rope_parameters": nil, "rope_theta": 10000 * (1 + 0x1p-50)}, "heads and rotary pairs"},
		{"mixtral", map[string]any{"num_experts_per_tok": 1}, "experts"},
		{"qwen3_moe", map[string]any{"norm_topk_prob": false}, "experts"},
		{"gemma2", map[string]any{"final_logit_softcapping": 9.0}, "config"},
		{"gemma2", map[string]any{"query_pre_attn_scalar": 7}, "readers"},
		{"gpt2", map[string]any{"scale_attn_by_inverse_layer_idx": true}, ""},
	} {
		ck := pt.Random(t, 8, archtest.Configs[c.config], tensor.F32)
		plan, child := pt.Grow(t, ck, expand.Request{Depth: pt.Size(t, "+1")})
		bad, err := arch.Bind(pt.Spoil(t, child, nil, pt.SetKeys(t, child, c.keys)))
		if err != nil {
			if c.want != "" {
				t.Errorf("%s %v: %v", c.config, c.keys, err)
			}
			continue
		}
		p := judged(t, verify.ClaimOf(plan), ck, bad)
		broken := ""
		for _, k := range p.Conditions {
			if k.Verdict == proof.Different && broken == "" {
				broken = k.Name
			}
		}
		if broken != c.want {
			t.Errorf("%s %v: broken is %q, wanted %q:\n%s", c.config, c.keys, broken, c.want, text(p))
		}
	}
}

// TestTiedChild: a child may not tie a head that was the parent's own.
func TestTiedChild(t *testing.T) {
	ck := pt.Random(t, 8, archtest.Configs["llama"], tensor.F32)
	was := pt.Numbers(t, ck)
	child := pt.Build(t, pt.SetKeys(t, ck, map[string]any{"tie_word_embeddings": true}), tensor.F32,
		func(s arch.Slot) []float64 { return was[s.Name] })
	mustRefuse(t, &proof.Claim{Layers: []int{0, 1, 2}[:ck.Model.Layers]}, ck, child)
}
