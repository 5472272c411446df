package proof_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"famkit/expand"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/growth"
	pt "famkit/internal/proof/prooftest"
	"famkit/internal/tensor"
	"famkit/internal/verify"
)

// coarse keeps six bits of each number, so that shares of it are exact.
func coarse(v []float64) {
	for i, x := range v {
		m, e := math.Frexp(x)
		v[i] = math.Ldexp(math.Round(m*64)/64, e)
	}
}

// TestMagnifiedThroughLayers: shares of both signs, each within limits, whose effect on what differs by roundings
// would grow with every layer.
func TestMagnifiedThroughLayers(t *testing.T) {
	for _, depth := range []string{"2", "4"} {
		ck := pt.Random(t, 9, strings.Replace(archtest.Configs["mistral"], `"num_hidden_layers":2`,
			`"num_hidden_layers":`+depth, 1), tensor.F32)
		ck = pt.Bind(t, pt.Spoil(t, ck, func(name string, info tensor.Info, v []float64) {
			if len(info.Shape) == 2 && !strings.Contains(name, "embed") {
				coarse(v)
			}
		}, nil))
		plan, child := pt.Grow(t, ck, expand.Request{Hidden: pt.Size(t, "x1.5"), FFN: pt.Size(t, "2x"),
			Split: growth.SplitEven})
		src, write, ffn := plan.Maps[arch.Hidden].Src, plan.Maps[arch.Hidden].Write, plan.Maps[arch.FFN].Src
		copies, neurons := map[int32][]int{}, map[int32][]int{}
		for i, s := range src {
			copies[s] = append(copies[s], i)
		}
		for i, s := range ffn {
			neurons[s] = append(neurons[s], i)
		}
		which := func(m map[int32][]int, s int32, i int) int {
			for n, x := range m[s] {
				if x == i {
					return n
				}
			}
			return 0
		}
		was := pt.Numbers(t, ck)["model.embed_tokens.weight"]
		bad := pt.Bind(t, pt.Spoil(t, child, func(name string, info tensor.Info, v []float64) {
			w := info.Shape[len(info.Shape)-1]
			share := func(groups map[int32][]int, flip func(r int) bool) {
				for r := range info.Shape[0] {
					for _, c := range groups {
						if len(c) != 2 {
							continue
						}
						sum := v[r*w+c[0]] + v[r*w+c[1]]
						a, b := 8*sum, -7*sum
						if flip(r) {
							a, b = b, a
						}
						v[r*w+c[0]], v[r*w+c[1]] = float64(float32(a)), float64(float32(b))
					}
				}
			}
			switch {
			case strings.Contains(name, "embed_tokens"):
				otherNeighbours(v, was, w, copies, write)
			case strings.Contains(name, "lm_head"):
				share(copies, func(int) bool { return false })
			case strings.Contains(name, "gate_proj"), strings.Contains(name, "up_proj"):
				share(copies, func(r int) bool { return which(neurons, ffn[r], r) == 1 })
			case strings.Contains(name, "down_proj"):
				share(neurons, func(r int) bool { return which(copies, src[r], r) == 1 })
			}
		}, nil))
		t.Run(depth, func(t *testing.T) { mustRefuse(t, verify.ClaimOf(plan), ck, bad) })
	}
}

// TestPairsOfAScaledStream: a scale of the whole stream that the claim chooses is no excuse for large pairs.
func TestPairsOfAScaledStream(t *testing.T) {
	ck := pt.Random(t, 9, archtest.Configs["mistral"], tensor.F32)
	plan, child := pt.Grow(t, ck, expand.Request{Depth: pt.Size(t, "+1"), Pairs: true, Hidden: pt.Size(t, "2x")})
	layer := -1
	for i, l := range plan.Layers {
		if l.Pairs {
			layer = i
		}
	}
	const k = 0x1p40
	w := len(plan.Maps[arch.Hidden].Src)
	bad := pt.Bind(t, pt.Spoil(t, child, func(name string, info tensor.Info, v []float64) {
		at := func(s string) bool { return strings.HasSuffix(name, fmt.Sprintf("layers.%d.%s.weight", layer, s)) }
		switch {
		case at("post_attention_layernorm"):
			for i := len(v) / 2; i < len(v); i++ {
				v[i] = float64(math.Nextafter32(float32(v[i]), 9))
			}
		case at("mlp.gate_proj"), at("mlp.up_proj"):
			readUnlike(v, w, 1)
		case at("mlp.down_proj"):
			writeAgainst(v, info.Shape[1], 1)
		}
		if strings.Contains(name, "embed_tokens") || strings.Contains(name, "o_proj") || strings.Contains(name, "down_proj") {
			for i := range v {
				v[i] *= k
			}
			if at("mlp.down_proj") {
				for i := range v {
					v[i] *= 1
				}
			}
		}
		if at("mlp.gate_proj") || at("mlp.up_proj") {
			for i := range v {
				v[i] *= 0x1p20
			}
		}
	}, pt.SetKeys(t, child, map[string]any{"rms_norm_eps": ck.Model.Eps * k * k})))
	claim := verify.ClaimOf(plan)
	m := claim.Maps[arch.Hidden]
	m.Scale = nil
	for range m.Src {
		m.Scale = append(m.Scale, k)
	}
	claim.Maps[arch.Hidden] = m
	claim.Rounded = pt.Steps(1, ck.Model, bad.Model)
	mustRefuse(t, claim, ck, bad)
}

