package arch

import (
	"bytes"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"

	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// fake is a checkpoint in memory.
type fake struct {
	names   []string
	tensors map[string]fakeTensor
	files   map[string][]byte
}

type fakeTensor struct {
	info tensor.Info
	*bytes.Reader
}

func (f fakeTensor) Info() tensor.Info { return f.info }

func (f *fake) Names() []string         { return f.names }
func (f *fake) Meta() map[string]string { return nil }
func (f *fake) Path() string            { return "model-dir" }

func (f *fake) Tensor(name string) (tensor.Tensor, error) {
	t, ok := f.tensors[name]
	if !ok {
		return nil, fmt.Errorf("no tensor %q", name)
	}
	return t, nil
}

func (f *fake) Files() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, name := range slices.Sorted(maps.Keys(f.files)) {
			if !yield(name, f.files[name]) {
				return
			}
		}
	}
}

// put adds or replaces a tensor of elements of one byte value.
func (f *fake) put(name string, d tensor.DType, fill byte, shape ...int) {
	if _, ok := f.tensors[name]; !ok {
		f.names = append(f.names, name)
	}
	info := tensor.Info{Name: name, DType: d, Shape: shape}
	f.tensors[name] = fakeTensor{info, bytes.NewReader(bytes.Repeat([]byte{fill}, int(info.Size())))}
}

func (f *fake) drop(name string) {
	delete(f.tensors, name)
	f.names = slices.DeleteFunc(f.names, func(n string) bool { return n == name })
}

// faked is a checkpoint that fits its config; config "" makes it a lone file of the tensors that shape asks for.
func faked(t *testing.T, shape, config string) *fake {
	t.Helper()
	f := &fake{tensors: map[string]fakeTensor{}, files: map[string][]byte{}}
	for _, s := range mustResolve(t, shape).Layout() {
		f.put(s.Name, tensor.BF16, 1, s.Shape...)
	}
	slices.Reverse(f.names) // the order of a file is not the spec's
	if config != "" {
		f.files["config.json"] = []byte(config)
	}
	return f
}

func TestBind(t *testing.T) {
	for _, kind := range []string{"llama", "mistral", "qwen2", "qwen3"} {
		text := tiny(kind, `"num_key_value_heads": 2, "dtype": "bfloat16"`)
		f := faked(t, text, text)
		ck, found, err := Check(f)
		if err != nil || len(found) != 0 {
			t.Fatal(found, err)
		}
		layout := ck.Model.Layout()
		if len(ck.Tensors) != len(layout) || ck.DType() != tensor.BF16 || ck.Source != f || ck.Config == nil {
			t.Errorf("%s: %d tensors of %s", kind, len(ck.Tensors), ck.DType())
		}
		for i, s := range layout {
			if b := ck.Tensors[i]; b.Spec != s.Spec || b.Layer != s.Layer || b.Info().Name != s.Name {
				t.Errorf("%s: tensor %d is %s", kind, i, b.Info())
			}
		}
		if b, ok := ck.Find(V, 2); !ok || b.Info().Name != "model.layers.2.self_attn.v_proj.weight" {
			t.Errorf("find gave %v", ok)
		}
		if _, ok := ck.Find(V, 3); ok {
			t.Error("found a tensor of a layer that is not there")
		}
	}
}

func TestBindListsAllProblems(t *testing.T) {
	text := tiny("llama", `"num_key_value_heads": 2`)
	f := faked(t, text, text)
	f.drop("model.norm.weight")
	f.put("model.layers.0.self_attn.k_proj.weight", tensor.BF16, 1, 48, 48)
	f.put("model.layers.1.mlp.up_proj.weight", tensor.I32, 1, 112, 48)
	f.put("model.layers.0.self_attn.q_proj.bias", tensor.BF16, 1, 48)
	ck, found, err := Check(f)
	wantErr(t, err, "model-dir: ",
		`tensor "model.norm.weight": missing, wanted shape [48]`,
		`tensor "model.layers.0.self_attn.k_proj.weight": wanted shape [24 48] as config.json says, found [48 48]`,
		`tensor "model.layers.1.mlp.up_proj.weight": wanted weights of F16, BF16, F32 or F64, found I32`,
		`tensor "model.layers.0.self_attn.q_proj.bias": unknown to llama with this config.json, found shape [48]`)
	if ck == nil || len(ck.Tensors) != len(f.names)-1 {
		t.Error("what can be recognised should be there for inspection")
	}
	codes := map[Code]int{}
	for _, x := range found {
		codes[x.Code]++
	}
	if want := map[Code]int{Missing: 1, Misshapen: 1, WrongDType: 1, Unknown: 1, MixedDTypes: 1}; !maps.Equal(codes,
		want) {
		t.Errorf("findings %v, want %v", codes, want)
	}
	if ck, err := Bind(f); ck != nil || err == nil {
		t.Error("bind must give no checkpoint with an error")
	}
}

