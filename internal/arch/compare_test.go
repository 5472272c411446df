package arch

import (
	"reflect"
	"strings"
	"testing"
)

// compared is what CompareLoaded says of two configs of the same weights.
func compared(t *testing.T, parent, child string) ([]Fact, []Finding) {
	t.Helper()
	var cks []*Checkpoint
	for _, text := range []string{parent, child} {
		ck, err := Bind(faked(t, text, text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		cks = append(cks, ck)
	}
	return CompareLoaded(cks[0], cks[1])
}

// TestCompareLoaded adds keys to a child's config, or to both.
func TestCompareLoaded(t *testing.T) {
	const kv = `"num_key_value_heads": 2`
	for _, tc := range []struct{ kind, parent, child, want string }{
		{"llama", ``, ``, ""},
		{"llama", `"unknown": 1`, `"unknown": 1`, ""},
		{"llama", `"unknown": {"b": [1, {"d":2,"c":3}], "a": 1}`, `"unknown": {"a":1,"b":[1,{"c":3,"d":2}]}`, ""},
		{"llama", ``, `"unknown": 1`, "unknown: wanted nothing as in the parent, found 1: famkit does not know"},
		{"llama", `"unknown": 1`, ``, "unknown: wanted 1 as in the parent, found nothing"},
		{"llama", `"unknown": 1`, `"unknown": 1.0`, "wanted 1 as in the parent, found 1.0"},
		{"llama", `"unknown": null`, ``, "wanted null as in the parent, found nothing"},
		{"llama", ``, `"Rms_Norm_Eps": 0.5`, "Rms_Norm_Eps: wanted nothing as in the parent"},
		{"llama", ``, `"rope_scaling.factor": 0.5`, `"rope_scaling.factor": wanted nothing`},
		{"llama", ``, `"transformers.js_config": {}`, ""},
		{"llama", ``, `"a\u001bb": 0.5`, `"a\x1bb": wanted nothing`},
		{"llama", ``, `"sliding_window": 4`, "the child's config.json: sliding_window: wanted null, found 4"},
		{"llama", `"sliding_window": 4`, `"sliding_window": 4`, "the parent's config.json: sliding_window"},
		{"llama", ``, `"sliding_window": null`, ""},
		{"llama", ``, `"layer_types": ["full_attention", "full_attention", "full_attention"]`, ""},
		{"llama", ``, `"layer_types": ["full_attention", "sliding_attention", "full_attention"]`,
			"layer_types: wanted null or"},
		{"llama", ``, `"attention_chunk_size": 4`, "attention_chunk_size: wanted null"},
		{"mistral", kv, kv + `, "sliding_window": 4096`, ""},
		{"llama", ``, `"kv_sharing_modes": [null, "reuse"]`, "kv_sharing_modes: wanted null"},
		{"llama", ``, `"cache_implementation": "quantized"`, "cache_implementation: wanted null or"},
		{"gemma2", ``, `"cache_implementation": "hybrid"`, ""},
		{"gemma2", ``, `"_attn_implementation": "eager"`, "_attn_implementation: wanted nothing as in the parent"},
		{"llama", ``, `"dtype": "int32"`, `dtype: wanted null or "float32" or`},
		{"llama", ``, `"torch_dtype": "bfloat16"`, ""},
		{"llama", ``, `"auto_map": {"AutoModelForCausalLM": "modeling_x.X"}`,
			"auto_map: wanted nothing as in the parent"},
		{"llama", ``, `"attention_dropout": 0.1, "use_cache": false, "_name_or_path": "x", "bos_token_id": 7`, ""},
		{"llama", ``, `"attention_dropout": "0.1"`, "does not load it"},
		{"llama", ``, `"rope_scaling": {"rope_type": "default", "mrope_section": [1]}`,
			"rope_scaling.mrope_section: wanted nothing"},
		{"gemma3_text", ``, `"rope_parameters": {"sliding_attention": {"rope_type": "default", "x": 1}}`,
			"rope_parameters.sliding_attention.x: wanted nothing"},
		{"gpt2", ``, `"n_ctx": 7`, ""},
		{"llama", `"__dict__": {}`, `"__dict__": {}`, "the child's config.json: __dict__: wanted nothing"},
		{"llama", `"to_dict": 1`, `"to_dict": 1`, "the parent's config.json: to_dict: wanted nothing"},
	} {
		facts, found := compared(t, tiny(tc.kind, tc.parent), tiny(tc.kind, tc.child))
		var says []string
		for _, f := range found {
			if f.Fatal {
				says = append(says, f.Text)
			} else if tc.kind != "gemma2" || f.Code != OneVersion {
				t.Errorf("%s %s: not fatal: %s", tc.kind, tc.child, f.Text)
			}
		}
		got := strings.Join(says, "\n")
		if tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
			t.Errorf("%s %s: %q, want %q", tc.kind, tc.child, got, tc.want)
		}
		if len(facts) < 6 {
			t.Errorf("%s %s: only %d facts", tc.kind, tc.child, len(facts))
		}
	}
}

// TestRules: a rule says what it wants to say, and no key has two of them in one list.
func TestRules(t *testing.T) {
	for _, s := range Specs() {
		for _, list := range [][]KeyRule{append(s.keys[:len(s.keys):len(s.keys)], s.defaults.rules()...), commonRules} {
			seen := map[string]bool{}
			for _, r := range list {
				if len(r.Keys) == 0 || r.Why == "" || r.Effect == "" ||
					r.Effect != Only && r.Unreadable {
					t.Errorf("%s: %+v", s.Name, r)
				}
				for _, v := range r.Values {
					if !strings.HasSuffix(v, ", ...]") && r.refuses(canonical([]byte(v)), 100) != "" {
						t.Errorf("%s: %v refuses its own %s", s.Name, r.Keys, v)
					}
				}
				for _, k := range r.Keys {
					if seen[k] {
						t.Errorf("%s: %s has two rules", s.Name, k)
					}
					seen[k] = true
				}
			}
		}
	}
}

// readBases are configs of an architecture under which, together, all keys that are read are asked for.
func readBases(t *testing.T, s *Spec) map[*Config]*Model {
	t.Helper()
	bases := map[*Config]*Model{}
	for _, c := range readConfigs(t, s) {
		if m, err := Resolve(c); err == nil {
			bases[c] = m
		}
	}
	return bases
}

func readConfigs(t *testing.T, s *Spec) []*Config {
	t.Helper()
	plain := `"num_key_value_heads": 2, "use_sliding_window": true, "sliding_window": 4, "rotary_emb_base": 10000,
 "rotary_pct": 0.25`
	list := []*Config{mustParse(t, tiny(s.Name, "")), mustParse(t, tiny(s.Name, plain))}
	if s.defaults.rope == nil {
		return list
	}
	m, err := Resolve(list[1])
	if err != nil {
		t.Fatal(err)
	}
	factors := make([]float64, m.RotaryDim/2)
	for i := range factors {
		factors[i] = 1
	}
	for _, kind := range s.defaults.rope.types {
		rope := EmptyConfig()
		for _, key := range scalingKeys[kind] {
			rope.Set(
				key,
				map[string]any{"factor": 2.0, originalMaxPos: 64, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
					"mscale": 1.0, "mscale_all_dim": 0.5, "beta_fast": 32.0, "beta_slow": 1.0, "truncate": true,
					"attention_factor": 1.0, "short_factor": factors, "long_factor": factors}[key],
			)
		}
		rope.Set("rope_type", kind)
		for _, outer := range []string{ropeScaling, ropeParams, ropeParams + "." + fullAttention} {
			c := list[1].Clone()
			setAt(c, outer, rope)
			if s.defaults.rope.context != 0 {
				c.Set(originalMaxPos, 64)
			}
			if kind == ropeYarn { // the attention factor stands in place of what follows from the others
				bare := c.Clone()
				without := rope.Clone()
				without.Delete("attention_factor")
				setAt(bare, outer, without)
				list = append(list, bare)
			}
			list = append(list, c)
		}
	}
	return list
}

// decides reports whether some value of a key changes the Model of some base, or is refused.
func decides(bases map[*Config]*Model, key string, values []any) bool {
	for base, want := range bases {
		for _, v := range values {
			c := base.Clone()
			setAt(c, key, v)
			if m, err := Resolve(c); err != nil || !reflect.DeepEqual(m, want) {
				return true
			}
		}
	}
	return false
}

// setAt sets a key, inside objects where it has dots.
func setAt(c *Config, key string, v any) {
	outer, inner, nested := strings.Cut(key, ".")
	if !nested {
		c.Set(key, v)
		return
	}
	o, ok, _ := c.Object(outer)
	if !ok {
		o = EmptyConfig()
	}
	setAt(o, inner, v)
	c.Set(outer, o)
}

// TestReadKeysAreRead: a key that is said to be read decides something, and a key of no effect decides nothing.
func TestReadKeysAreRead(t *testing.T) {
	odd := EmptyConfig()
	odd.Set("odd", true)
	values := []any{odd, "odd", 7, 0.25, true, false, nil, []int{1}, []string{"full_attention"}}
	for _, s := range Specs() {
		seen, bases, few := map[string]bool{}, readBases(t, s), map[*Config]*Model{}
		for c, m := range bases {
			if len(few) < 2 {
				few[c] = m
			}
		}
		for _, r := range s.Rules() {
			for _, k := range r.Keys {
				if seen[k] || k[0] == '"' {
					continue
				}
				seen[k] = true
				if r.Effect != Read && r.Effect != Nothing && r.Effect != Alike {
					continue
				}
				asked := bases
				if r.Effect != Read { // two will do for what decides nothing
					asked = few
				}
				reads := decides(asked, k, values)
				switch {
				case r.Effect == Read && !reads:
					t.Errorf("%s: %s is said to be read, and decides nothing", s.Name, k)
				case (r.Effect == Nothing || r.Effect == Alike) && reads:
					t.Errorf("%s: %s is said to be %s, and decides something", s.Name, k, r.Effect)
				}
			}
		}
		if decides(bases, "no_such_key", values) {
			t.Errorf("%s: any key decides something", s.Name)
		}
	}
}