// TestNearZerosMagnified: under LayerNorm what reads new channels alone is zero but for rounding, so nothing large
// may read it.
func TestNearZerosMagnified(t *testing.T) {
	for _, what := range []string{"neuron", "value", "key"} {
		t.Run(what, func(t *testing.T) {
			ck := pt.Random(t, 9, archtest.Configs["gpt2"], tensor.F32)
			r := expand.Request{Hidden: pt.Size(t, "16"), Methods: []string{"pad"}, FFN: pt.Size(t, "x1.5")}
			if what != "neuron" {
				r = expand.Request{Hidden: pt.Size(t, "60"), HeadDim: pt.Size(t, "5x"), Methods: []string{"pad"}}
			}
			if what == "neuron" {
				r.Methods = append(r.Methods, "fresh")
			}
			plan, child := pt.Grow(t, ck, r)
			src, ffn, hd := plan.Maps[arch.Hidden].Src, plan.Maps[arch.FFN].Src, plan.Maps[arch.HeadDim].Src
			bad := pt.Bind(t, pt.Spoil(t, child, func(name string, info tensor.Info, v []float64) {
				w := info.Shape[len(info.Shape)-1]
				switch {
				case what == "neuron" && strings.HasSuffix(name, "c_fc.weight"):
					for i, s := range src {
						for c, f := range ffn {
							if f < 0 {
								v[i*w+c] = 0
								if s < 0 {
									v[i*w+c] = 0.1
								}
							}
						}
					}
				case what == "neuron" && strings.HasSuffix(name, "c_fc.bias"):
					for c, f := range ffn {
						if f < 0 {
							v[c] = 0
						}
					}
				case what == "neuron" && strings.HasSuffix(name, "mlp.c_proj.weight"):
					for c, f := range ffn {
						if f < 0 {
							for i := range w {
								if src[i] >= 0 {
									v[c*w+i] = 0x1p40
									if i%2 > 0 {
										v[c*w+i] = -0x1p40
									}
								}
							}
							// fresh columns: anything is noted only for rows without a source
							for i := range w {
								if src[i] < 0 {
									v[c*w+i] = 0
								}
							}
						}
					}
				case what == "value" && strings.HasSuffix(name, "attn.c_proj.weight"):
					for r := range info.Shape[0] {
						if hd[r%len(hd)] < 0 {
							for i := range w {
								v[r*w+i] = 0
								if src[i] >= 0 {
									v[r*w+i] = 0x1p40 * float64(1-2*(i%2))
								}
							}
						}
					}
				case what == "value" && strings.HasSuffix(name, "c_attn.weight"):
					for i, s := range src {
						for c := range w {
							if c >= w/3*2 && hd[c%len(hd)] < 0 {
								v[i*w+c] = 0
								if s < 0 {
									v[i*w+c] = 0.1
								}
							}
						}
					}
				case what == "value" && strings.HasSuffix(name, "c_attn.bias"):
					for c := range v {
						if c >= len(v)/3*2 && hd[c%len(hd)] < 0 {
							v[c] = 0
						}
					}
				case what == "key" && strings.HasSuffix(name, "c_attn.weight"):
					for i, s := range src {
						for c := range w {
							if hd[c%len(hd)] >= 0 {
								continue
							}
							switch {
							case c < w/3 && s >= 0:
								v[i*w+c] = 0x1p40
								if i%3 > 0 {
									v[i*w+c] = -0x1p39
								}
							case c >= w/3 && c < w/3*2:
								v[i*w+c] = 0
								if s < 0 {
									v[i*w+c] = 0.1
								}
							}
						}
					}
				}
			}, nil))
			mustRefuse(t, verify.ClaimOf(plan), ck, bad)
		})
	}
}

