package convert

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/gguftest"
	"famkit/internal/tensor"
)

// ggufNames are llama.cpp's names, written out by hand for two layers at most.
var ggufNames = map[string]string{
	"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
	"lm_head.weight":  "output.weight",
	"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
	"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
	"self_attn.o_proj": "attn_output",
	"self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
	"mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}

func toGGUFName(t *testing.T, name string) string {
	t.Helper()
	if known := ggufNames[name]; known != "" {
		return known
	}
	parts := strings.SplitN(name, ".", 4) // model.layers.N.rest
	rest, kind, _ := cutLast(parts[3], ".")
	if ggufNames[rest] == "" {
		t.Fatalf("no GGUF name for %s", name)
	}
	return "blk." + parts[2] + "." + ggufNames[rest] + "." + kind
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	return s[:max(i, 0)], s[i+1:], i >= 0
}

// permuteRows does what llama.cpp's converter does to q and k: the two halves of each head become neighbours.
func permuteRows(data []byte, heads, rows int) []byte {
	row, half := len(data)/rows, rows/heads/2
	out := make([]byte, 0, len(data))
	for h := range heads {
		for j := range half {
			for s := range 2 {
				r := h*2*half + s*half + j
				out = append(out, data[r*row:(r+1)*row]...)
			}
		}
	}
	return out
}

// modelGGUF writes a Hugging Face checkpoint as llama.cpp's converter would, in float32.
func modelGGUF(t *testing.T, src format.Source, m *arch.Model) *gguftest.File {
	t.Helper()
	a := map[string]string{"mistral": "llama"}[m.Spec.Name]
	if a == "" {
		a = m.Spec.Name
	}
	kv := func(key string, v any) gguftest.Pair { return gguftest.KV(a+"."+key, v) }
	f := &gguftest.File{Pairs: []gguftest.Pair{
		gguftest.KV("general.architecture", a),
		kv("block_count", uint32(m.Layers)), kv("context_length", uint32(m.MaxPos)), kv("embedding_length", uint32(m.Hidden)),
		kv("feed_forward_length", uint32(m.FFN)), kv("attention.head_count", uint32(m.Heads)),
		kv("attention.head_count_kv", uint32(m.KVHeads)),
		kv("attention.key_length", uint32(m.HeadDim)), kv("attention.value_length", uint32(m.HeadDim)),
		kv("rope.freq_base", float32(m.Rope.Theta)), kv("attention.layer_norm_rms_epsilon", float32(m.Eps)),
		gguftest.KV("tokenizer.ggml.bos_token_id", uint32(1)), gguftest.KV("tokenizer.ggml.eos_token_id", uint32(2)),
		gguftest.KV("tokenizer.ggml.padding_token_id", uint32(0)),
	}}
	for _, name := range src.Names() {
		x, err := src.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		data, err := format.ReadAll(x)
		if err != nil {
			t.Fatal(err)
		}
		shape := x.Info().Shape
		if a == "llama" && strings.Contains(name, "q_proj") {
			data = permuteRows(data, m.Heads, shape[0])
		}
		if a == "llama" && strings.Contains(name, "k_proj") {
			data = permuteRows(data, m.KVHeads, shape[0])
		}
		dims := make([]uint64, len(shape))
		for i, d := range shape {
			dims[len(dims)-1-i] = uint64(d)
		}
		f.Tensors = append(f.Tensors, gguftest.Tensor{Name: toGGUFName(t, name), Dims: dims, Data: data})
	}
	return f
}

func openFile(t *testing.T, f *gguftest.File) format.Handle {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := os.WriteFile(path, f.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// oracleModel opens one of the models that transformers wrote.
func oracleModel(t *testing.T, name string) (format.Handle, *arch.Model) {
	t.Helper()
	h, err := format.Open("../fixtures/oracle/" + name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h, resolve(t, h)
}

func resolve(t *testing.T, src format.Source) *arch.Model {
	t.Helper()
	text, ok := format.ReadFile(src, "config.json")
	if !ok {
		t.Fatal("no config.json")
	}
	c, err := arch.ParseConfig(text)
	if err != nil {
		t.Fatal(err)
	}
	m, err := arch.Resolve(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func sameTensors(t *testing.T, got, want format.Source) {
	t.Helper()
	if a, b := slices.Sorted(slices.Values(got.Names())), slices.Sorted(slices.Values(want.Names())); !slices.Equal(a, b) {
		t.Fatalf("tensors %v, wanted %v", a, b)
	}
	for _, name := range want.Names() {
		a, errA := got.Tensor(name)
		b, errB := want.Tensor(name)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if a.Info().String() != b.Info().String() {
			t.Errorf("%s, wanted %s", a.Info(), b.Info())
			continue
		}
		x, errA := format.ReadAll(a)
		y, errB := format.ReadAll(b)
		if errA != nil || errB != nil || !bytes.Equal(x, y) {
			t.Errorf("%s: bytes differ (%v, %v)", name, errA, errB)
		}
	}
}

// TestFromGGUF writes models of transformers as GGUF and gets them back: the same tensors, the same meaning of
// config.json.
func TestFromGGUF(t *testing.T) {
	for _, name := range []string{"llama-untied", "llama-tied", "qwen2", "qwen3"} {
		t.Run(name, func(t *testing.T) {
			src, m := oracleModel(t, name)
			got, err := FromGGUF(openFile(t, modelGGUF(t, src, m)))
			if err != nil {
				t.Fatal(err)
			}
			sameTensors(t, got, src)
			back := resolve(t, got)
			if !reflect.DeepEqual(back, m) {
				t.Errorf("config means\n%+v, wanted\n%+v", *back, *m)
			}
			if _, err := arch.Bind(got); err != nil {
				t.Error(err)
			}
			config, _ := format.ReadFile(got, "config.json")
			for _, want := range []string{`"rms_norm_eps": 1e-06`, `"rope_theta": `, `"rope_parameters": `,
				`"torch_dtype": "float32"`, `"dtype": "float32"`, `"pad_token_id": 0`} {
				if !bytes.Contains(config, []byte(want)) {
					t.Errorf("config.json lacks %s:\n%s", want, config)
				}
			}
			generation, _ := format.ReadFile(got, "generation_config.json")
			if want := "{\n  \"_from_model_config\": true,\n  \"bos_token_id\": 1,\n  \"eos_token_id\": 2,\n  " +
				"\"pad_token_id\": 0\n}\n"; string(generation) != want {
				t.Errorf("generation_config.json: %s", generation)
			}
			if got.Meta()["format"] != "pt" {
				t.Error(got.Meta())
			}
		})
	}
}

// TestFromGGUFWindow: a llama file with a window is a Mistral.
func TestFromGGUFWindow(t *testing.T) {
	src, m := oracleModel(t, "mistral")
	f := modelGGUF(t, src, m)
	f.Pairs = append(f.Pairs, gguftest.KV("llama.attention.sliding_window", uint32(64)))
	got, err := FromGGUF(openFile(t, f))
	if err != nil {
		t.Fatal(err)
	}
	sameTensors(t, got, src)
	if back := resolve(t, got); back.Spec.Name != "mistral" || back.Window[0] != 64 || back.Window[1] != 64 {
		t.Errorf("%s with windows %v, wanted mistral with 64", back.Spec.Name, back.Window)
	}
}

// TestFromGGUFDTypes: the config's dtype is the one that loading every tensor without rounding needs.
func TestFromGGUFDTypes(t *testing.T) {
	src, m := oracleModel(t, "llama-tied")
	narrow := func(f *gguftest.File, kind uint32, which func(string) bool) {
		for i := range f.Tensors {
			if x := &f.Tensors[i]; which(x.Name) {
				x.Type, x.Data = kind, x.Data[:len(x.Data)/2]
			}
		}
	}
	all, matrices := func(string) bool { return true }, func(n string) bool { return !strings.Contains(n, "norm") }
	for _, c := range []struct {
		kind  uint32
		which func(string) bool
		want  tensor.DType
	}{{1, all, tensor.F16}, {30, all, tensor.BF16}, {1, matrices, tensor.F32}, {30, matrices, tensor.F32}} {
		f := modelGGUF(t, src, m)
		narrow(f, c.kind, c.which)
		got, err := FromGGUF(openFile(t, f))
		if err != nil {
			t.Fatal(err)
		}
		if d := resolve(t, got).DType; d != c.want {
			t.Errorf("type %d: dtype %s, wanted %s", c.kind, d, c.want)
		}
	}
}

// TestFromGGUFQuantised: a quantised file becomes float32 throughout, its F16 tensors too.
func TestFromGGUFQuantised(t *testing.T) {
	h, err := format.Open("../fixtures/gguf/tiny.gguf")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	src, err := FromGGUF(h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := arch.Bind(src); err != nil {
		t.Error(err)
	}
	for _, name := range src.Names() {
		x, err := src.Tensor(name)
		if err != nil || x.Info().DType != tensor.F32 {
			t.Errorf("%s: %v (%v)", name, x.Info(), err)
		}
	}
	// One that is stored as F16, and is not quantised: exactly the half precision numbers.
	stored, _ := h.Tensor("blk.1.ffn_up.weight")
	half, err := format.ReadAll(stored)
	if err != nil {
		t.Fatal(err)
	}
	wide, _ := src.Tensor("model.layers.1.mlp.up_proj.weight")
	got, err := format.ReadAll(wide)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float32, len(half)/2)
	tensor.Decode(want, half, tensor.F16)
	if !bytes.Equal(got, gguftest.Floats(want...)) {
		t.Error("the F16 tensor differs")
	}
}

// TestUnpermuteAnywhere reads ranges of permuted tensors, quantised ones too, and compares with the whole.
func TestUnpermuteAnywhere(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	rows := make([]byte, 48*3*34) // 48 rows of 96 Q8_0 elements
	for i := range rows {
		rows[i] = byte(rng.Uint32())
		if i%34 == 1 {
			rows[i] &= 0x3f
		}
	}
	f := &gguftest.File{Tensors: []gguftest.Tensor{
		{Name: "plain", Dims: []uint64{96, 48}, Type: 8, Data: rows},
		{Name: "permuted", Dims: []uint64{96, 48}, Type: 8, Data: permuteRows(rows, 4, 48)},
	}}
	h := openFile(t, f)
	plain, _ := h.Tensor("plain")
	permuted, _ := h.Tensor("permuted")
	want, err := format.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	g := unpermute(permuted, 12)
	for range 500 {
		off := rng.IntN(len(want))
		p := make([]byte, 1+rng.IntN(len(want)))
		n, err := g.ReadAt(p, int64(off))
		if !bytes.Equal(p[:n], want[off:min(off+len(p), len(want))]) || (err != nil) != (off+len(p) > len(want)) {
			t.Fatalf("%d bytes at %d: %d read, error %v", len(p), off, n, err)
		}
	}
	if _, err := g.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("a negative offset was read")
	}
}

// TestFromGGUFRefusals breaks a sound model in one place each.
func TestFromGGUFRefusals(t *testing.T) {
	src, m := oracleModel(t, "llama-untied")
	set := func(key string, v any) func(*gguftest.File) {
		return func(f *gguftest.File) {
			f.Pairs = slices.DeleteFunc(f.Pairs, func(p gguftest.Pair) bool { return p.Key == key })
			if v != nil {
				f.Pairs = append(f.Pairs, gguftest.KV(key, v))
			}
		}
	}
	at := func(f *gguftest.File, name string) *gguftest.Tensor {
		return &f.Tensors[slices.IndexFunc(f.Tensors, func(x gguftest.Tensor) bool { return x.Name == name })]
	}
	for _, c := range []struct {
		name, want string
		breaks     func(*gguftest.File)
	}{
		{"no architecture", `metadata key "general.architecture" is missing, wanted a string`,
			set("general.architecture", nil)},
		{"unknown architecture", `wanted llama, qwen2 or qwen3, found "gemma2"`, set("general.architecture", "gemma2")},
		{"experts", "wanted a dense llama model, found 8 experts", set("llama.expert_count", uint32(8))},
		{"no layers", "found 0", set("llama.block_count", uint32(0))},
		{"layers without end", "layers that the", set("llama.block_count", uint32(1<<29))},
		{"negative size", "wanted 0 to 1073741824, found -3", set("llama.embedding_length", int32(-3))},
		{"size as text", "wanted an integer, found string", set("llama.feed_forward_length", "112")},
		{"missing size", `"llama.attention.head_count" is missing`, set("llama.attention.head_count", nil)},
		{"value length", "wanted 12 as attention.key_length, found 24", set("llama.attention.value_length", uint32(24))},
		{"partial rotation", "wanted the whole head of 12 rotated, found 6", set("llama.rope.dimension_count", uint32(6))},
		{"yarn", "wanted none or linear with a factor, found yarn", set("llama.rope.scaling.type", "yarn")},
		{"eps as integer", "wanted a float, found uint32", set("llama.attention.layer_norm_rms_epsilon", uint32(0))},
		{"bos too large", "wanted an id below the vocabulary of 131, found 131", set("tokenizer.ggml.bos_token_id",
			uint32(131))},
		{"vocabulary size", "wanted 131 as token_embd.weight has rows, found 132", set("llama.vocab_size", uint32(132))},
		{"hidden size", `tensor "token_embd.weight": wanted shape [131 96], found [131 48]`,
			set("llama.embedding_length", uint32(96))},
		{"missing tensor", `tensor "blk.1.ffn_up.weight" is missing, wanted [112 48]`,
			func(f *gguftest.File) { at(f, "blk.1.ffn_up.weight").Name = "blk.1.ffn_upp.weight" }},
		{"unknown tensor", `tensor "blk.1.ffn_upp.weight" is not part of a llama model`,
			func(f *gguftest.File) { at(f, "blk.1.ffn_up.weight").Name = "blk.1.ffn_upp.weight" }},
		{"misshapen tensor", `tensor "blk.0.attn_q.weight": wanted shape [48 48], found [24 96]`,
			func(f *gguftest.File) { at(f, "blk.0.attn_q.weight").Dims = []uint64{96, 24} }},
		{"flat embedding", `tensor "token_embd.weight": wanted shape [vocabulary, 48], found [6288]`,
			func(f *gguftest.File) { at(f, "token_embd.weight").Dims = []uint64{131 * 48} }},
		{"integers", `tensor "output_norm.weight": wanted floating point numbers, found I32`,
			func(f *gguftest.File) { at(f, "output_norm.weight").Type = 26 }},
		{"unreadable type", `tensor "blk.0.extra": wanted F32, F16, BF16, Q8_0, Q4_0 or Q4_1, found Q6_K`,
			func(f *gguftest.File) {
				f.Tensors = append(f.Tensors, gguftest.Tensor{Name: "blk.0.extra", Dims: []uint64{256}, Type: 14,
					Data: make([]byte, 210)})
			}},
		{"odd rope factors", `tensor "rope_freqs.weight": wanted Llama 3's scaling by 3`, func(f *gguftest.File) {
			f.Tensors = append(f.Tensors, gguftest.Tensor{Name: "rope_freqs.weight", Dims: []uint64{6},
				Data: gguftest.Floats(1, 2, 3, 3, 3, 3)})
		}},
		{"rope factors of another head", `wanted F32 [6], found F32 [3]`, func(f *gguftest.File) {
			f.Tensors = append(f.Tensors, gguftest.Tensor{Name: "rope_freqs.weight", Dims: []uint64{3},
				Data: gguftest.Floats(1, 1, 1)})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := modelGGUF(t, src, m)
			c.breaks(f)
			h := openFile(t, f)
			_, err := FromGGUF(h)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), h.Path()+": ") ||
				fault.KindOf(err) != fault.Input {
				t.Errorf("%v, wanted %s", err, c.want)
			}
		})
	}
	if _, err := FromGGUF(src); err == nil || !strings.Contains(err.Error(), "wanted a GGUF file") {
		t.Error(err)
	}
}

// TestManyFaultsAreOneError: the first eight in full.
func TestManyFaultsAreOneError(t *testing.T) {
	src, m := oracleModel(t, "llama-untied")
	f := modelGGUF(t, src, m)
	for i := range f.Tensors {
		if strings.HasPrefix(f.Tensors[i].Name, "blk.1.") {
			f.Tensors[i].Name = strings.Replace(f.Tensors[i].Name, "blk.1.", "blk.9.", 1)
		}
	}
	_, err := FromGGUF(openFile(t, f))
	if err == nil || strings.Count(err.Error(), "is missing") != 8 || !strings.HasSuffix(err.Error(), "; and 10 more") {
		t.Error(err)
	}
}

// TestRopeFromFreqs recovers Llama 3's settings from the factors that transformers computes.
func TestRopeFromFreqs(t *testing.T) {
	golden, err := format.Open("../fixtures/gguf/rope_freqs.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = golden.Close() }()
	for _, name := range golden.Names() {
		x, err := golden.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		data, err := format.ReadAll(x)
		if err != nil {
			t.Fatal(err)
		}
		var factor, theta float64
		var dim int
		if _, err := fmt.Sscanf(name, "factor=%f theta=%f dim=%d", &factor, &theta, &dim); err != nil {
			t.Fatal(err)
		}
		for _, damage := range []bool{false, true} {
			if damage {
				i := len(data) / 2 / 4 * 4
				binary.LittleEndian.PutUint32(data[i:], binary.LittleEndian.Uint32(data[i:])+1<<13)
			}
			f := &gguftest.File{Tensors: []gguftest.Tensor{{Name: ropeFreqs, Dims: []uint64{uint64(dim / 2)}, Data: data}}}
			m := &arch.Model{HeadDim: dim, Rope: arch.Rope{Type: "default", Theta: theta}}
			err = ropeFromFreqs(openFile(t, f), m)
			want := arch.Rope{Type: "llama3", Theta: theta, Factor: factor, LowFreqFactor: 1, HighFreqFactor: 4,
				OriginalMaxPos: 8192}
			if !damage && (err != nil || !m.Rope.Equal(want)) {
				t.Errorf("%s: %+v, error %v", name, m.Rope, err)
			}
			if damage && err == nil {
				t.Errorf("%s: a damaged factor was not noticed", name)
			}
		}
	}
}

func TestShortest(t *testing.T) {
	for v, want := range map[float32]float64{1e-5: 1e-5, 1e-6: 1e-6, 0.1: 0.1, 500000: 500000, 1e6: 1e6, 3: 3} {
		if got := shortest(float64(v)); got != want {
			t.Errorf("%v: %v, wanted %v", v, got, want)
		}
	}
}

func fileNames(src format.Source) []string {
	return slices.Sorted(maps.Keys(maps.Collect(src.Files())))
}
