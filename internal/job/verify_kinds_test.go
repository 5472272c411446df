package job

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"famkit/expand"
	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/tensor"
	"famkit/internal/verify"
)

// pair is a parent and its grown child on disk.
type pair struct {
	t             *testing.T
	parent, child string
	model         *arch.Model
}

// grownPair grows a random model of a config, stored in a type and a layout.
func grownPair(t *testing.T, config string, d tensor.DType, sharded bool, depth string) *pair {
	t.Helper()
	dir := t.TempDir()
	p := &pair{t: t, parent: filepath.Join(dir, "parent"), child: filepath.Join(dir, "child")}
	src, err := archtest.Random(5, config, d)
	if err != nil {
		t.Fatal(err)
	}
	o := format.WriteOptions{}
	if sharded {
		o.MaxShard = 4000
	}
	var c map[string]any
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		t.Fatal(err)
	}
	c["torch_dtype"] = d.Torch()
	files := map[string][]byte{"config.json": marshal(t, c), "tokenizer.json": []byte(`{"a":1}`),
		"generation_config.json": []byte(`{"top_k":5}`)}
	if _, err := format.Write(context.Background(), p.parent, format.WithFiles(src, files), o); err != nil {
		t.Fatal(err)
	}
	change, err := expand.ParseChange(depth)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Expand(context.Background(), ExpandOptions{Source: p.parent, Destination: p.child,
		Request:  expand.Request{Depth: change},
		MaxShard: o.MaxShard}, nil); err != nil {
		t.Fatal(err)
	}
	_, ck, err := OpenModel(p.child, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.model = ck.Model
	return p
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// config changes the child's config.json.
func (p *pair) config(change func(c map[string]any)) {
	p.edit("config.json", func(b []byte) []byte {
		var c map[string]any
		if err := json.Unmarshal(b, &c); err != nil {
			p.t.Fatal(err)
		}
		change(c)
		return marshal(p.t, c)
	})
}

func (p *pair) edit(name string, change func(b []byte) []byte) {
	p.t.Helper()
	b, err := os.ReadFile(filepath.Join(p.child, name))
	if err != nil && !os.IsNotExist(err) {
		p.t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Join(p.child, name)), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.child, name), change(b), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// file puts a file beside the child's weights.
func (p *pair) file(name, text string) {
	p.edit(name, func([]byte) []byte { return []byte(text) })
}

// keys sets keys of the child's config.json, as they are spelled.
func keys(set map[string]any) func(p *pair) bool {
	return func(p *pair) bool {
		p.config(func(c map[string]any) { maps.Copy(c, set) })
		return true
	}
}

// raw puts text behind the first brace of the child's config.json.
func raw(text string) func(p *pair) bool {
	return func(p *pair) bool {
		p.edit("config.json", func(b []byte) []byte { return []byte(strings.Replace(string(b), "{", "{"+text+",", 1)) })
		return true
	}
}

func beside(name, text string) func(p *pair) bool {
	return func(p *pair) bool { p.file(name, text); return true }
}

// attacks are children that loaders take otherwise than their tensors alone say; each gives false where it does not
// apply to a model.
var attacks = map[string]func(p *pair) bool{
	"weights under another case":   keys(map[string]any{"Transformers_Weights": "other.safetensors"}),
	"weights of another name":      keys(map[string]any{"transformers_weights": "other.safetensors"}),
	"epsilon in another case":      keys(map[string]any{"RMS_Norm_Eps": 0.5, "Layer_Norm_Eps": 0.5}),
	"a key twice":                  raw(`"vocab_size":7`),
	"a key twice in an object":     raw(`"rope_scaling":{"rope_type":"default","rope_type":"linear"}`),
	"attributes under other names": keys(map[string]any{"attribute_map": map[string]any{"num_hidden_layers": "n"}}),
	"another configuration file":   keys(map[string]any{"configuration_files": []string{"config.4.0.0.json"}}),
	"a nested config":              keys(map[string]any{"text_config": map[string]any{"rms_norm_eps": 0.5}}),
	"tokens that see the next":     keys(map[string]any{"is_causal": false}),
	"layers of their own settings": keys(map[string]any{"per_layer_config": map[string]any{"0": map[string]any{"sliding_window": 2}}}),
	"quantised":                    keys(map[string]any{"quantization_config": map[string]any{"quant_method": "fp8"}}),
	"attention in chunks":          keys(map[string]any{"attention_chunk_size": 2}),
	"code of its own":              keys(map[string]any{"auto_map": map[string]any{"AutoModelForCausalLM": "modeling_x.X"}}),
	"a key that nobody knows":      keys(map[string]any{"surprise": 1}),
	"a cache that forgets":         keys(map[string]any{"cache_implementation": "quantized"}),
	"shared keys and values":       keys(map[string]any{"num_kv_shared_layers": 1}),
	"an adapter":                   beside("adapter_config.json", `{"base_model_name_or_path":"elsewhere"}`),
	"an adapter in another case":   beside("Adapter_Config.JSON", `{}`),
	"a distributed checkpoint":     beside("shard-00001-model-00001-of-00001.safetensors", ""),
	"a quantiser's file":           beside("hf_quant_config.json", `{}`),
	"generation of its own":        beside("custom_generate/generate.py", ""),
	"a generation that quantises":  beside("generation_config.json", `{"cache_implementation":"quantized"}`),
	"an unknown generation":        beside("generation_config.json", `{"surprise":1}`),
	"a window where there is none": windowOf("sliding_window", 2),
	"layer types where there are none": func(p *pair) bool {
		if reads(p.model, "layer_types") {
			return false
		}
		var types []string
		for range p.model.Layers {
			types = append(types, "sliding_attention")
		}
		return keys(map[string]any{"layer_types": types})(p)
	},
	"held in a shorter type": func(p *pair) bool {
		d := map[string]string{"float32": "bfloat16", "float16": "bfloat16"}
		if p.model.DType == tensor.BF16 {
			return false // what a test's numbers lose nothing by
		}
		return shorter(p, func(was string) any { return d[was] })
	},
	"an index of a shorter type": func(p *pair) bool {
		const index = "model.safetensors.index.json"
		if _, err := os.Stat(filepath.Join(p.child, index)); err != nil || p.model.DType != tensor.F32 {
			return false
		}
		p.edit(index, func(b []byte) []byte {
			return []byte(strings.Replace(string(b), `"metadata": {`, `"metadata": {"dtype": "float16",`, 1))
		})
		return shorter(p, func(string) any { return nil })
	},
	"rotary settings that one version reads": func(p *pair) bool {
		c := p.read(p.child)
		if _, parents := p.read(p.parent)["rope_theta"]; !parents {
			return false // version 4 reads the parent otherwise, too
		}
		r, ok := c["rope_parameters"].(map[string]any)
		theta, flat := c["rope_theta"].(float64)
		_, keeps := r["rope_theta"].(float64)
		if !ok || !flat || !keeps || theta == 10000 {
			return false // what version 4 would take in its place is the same
		}
		p.config(func(c map[string]any) { delete(c, "rope_theta") })
		return true
	},
	"no config": func(p *pair) bool { return os.Remove(filepath.Join(p.child, "config.json")) == nil },
}

// shorter sets the child's dtype in both spellings.
func shorter(p *pair, to func(was string) any) bool {
	was, _ := p.read(p.child)["torch_dtype"].(string)
	p.config(func(c map[string]any) {
		for _, k := range []string{"dtype", "torch_dtype"} {
			delete(c, k)
			if v := to(was); v != nil {
				c[k] = v
			}
		}
	})
	return true
}

func (p *pair) read(dir string) map[string]any {
	p.t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		p.t.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(b, &c); err != nil {
		p.t.Fatal(err)
	}
	return c
}

// reads reports whether an architecture reads a key itself.
func reads(m *arch.Model, key string) bool {
	for _, r := range m.Spec.Rules() {
		if slices.Contains(r.Keys, key) {
			return r.Effect == arch.Read
		}
	}
	return false
}

func windowOf(key string, n int) func(p *pair) bool {
	return func(p *pair) bool {
		if reads(p.model, key) {
			return false
		}
		return keys(map[string]any{key: n})(p)
	}
}

// harmless are changes that no loader minds.
var harmless = map[string]func(p *pair) bool{
	"nothing":            func(*pair) bool { return true },
	"a readme":           beside("README.md", "hello"),
	"another tokenizer":  beside("tokenizer.json", `{"b":2}`),
	"a temperature":      beside("generation_config.json", `{"temperature":0.5}`),
	"where it came from": keys(map[string]any{"_name_or_path": "x", "transformers_version": "4.0.0"}),
	"dropout":            keys(map[string]any{"attention_dropout": 0.5}),
	"the first token":    keys(map[string]any{"bos_token_id": 3}),
}

// ways are how a child may be asked about.
var ways = map[string]VerifyOptions{
	"plan":            {},
	"plan, proved":    {ProofOnly: true},
	"inferred":        {Infer: true},
	"without a plan":  {},
	"looked for only": {ProofOnly: true},
}

// verified asks about a pair in some way; the error is of an input that is refused.
func (p *pair) verified(way string) (*verify.Report, error) {
	o := ways[way]
	o.Parent, o.Child, o.Tokens, o.Precisions = p.parent, p.child, 16, []string{"f64"}
	if strings.Contains(way, "without") || strings.Contains(way, "looked") {
		bare := filepath.Join(p.t.TempDir(), "bare")
		if err := os.CopyFS(bare, os.DirFS(p.child)); err != nil {
			p.t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(bare, "plan.json")); err != nil {
			p.t.Fatal(err)
		}
		o.Child = bare
	}
	return Verify(context.Background(), o, nil)
}

// TestWhatLoadersObey: what a loader takes otherwise than famkit reads it is no equal child, whatever way it is asked
// about, in every architecture, type and layout. What no loader minds is none of that.
func TestWhatLoadersObey(t *testing.T) {
	types := []tensor.DType{tensor.F32, tensor.BF16, tensor.F16}
	names := slices.Sorted(maps.Keys(archtest.Configs))
	each := 3 // architectures, of all in turn
	if os.Getenv("FAMKIT_ALL") != "" {
		each = len(names)
	}
	applied := map[string]map[string]bool{}
	n := 0
	for _, list := range []map[string]func(p *pair) bool{attacks, harmless} {
		for _, what := range slices.Sorted(maps.Keys(list)) {
			tried := 0
			for range names {
				if tried == each {
					break
				}
				n++
				name := names[n%len(names)]
				d, sharded := types[n%3], n%2 == 0
				if strings.Contains(what, "index") {
					d, sharded = tensor.F32, true
				}
				p := grownPair(t, archtest.Configs[name], d, sharded, "+1")
				if !list[what](p) {
					continue
				}
				tried++
				where := fmt.Sprintf("%s, %s %s, sharded %v", what, name, d, sharded)
				if applied[what] == nil {
					applied[what] = map[string]bool{}
				}
				applied[what][d.String()] = true
				for way := range ways {
					r, err := p.verified(way)
					equal := err == nil && r.Equal
					if _, good := harmless[what]; equal != good {
						t.Errorf("%s, %s: equal %v (%v)", where, way, equal, err)
						if r != nil && r.Proof != nil {
							t.Log(r.Proof.Summary())
						}
					}
				}
			}
		}
	}
	for what := range attacks {
		if len(applied[what]) == 0 {
			t.Errorf("%s: applies to no architecture", what)
		}
	}
}