// TestPairsBeforeANorm: what cancels only nearly is divided by its own size where a norm follows.
func TestPairsBeforeANorm(t *testing.T) {
	ck := pt.Random(t, 9, strings.Replace(archtest.Configs["gemma2"], `"rms_norm_eps":0.001`, `"rms_norm_eps":1e-7`, 1),
		tensor.F32)
	plan, child := pt.Grow(t, ck, expand.Request{Depth: pt.Size(t, "+1"), Hidden: pt.Size(t, "x3")})
	layer := -1
	for i, l := range plan.Layers {
		if l.Silent {
			layer = i
		}
	}
	copies := map[int32][]int{}
	src, write := plan.Maps[arch.Hidden].Src, plan.Maps[arch.Hidden].Write
	for i, s := range src {
		copies[s] = append(copies[s], i)
	}
	was := pt.Numbers(t, ck)["model.embed_tokens.weight"]
	bad := pt.Bind(t, pt.Spoil(t, child, func(name string, info tensor.Info, v []float64) {
		at := func(s string) bool { return strings.HasSuffix(name, fmt.Sprintf("layers.%d.%s.weight", layer, s)) }
		w := info.Shape[len(info.Shape)-1]
		switch {
		case strings.Contains(name, "embed_tokens"):
			for r := range info.Shape[0] {
				for s, c := range copies {
					k := math.Sqrt(float64(ck.Model.Hidden) / float64(child.Model.Hidden))
					if write != nil {
						k *= write[c[1]]
					}
					want := was[r*ck.Model.Hidden+int(s)] * k
					x := float32(want)
					y := math.Nextafter32(x, float32(math.Inf(1)))
					if float64(x) > want {
						y = math.Nextafter32(x, float32(math.Inf(-1)))
					}
					if math.Abs(float64(y)-want) <= math.Abs(want)*0x1p-24 {
						v[r*w+c[1]] = float64(y)
					}
				}
			}
		case at("post_feedforward_layernorm"):
			for i := range v {
				v[i] = 0
			}
		case at("mlp.gate_proj"), at("mlp.up_proj"):
			for r := 0; r+1 < info.Shape[0]; r += 2 {
				for _, c := range copies {
					x := v[r*w+c[0]] + v[r*w+c[1]]
					for i := range c {
						v[r*w+c[i]], v[(r+1)*w+c[i]] = 0, 0
					}
					v[r*w+c[0]], v[(r+1)*w+c[1]] = 8*float64(float32(x)), 8*float64(float32(x))
				}
			}
		case at("mlp.down_proj"):
			for r := range info.Shape[0] {
				for c := 0; c+1 < info.Shape[1]; c += 2 {
					v[r*info.Shape[1]+c+1] = -v[r*info.Shape[1]+c]
				}
			}
		}
	}, nil))
	mustRefuse(t, verify.ClaimOf(plan), ck, bad)
}

// TestTinyScales: a scale that makes numbers of the least ones of their type is not one rounding away from anything.
func TestTinyScales(t *testing.T) {
	ck := pt.Random(t, 9, archtest.Configs["mistral"], tensor.F32)
	plan, child := pt.Grow(t, ck, expand.Request{Hidden: pt.Size(t, "2x")})
	const k = 1.1 * 0x1p-146
	bad := pt.Bind(t, pt.Spoil(t, child, func(name string, info tensor.Info, v []float64) {
		if strings.Contains(name, "embed_tokens") || strings.Contains(name, "o_proj") || strings.Contains(name, "down_proj") {
			for i := range v {
				v[i] *= k
			}
		}
	}, pt.SetKeys(t, child, map[string]any{"rms_norm_eps": ck.Model.Eps * k * k})))
	claim := verify.ClaimOf(plan)
	m := claim.Maps[arch.Hidden]
	m.Scale = nil
	for range m.Src {
		m.Scale = append(m.Scale, k)
	}
	claim.Maps[arch.Hidden] = m
	mustRefuse(t, claim, ck, bad)
}

// TestPartsNearlyEqual: parts of a copy whose scores are equal only as far as copies of the stream are.
func TestPartsNearlyEqual(t *testing.T) {
	ck := pt.Random(t, 9, archtest.Configs["llama"], tensor.F32)
	plan, child := pt.Grow(t, ck, expand.Request{Experts: pt.Size(t, "4"), TopK: pt.Size(t, "2"), Shards: 2,
		Hidden: pt.Size(t, "x1.5")})
	copies := map[int32][]int{}
	src, write := plan.Maps[arch.Hidden].Src, plan.Maps[arch.Hidden].Write
	for i, s := range src {
		copies[s] = append(copies[s], i)
	}
	was := pt.Numbers(t, ck)["model.embed_tokens.weight"]
	bad := pt.Bind(t, pt.Spoil(t, child, func(name string, info tensor.Info, v []float64) {
		w := info.Shape[len(info.Shape)-1]
		switch {
		case strings.Contains(name, "embed_tokens"):
			otherNeighbours(v, was, w, copies, write)
		case strings.HasSuffix(name, "moe.gate.weight"):
			for e := range info.Shape[0] {
				for i := range w {
					v[e*w+i] = 0
				}
				for s, c := range copies {
					if len(c) == 2 {
						v[e*w+c[e%2]] = 1 + float64(s%3)
						if s == src[w-1] {
							v[e*w+c[e%2]] = 0
							if e > 1 { // the copies differ by hardly anything
								v[e*w+c[e%2]] = 0x1p-32
							}
						}
					}
				}
			}
		}
	}, nil))
	mustRefuse(t, verify.ClaimOf(plan), ck, bad)
}

