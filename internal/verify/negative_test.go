package verify

import (
	"context"
	"slices"
	"strings"
	"testing"

	"famkit/expand"
	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/growth"
	pt "famkit/internal/proof/prooftest"
	"famkit/internal/tensor"
)

func models(t *testing.T, parent, child format.Source, plan *growth.Plan) *Report {
	t.Helper()
	r, err := Models(context.Background(), parent, child, plan, Options{Tokens: 24, Precisions: []string{"f64"}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// scaleRole multiplies every tensor whose name contains part.
func scaleRole(part string, by float64) func(string, tensor.Info, []float64) {
	return func(name string, _ tensor.Info, v []float64) {
		if strings.Contains(name, part) {
			for i := range v {
				v[i] *= by
			}
		}
	}
}

// TestNegativeControls: each spoils a sound child in one known way. Verification must refuse it with its plan, and also
// without one, by its logits alone.
func TestNegativeControls(t *testing.T) {
	for _, c := range []struct {
		name, config string
		sizes        map[string]string
		spoil        func(t *testing.T, parent, child *arch.Checkpoint) format.Source
	}{
		{"gain unscaled", "llama", map[string]string{"hidden": "x1.5"}, func(t *testing.T, parent,
			child *arch.Checkpoint) format.Source {
			return pt.Spoil(t, child, func(name string, info tensor.Info, v []float64) {
				if !strings.HasSuffix(name, "layers.0.input_layernorm.weight") {
					return
				}
				p, _ := parent.Find(arch.AttnNorm, 0)
				raw, _ := format.ReadAll(p.Tensor)
				g := make([]float64, parent.Model.Hidden)
				tensor.Decode(g, raw, info.DType)
				for i := range v {
					v[i] = g[i%len(g)]
				}
			}, nil)
		}},
		{"eps wrong", "llama", map[string]string{"hidden": "2x"}, func(t *testing.T, _,
			child *arch.Checkpoint) format.Source {
			cfg := child.Config.Clone()
			cfg.Set("rms_norm_eps", child.Model.Eps/2)
			return pt.Spoil(t, child, nil, map[string][]byte{configFile: cfg.Bytes()})
		}},
		{"tied head not compensated", "llama-tied-bias", map[string]string{"hidden": "2x"},
			func(t *testing.T, _, child *arch.Checkpoint) format.Source {
				return pt.Spoil(t, child, scaleRole("model.norm.weight", 2), nil)
			}},
		{"plain kv tiling under grouped queries", "llama", map[string]string{"heads": "2x", "hidden": "2x"},
			func(t *testing.T, parent, child *arch.Checkpoint) format.Source {
				// The query heads of the whole model one after another, as if each had a kv head of its own.
				hd, from, to := parent.Model.HeadDim, parent.Model.Heads, child.Model.Heads
				return pt.Spoil(t, child, func(name string, info tensor.Info, v []float64) {
					if strings.HasSuffix(name, "q_proj.weight") {
						tileHeads(v, to, from, hd*info.Shape[1])
					}
				}, nil)
			}},
		{"copied block not muted", "qwen2", map[string]string{"depth": "2x"}, func(t *testing.T, parent,
			child *arch.Checkpoint) format.Source {
			return pt.Spoil(t, child, func(name string, info tensor.Info, v []float64) {
				if !strings.HasSuffix(name, "layers.1.mlp.down_proj.weight") {
					return
				}
				p, _ := parent.Find(arch.Down, 0)
				raw, _ := format.ReadAll(p.Tensor)
				tensor.Decode(v, raw, info.DType)
			}, nil)
		}},
		{"one flipped bit", "qwen3", map[string]string{"width": "2x"}, func(t *testing.T, _,
			child *arch.Checkpoint) format.Source {
			return pt.Spoil(t, child, func(name string, info tensor.Info, v []float64) {
				if strings.HasSuffix(name, "layers.1.mlp.up_proj.weight") {
					i := slices.IndexFunc(v, func(x float64) bool { return x != 0 })
					raw := make([]byte, 4)
					tensor.Encode(raw, v[i:i+1], tensor.F32)
					raw[0] ^= 1
					tensor.Decode(v[i:i+1], raw, tensor.F32)
				}
			}, nil)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ck := pt.Random(t, 2, archtest.Configs[c.config], tensor.F32)
			plan, child := pt.Grow(t, ck, request(t, 4, expand.Interleave, c.sizes))
			if r := models(t, ck.Source, child.Source, plan); !r.Equal {
				t.Fatalf("the sound child is refused: %+v", r.Checks)
			}
			bad := c.spoil(t, ck, child)
			r := models(t, ck.Source, bad, plan)
			if r.Equal {
				t.Fatal("equal, by its plan")
			}
			if i := slices.IndexFunc(r.Checks, func(k Check) bool { return k.Name == "follows its plan" }); r.Checks[i].Passed {
				t.Error("said to follow its plan")
			}
			if i := slices.IndexFunc(r.Checks, func(k Check) bool { return k.Name == provedCheck }); r.Checks[i].Passed {
				t.Error("proved")
			}
			if _, differs := FirstDifference(r.Layers); !differs && c.name != "tied head not compensated" {
				t.Errorf("no layer differs: %+v", r.Layers)
			}
			if i := slices.IndexFunc(r.Checks, func(k Check) bool { return k.Match != nil }); r.Checks[i].Passed {
				t.Errorf("measured equal: %+v", r.Checks[i].Match)
			}
		})
	}
}

// tileHeads rewrites v, whose heads are grouped copies, as plain repetitions of the heads 0..from-1. The copy of head
// h of group g, number j, lies at (g, j): with two groups the source of grown head t is found by its place.
func tileHeads(v []float64, to, from, width int) {
	groups := 2
	perGroup, source := to/groups, from/groups
	heads := make([][]float64, from)
	for t := range to {
		g, j := t/perGroup, t%perGroup
		heads[g*source+j%source] = slices.Clone(v[t*width : (t+1)*width])
	}
	for t := range to {
		copy(v[t*width:(t+1)*width], heads[t%from])
	}
}

// TestNaNIsReported: a NaN in the weights makes the answer no, and the tensor is named.
func TestNaNIsReported(t *testing.T) {
	ck := pt.Random(t, 2, archtest.Configs["llama"], tensor.BF16)
	bad := pt.Bind(t, pt.Spoil(t, ck, func(name string, _ tensor.Info, v []float64) {
		if name == "model.layers.1.self_attn.q_proj.weight" {
			v[3] /= 0 * v[3]
		}
	}, nil))
	plan, child := pt.Grow(t, bad, request(t, 1, expand.Interleave, map[string]string{"depth": "2x"}))
	r := models(t, bad.Source, child.Source, plan)
	found := false
	for _, c := range r.Checks {
		for _, f := range c.Findings {
			found = found || f.Where == "model.layers.2.self_attn.q_proj.weight" && strings.Contains(f.Message,
				"1 elements are NaN or infinite")
		}
	}
	if r.Equal || !found {
		t.Errorf("equal %v, reported %v: %+v", r.Equal, found, r.Checks)
	}
}

// TestWrongParent: a plan names its parent by digest.
func TestWrongParent(t *testing.T) {
	ck := pt.Random(t, 2, archtest.Configs["llama"], tensor.F32)
	other := pt.Random(t, 3, archtest.Configs["llama"], tensor.F32)
	plan, child := pt.Grow(t, ck, request(t, 1, expand.Interleave, map[string]string{"depth": "2x"}))
	digest, err := digestOf(context.Background(), ck.Source, func(_, _ int64) {})
	if err != nil {
		t.Fatal(err)
	}
	plan.Parent.Digest = digest
	if r := models(t, ck.Source, child.Source, plan); !r.Equal {
		t.Fatalf("the right parent is refused: %+v", r.Checks)
	}
	if r := models(t, other.Source, child.Source, plan); r.Equal {
		t.Error("another parent is accepted")
	}
}

// TestMeasuredAsGenerated: both models are also run token by token, beyond their windows.
func TestMeasuredAsGenerated(t *testing.T) {
	for _, name := range []string{"mistral", "gemma2", "gpt2", "mixtral", "phi3"} {
		ck := pt.Random(t, 3, archtest.Configs[name], tensor.F32)
		_, child := pt.Grow(t, ck, request(t, 1, expand.Interleave, map[string]string{"hidden": "2x"}))
		r, err := Models(context.Background(), ck.Source, child.Source, nil, Options{Precisions: []string{"f64"}})
		if err != nil || !r.Equal {
			t.Fatal(name, err, r)
		}
		n := 0
		for _, c := range r.Checks {
			if c.Match == nil {
				continue
			}
			n++
			if c.Match.Steps <= longestWindow(ck.Model) {
				t.Errorf("%s: %d steps, the window is %d", name, c.Match.Steps, longestWindow(ck.Model))
			}
		}
		if n != 1 {
			t.Errorf("%s: measured %d times", name, n)
		}
	}
}