func TestBindCapsItsList(t *testing.T) {
	text := tiny("llama", "")
	f := faked(t, text, text)
	f.names = f.names[:2]
	_, err := Bind(f)
	wantErr(t, err, "and 8 more") // 3 x 9 + 3 - 2 missing
	if n := strings.Count(err.Error(), "\n"); n != most {
		t.Errorf("%d lines, want %d", n+1, most+1)
	}
}

func TestBindTied(t *testing.T) {
	tied, untied := tiny("llama", `"tie_word_embeddings": true`), tiny("llama", "")
	const head, embed = "lm_head.weight", "model.embed_tokens.weight"

	f := faked(t, untied, tied) // flag true, head in the file and equal
	ck, found, err := Check(f)
	if err != nil || len(found) != 1 || found[0].Code != HeadTied || found[0].Fatal {
		t.Fatal(found, err)
	}
	if _, ok := ck.Find(Head, -1); ok {
		t.Error("a tied head must not be bound")
	}

	f.put(head, tensor.BF16, 2, 131, 48) // and different
	_, err = Bind(f)
	wantErr(t, err, `tensor "lm_head.weight": differs from "model.embed_tokens.weight", though config.json says tie_word_embeddings`)
	if !strings.Contains(fault.HintOf(err), "transformers 5 would keep the two apart") {
		t.Errorf("hint %q", fault.HintOf(err))
	}

	f = faked(t, untied, tied) // only the head: it is the embedding
	f.put(head, tensor.BF16, 3, 131, 48)
	f.drop(embed)
	ck, _, err = Check(f)
	if err != nil {
		t.Fatal(err)
	}
	b, ok := ck.Find(Embed, -1)
	one := make([]byte, 1)
	if _, err := b.ReadAt(one, 5); !ok || err != nil || b.Info().Name != embed || one[0] != 3 {
		t.Errorf("the head must stand for the embedding: %v %v %v", ok, err, one)
	}

	f = faked(t, tied, untied) // flag false, head missing
	_, err = Bind(f)
	wantErr(t, err, `tensor "lm_head.weight": missing, wanted shape [131 48]`)
	if !strings.Contains(fault.HintOf(err), "set tie_word_embeddings to true") {
		t.Errorf("hint %q", fault.HintOf(err))
	}
}

func TestBindNotes(t *testing.T) {
	text := tiny("llama", `"dtype": "bfloat16"`)
	f := faked(t, text, text)
	f.put("model.layers.2.self_attn.rotary_emb.inv_freq", tensor.F32, 0, 6)
	f.put("model.norm.weight", tensor.F32, 0, 48)
	ck, found, err := Check(f)
	if err != nil {
		t.Fatal(err)
	}
	var codes []Code
	for _, x := range found {
		codes = append(codes, x.Code)
	}
	if !slices.Equal(codes, []Code{Ignored, MixedDTypes, DTypeDiffers}) {
		t.Errorf("findings %+v", found)
	}
	if ck.DType() != tensor.BF16 {
		t.Errorf("dtype %s", ck.DType())
	}
}