// TestPairsAtTheLimit: limits of single tensors do not multiply.
func TestPairsAtTheLimit(t *testing.T) {
	ck := pt.Random(t, 9, archtest.Configs["mistral"], tensor.F32)
	plan, child := pt.Grow(t, ck, expand.Request{Depth: pt.Size(t, "+1"), Pairs: true, Hidden: pt.Size(t, "2x")})
	layer := -1
	for i, l := range plan.Layers {
		if l.Pairs {
			layer = i
		}
	}
	w := len(plan.Maps[arch.Hidden].Src)
	bad := pt.Bind(t, pt.Spoil(t, child, func(name string, info tensor.Info, v []float64) {
		at := func(s string) bool { return strings.HasSuffix(name, fmt.Sprintf("layers.%d.%s.weight", layer, s)) }
		switch {
		case at("post_attention_layernorm"):
			for i := range v {
				v[i] *= 8
			}
			for i := len(v) / 2; i < len(v); i++ {
				v[i] = float64(math.Nextafter32(float32(v[i-len(v)/2]), 9))
			}
		case at("mlp.gate_proj"), at("mlp.up_proj"):
			readUnlike(v, w, 8)
		case at("mlp.down_proj"):
			writeAgainst(v, info.Shape[1], 1)
		}
	}, nil))
	claim := verify.ClaimOf(plan)
	claim.Rounded = pt.Steps(1, ck.Model, bad.Model)
	mustRefuse(t, claim, ck, bad)
}

// TestRoundingsOfWideSums: eight roundings of huge terms are not eight of their sum.
func TestRoundingsOfWideSums(t *testing.T) {
	for _, n := range []int{1, 8} {
		ck := pt.Random(t, 9, archtest.Configs["mistral"], tensor.BF16)
		plan, child := pt.Grow(t, ck, expand.Request{FFN: pt.Size(t, "2x"), Split: growth.SplitEven})
		groups := map[int32][]int{}
		for i, s := range plan.Maps[arch.FFN].Src {
			groups[s] = append(groups[s], i)
		}
		bad := pt.Bind(t, pt.Spoil(t, child, func(name string, info tensor.Info, v []float64) {
			if !strings.Contains(name, "down_proj") {
				return
			}
			w := info.Shape[1]
			for r := range info.Shape[0] {
				for _, c := range groups {
					x := v[r*w+c[0]] + v[r*w+c[1]]
					v[r*w+c[0]], v[r*w+c[1]] = float64(8*n)*x, -float64(8*n)*x
					if n == 1 {
						v[r*w+c[1]] = -float64(7) * x * (1 + 0x1p-7)
					}
				}
			}
		}, nil))
		claim := verify.ClaimOf(plan)
		claim.Rounded = pt.Steps(n, ck.Model, bad.Model)
		mustRefuse(t, claim, ck, bad)
	}
}

// TestWideMeans: a mean is the sum of usual terms.
func TestWideMeans(t *testing.T) {
	for _, name := range []string{"gpt2", "gpt_neox"} {
		t.Run(name, func(t *testing.T) {
			ck := pt.Random(t, 9, archtest.Configs[name], tensor.F32)
			to := map[string]string{"gpt2": "16", "gpt_neox": "32"}[name]
			plan, child := pt.Grow(t, ck, expand.Request{Hidden: pt.Size(t, to), Methods: []string{"pad"},
				FFN: pt.Size(t, "2x")})
			groups := map[int32][]int{}
			src := plan.Maps[arch.Hidden].Src
			for i, s := range plan.Maps[arch.FFN].Src {
				groups[s] = append(groups[s], i)
			}
			bad := pt.Bind(t, pt.Spoil(t, child, func(name string, info tensor.Info, v []float64) {
				w := info.Shape[len(info.Shape)-1]
				for i, s := range src {
					if s >= 0 {
						continue
					}
					for _, c := range groups {
						switch {
						case strings.HasSuffix(name, "mlp.c_proj.weight"):
							v[c[0]*w+i], v[c[1]*w+i] = 0x1p26, -0x1p26+2
						case strings.HasSuffix(name, "dense_4h_to_h.weight"):
							v[i*w+c[0]], v[i*w+c[1]] = 0x1p26, -0x1p26+2
						}
					}
				}
			}, nil))
			mustRefuse(t, verify.ClaimOf(plan), ck, bad)
		})
	}
}
