package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/tensor"
)

// What loaders make of a child beside its tensors no engine here can measure. So this damage knows what it does:
// whether some loader computes something else by it, or none does.

// verdictOf is what is known of damage.
type verdictOf int

const (
	harmful verdictOf = iota + 1
	harmlessly
	anything // either answer will do
)

// loadingKeys are keys of config.json that some loader obeys and that mean nothing to famkit, and keys that nobody
// minds.
var loadingKeys = []struct {
	key   string
	value any
	does  verdictOf
}{
	{"attribute_map", map[string]any{"rms_norm_eps": "x"}, harmful},
	{"configuration_files", []string{"config.5.0.0.json"}, harmful},
	{"transformers_weights", "other.safetensors", harmful},
	{"Transformers_Weights", "other.safetensors", harmful},
	{"Rms_Norm_Eps", 0.5, harmful},
	{"attention_chunk_size", 2, harmful},
	{"is_causal", false, harmful},
	{"per_layer_config", map[string]any{"0": map[string]any{"sliding_window": 1}}, harmful},
	{"text_config", map[string]any{"rms_norm_eps": 1}, harmful},
	{"quantization_config", map[string]any{"quant_method": "fp8"}, harmful},
	{"cache_implementation", "quantized", harmful},
	{"num_kv_shared_layers", 1, harmful},
	{"auto_map", map[string]any{"AutoModelForCausalLM": "x.X"}, harmful},
	{"pruned_heads", map[string]any{"0": []int{0}}, harmful},
	{"unheard_of", 7, harmful},
	{"attention_dropout", 0.25, harmlessly},
	{"_name_or_path", "elsewhere", harmlessly},
	{"transformers_version", "4.51.0", harmlessly},
	{"use_cache", false, harmlessly},
	{"temperature", 0.5, harmlessly},
	{"initializer_range", 0.125, harmlessly},
}

// loadingFiles are files beside the weights, likewise.
var loadingFiles = []struct {
	name, text string
	does       verdictOf
}{
	{"adapter_config.json", `{"base_model_name_or_path":"x"}`, harmful},
	{"ADAPTER_config.json", `{}`, harmful},
	{"custom_generate/generate.py", "", harmful},
	{"hf_quant_config.json", "{}", harmful},
	{"shard-00001-model-00001-of-00001.safetensors", "", harmful},
	{"generation_config.json", `{"cache_implementation":"offloaded_static"}`, harmful},
	{"generation_config.json", `{"top_k":1,"top_k":2}`, harmful},
	{"generation_config.json", `{"temperature":0.7,"top_p":0.9}`, harmlessly},
	{"tokenizer.json", `{"x":1}`, harmlessly},
	{"README.md", "hello", harmlessly},
	{"training_args.bin", "x", harmlessly},
	{"pytorch_model.bin", "x", harmlessly},
}

// damageLoading changes config.json, a file beside it, the type that weights are held in, the type of a tensor, or
// the shard index. It gives a source where the damaged child is not the one in memory.
func (s *stored) damageLoading(t *testing.T, rng *rand.Rand, parent *arch.Checkpoint) (what string, does verdictOf,
	src format.Source) {
	t.Helper()
	switch kind := rng.IntN(10); {
	case kind < 4:
		k := loadingKeys[rng.IntN(len(loadingKeys))]
		s.setKey(t, k.key, k.value)
		return fmt.Sprintf("%s: %v", k.key, k.value), k.does, nil
	case kind < 7:
		f := loadingFiles[rng.IntN(len(loadingFiles))]
		s.files[f.name] = []byte(f.text)
		return f.name + ": " + f.text, f.does, nil
	case kind == 7:
		to := []tensor.DType{tensor.BF16, tensor.F16, tensor.F32}[rng.IntN(3)]
		s.setKey(t, "dtype", to.Torch())
		s.setKey(t, "torch_dtype", to.Torch())
		return "dtype " + to.Torch(), s.held(to, parent), nil
	case kind == 8:
		i := rng.IntN(len(s.infos))
		info := s.infos[i]
		to := []tensor.DType{tensor.F32, tensor.F64, tensor.BF16}[rng.IntN(3)]
		s.retype(i, to)
		return fmt.Sprintf("%s from %s as %s", info.Name, info.DType, to), anything, nil // the engine sees what it does
	}
	what, does, src = s.damageIndex(t, rng)
	return what, does, src
}