func TestBindRefusesConfig(t *testing.T) {
	f := faked(t, tiny("llama", ""), "")
	_, err := Bind(f)
	wantErr(t, err, "model-dir: config.json: not found")
	if fault.HintOf(err) == "" {
		t.Error("no hint")
	}
	f.files["config.json"] = []byte(`{"model_type": "bert"}`)
	ck, found, err := Check(f)
	wantErr(t, err, "model-dir: config.json: model_type: unknown architecture")
	if ck != nil || len(found) != 1 || found[0].Code != BadConfig {
		t.Errorf("%v %+v", ck, found)
	}
	f.files["config.json"] = []byte(tiny("llama", ""))
	f.names = append(f.names, "ghost")
	_, err = Bind(f)
	wantErr(t, err, `tensor "ghost"`)
}

func TestBindLone(t *testing.T) {
	for _, tc := range []struct{ kind, extra, guess string }{
		{"llama", "", "llama"},
		{"llama", `"tie_word_embeddings": true`, "llama"},
		{"llama", `"attention_bias": true, "mlp_bias": true`, "llama"},
		{"mistral", `"num_key_value_heads": 2`, "llama"},
		{"qwen2", `"num_key_value_heads": 2, "tie_word_embeddings": true`, "qwen2"},
		{"qwen3", `"num_key_value_heads": 2, "head_dim": 16`, "qwen3"},
	} {
		text := tiny(tc.kind, tc.extra)
		want := mustResolve(t, text)
		ck, err := BindLone(faked(t, text, ""))
		if err != nil {
			t.Fatal(err)
		}
		m := ck.Model
		if m.Spec.Name != tc.guess || m.Layers != 3 || m.Vocab != 131 || m.Hidden != 48 || m.FFN != 112 ||
			m.Tied != want.Tied ||
			m.QKVBias != want.QKVBias || m.OBias != want.OBias || m.MLPBias != want.MLPBias || m.QKNorm != want.QKNorm {
			t.Errorf("%s %s: %+v", tc.kind, tc.extra, m)
		}
		if m.Heads != 0 || m.KVHeads != 0 || m.QKNorm && m.HeadDim != 16 || !m.QKNorm && m.HeadDim != 0 {
			t.Errorf("%s: head sizes %d %d %d are guesses", tc.kind, m.Heads, m.KVHeads, m.HeadDim)
		}
		for i, s := range want.Layout() {
			if b := ck.Tensors[i]; b.Info().Name != s.Name || b.Layer != s.Layer || b.Spec.Role != s.Spec.Role {
				t.Errorf("%s: tensor %d is %s in layer %d", tc.kind, i, b.Info(), b.Layer)
			}
		}
	}
}

func TestBindLoneRefuses(t *testing.T) {
	text := tiny("llama", "")
	for want, spoil := range map[string]func(*fake){
		`no known architecture: wanted tensors "model.embed_tokens.weight"`: func(f *fake) { f.drop("model.embed_tokens.weight") },
		`tensor "model.layers.1.mlp.up_proj.weight": missing`:               func(f *fake) { f.drop("model.layers.1.mlp.up_proj.weight") },
		`tensor "score.weight": unknown to llama`: func(f *fake) {
			f.put("score.weight", tensor.F32,
				0, 2, 48)
		},
		`shape [24 48] does not fit`:             func(f *fake) { f.put("model.layers.2.self_attn.q_proj.weight", tensor.BF16, 0, 24, 48) },
		`shape [112 40] does not fit`:            func(f *fake) { f.put("model.layers.2.mlp.up_proj.weight", tensor.BF16, 0, 112, 40) },
		`wanted 2 dimensions, found shape [131]`: func(f *fake) { f.put("model.embed_tokens.weight", tensor.BF16, 0, 131) },
		`found U8`: func(f *fake) {
			f.put("model.norm.weight",
				tensor.U8, 0, 48)
		},
	} {
		f := faked(t, text, "")
		spoil(f)
		_, err := BindLone(f)
		wantErr(t, err, "model-dir: ", want)
	}
}

// TestBindAsksForMany: a config that asks for millions of tensors is refused as such, not tensor by tensor.
func TestBindAsksForMany(t *testing.T) {
	f := faked(t, tiny("llama", ""), tiny("mixtral", `"num_key_value_heads": 2, "num_local_experts": 65536, "num_experts_per_tok": 2`))
	_, found, err := Check(f)
	wantErr(t, err, "config.json asks for 589", "tensors, found 30")
	if len(found) != 1 {
		t.Errorf("%d findings", len(found))
	}
}