func (s *stored) setKey(t *testing.T, key string, v any) {
	t.Helper()
	var c map[string]any
	if err := json.Unmarshal(s.files[configFile], &c); err != nil {
		t.Fatal(err)
	}
	c[key] = v
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	s.files[configFile] = b
}

// loses reports whether a type holds some number of a tensor otherwise.
func loses(info tensor.Info, raw []byte, to tensor.DType) bool {
	v := make([]float64, len(raw)*8/info.DType.Bits())
	tensor.Decode(v, raw, info.DType)
	short := make([]byte, len(v)*to.Bits()/8)
	tensor.Encode(short, v, to)
	w := make([]float64, len(v))
	tensor.Decode(w, short, to)
	for i := range v {
		if v[i] != w[i] {
			return true
		}
	}
	return false
}

// held: a child that is held in a type which rounds it computes something else than a parent that is held as it is.
func (s *stored) held(to tensor.DType, parent *arch.Checkpoint) verdictOf {
	if parent.DType() == tensor.F64 {
		return anything // transformers 4 rounds the parent too
	}
	for _, info := range s.infos {
		if loses(info, s.data[info.Name], to) {
			return harmful
		}
	}
	return harmlessly
}

// retype stores one tensor in another type. The first by name may decide how all are held.
func (s *stored) retype(i int, to tensor.DType) {
	info := s.infos[i]
	raw := s.data[info.Name]
	v := make([]float64, len(raw)*8/info.DType.Bits())
	tensor.Decode(v, raw, info.DType)
	info.DType = to
	data := make([]byte, info.Size())
	tensor.Encode(data, v, to)
	s.infos[i], s.data[info.Name] = info, data
}

// damageIndex writes the child in shards, and changes what the index says.
func (s *stored) damageIndex(t *testing.T, rng *rand.Rand) (string, verdictOf, format.Source) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "m")
	if _, err := format.Write(context.Background(), dir, s.source(), format.WriteOptions{MaxShard: 4000,
		NoDigests: true}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "model.safetensors.index.json")
	b, err := os.ReadFile(path)
	if err != nil {
		return "too small for shards", anything, nil
	}
	text, does, what := string(b), anything, "nothing"
	switch rng.IntN(4) {
	case 0:
		what, does = "shards alone", harmlessly
	case 1:
		what, does = "an index in another case", harmful
		text = strings.Replace(text, `"weight_map"`, `"Weight_Map"`, 1)
	case 2:
		what, does = "a type that there is none of", harmful
		text = strings.Replace(text, `"metadata": {`, `"metadata": {"dtype": "float3",`, 1)
		if c := string(s.files[configFile]); strings.Contains(c, `"dtype"`) || strings.Contains(c, `"torch_dtype"`) {
			does = anything // config.json goes before it
		}
	case 3:
		what, does = "a name twice", harmful
		text = strings.Replace(text, `"weight_map": {`, `"weight_map": {"`+s.infos[0].Name+`": "model-00002-of-00002.safetensors",`, 1)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	h, err := format.Open(dir)
	if err != nil {
		return what, does, failing{err}
	}
	t.Cleanup(func() { _ = h.Close() })
	return what, does, h
}

// failing is a source that cannot be opened.
type failing struct{ err error }

func (f failing) Names() []string { return nil }

func (f failing) Tensor(string) (tensor.Tensor, error) { return nil, f.err }

func (f failing) Meta() map[string]string { return nil }

func (f failing) Files() iter.Seq2[string, []byte] { return func(func(string, []byte) bool) {} }
