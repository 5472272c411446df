package verify

import (
	"context"
	"encoding/json"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/proof"
	pt "famkit/internal/proof/prooftest"
	"famkit/internal/tensor"
)

// plainModel is a model whose tensors are taken apart: each role has its own, as numbers. It is what ways of storing
// are made from.
type plainModel struct {
	t       *testing.T
	m       *arch.Model
	config  map[string]any
	dtype   tensor.DType
	tensors map[arch.Key]*plainTensor
}

type plainTensor struct {
	spec       *arch.TensorSpec
	rows, cols int
	v          []float64
}

func plainOf(t *testing.T, ck *arch.Checkpoint) *plainModel {
	t.Helper()
	p := &plainModel{t: t, dtype: ck.DType(), tensors: map[arch.Key]*plainTensor{}}
	raw, _ := format.ReadFile(ck.Source, configFile)
	if err := json.Unmarshal(raw, &p.config); err != nil {
		t.Fatal(err)
	}
	apart, _, err := (&proof.Claim{Rewritten: &proof.Rewriting{}}).Present(ck, ck)
	if err != nil {
		t.Fatal(err)
	}
	p.m = apart.Model
	for _, b := range apart.Tensors {
		raw, err := format.ReadAll(b.Tensor)
		if err != nil {
			t.Fatal(err)
		}
		info := b.Info()
		x := &plainTensor{b.Spec, info.Shape[0], 1, make([]float64, len(raw)*8/info.DType.Bits())}
		if len(info.Shape) > 1 {
			x.cols = info.Shape[1]
		}
		tensor.Decode(x.v, raw, info.DType)
		p.tensors[b.Key()] = x
	}
	return p
}

// dim is the dimension of a use.
func (x *plainTensor) dim(use arch.Use) int {
	return slices.IndexFunc(x.spec.Dims, func(d arch.Dim) bool { return d.Use == use })
}

// each gives the numbers with their index along the dimension of a use.
func (x *plainTensor) each(use arch.Use, f func(i int, v *float64)) {
	d := x.dim(use)
	for k := range x.v {
		i := k / x.cols
		if d == 1 {
			i = k % x.cols
		}
		f(i, &x.v[k])
	}
}

func (x *plainTensor) scale(use arch.Use, k []float64) {
	x.each(use, func(i int, v *float64) { *v *= k[i] })
}

// pick puts index src[i] at i along a dimension.
func (x *plainTensor) pick(use arch.Use, src []int32) {
	was := slices.Clone(x.v)
	cols := x.cols
	if x.dim(use) == 1 {
		x.cols = len(src)
	} else {
		x.rows = len(src)
	}
	x.v = make([]float64, x.rows*x.cols)
	for k := range x.v {
		r, c := k/x.cols, k%x.cols
		if x.dim(use) == 1 {
			c = int(src[c])
		} else {
			r = int(src[r])
		}
		x.v[k] = was[r*cols+c]
	}
}

// at calls f for a role's tensors of a layer, of all experts.
func (p *plainModel) at(layer int, f func(x *plainTensor), roles ...arch.Role) {
	for _, k := range p.keys() {
		if k.Layer == layer && slices.Contains(roles, k.Role) {
			f(p.tensors[k])
		}
	}
}

func (p *plainModel) keys() []arch.Key {
	return slices.SortedFunc(maps.Keys(p.tensors), func(a, b arch.Key) int {
		if a.Layer != b.Layer {
			return a.Layer - b.Layer
		}
		if a.Role != b.Role {
			return strings.Compare(string(a.Role), string(b.Role))
		}
		return a.Expert - b.Expert
	})
}

func (p *plainModel) has(layer int, role arch.Role) bool {
	_, ok := p.tensors[arch.Key{Role: role, Layer: layer, Expert: -1}]
	return ok
}

// store writes the model as its config says now. What the config asks for and the model has not is zero.
func (p *plainModel) store() *arch.Checkpoint {
	p.t.Helper()
	raw, err := json.Marshal(p.config)
	if err != nil {
		p.t.Fatal(err)
	}
	cfg, err := arch.ParseConfig(raw)
	if err != nil {
		p.t.Fatal(err)
	}
	m, err := arch.Resolve(cfg)
	if err != nil {
		p.t.Fatalf("%v\n%s", err, raw)
	}
	return pt.Build(p.t, map[string][]byte{configFile: raw}, p.dtype, func(s arch.Slot) []float64 {
		i := slices.IndexFunc(s.Spec.Dims, func(d arch.Dim) bool { return d.Parts != nil })
		if i < 0 {
			if x, ok := p.tensors[s.Key()]; ok {
				return x.v
			}
			n := 1
			for _, x := range s.Shape {
				n *= x
			}
			return make([]float64, n)
		}
		return p.fused(m, s, i)
	})
}

func (p *plainModel) fused(m *arch.Model, s arch.Slot, dim int) []float64 {
	rows, cols := s.Shape[0], 1
	if len(s.Shape) > 1 {
		cols = s.Shape[1]
	}
	out := make([]float64, rows*cols)
	for role, places := range proof.Places(m, s.Spec.Role, s.Spec.Dims[dim]) {
		x, ok := p.tensors[arch.Key{Role: role, Layer: s.Layer, Expert: -1}]
		if !ok {
			continue
		}
		for i, at := range places {
			if dim == 0 {
				copy(out[int(at)*cols:(int(at)+1)*cols], x.v[i*cols:(i+1)*cols])
				continue
			}
			for r := range rows {
				out[r*cols+int(at)] = x.v[r*len(places)+i]
			}
		}
	}
	return out
}

func (p *plainModel) set(key string, v any) {
	if v == nil {
		delete(p.config, key)
	} else {
		p.config[key] = v
	}
}

// twos draws powers of two, of either sign where that is asked for.
func twos(rng *rand.Rand, n int, signs bool) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.Ldexp(1, rng.IntN(7)-3)
		if signs && rng.IntN(2) == 0 {
			out[i] = -out[i]
		}
	}
	return out
}

func inverses(k []float64) []float64 {
	out := make([]float64, len(k))
	for i, x := range k {
		out[i] = 1 / x
	}
	return out
}

func permuted(rng *rand.Rand, n int) []int32 {
	var out []int32
	for _, i := range rng.Perm(n) {
		out = append(out, int32(i))
	}
	return out
}

// way is a way of storing the same function; it gives false where a model knows no such way.
type way func(p *plainModel, rng *rand.Rand) bool

var storedWays = map[string]way{
	"as F32": func(p *plainModel, _ *rand.Rand) bool {
		if p.dtype != tensor.BF16 {
			return false
		}
		p.dtype = tensor.F32
		return true
	},
	"head untied": func(p *plainModel, _ *rand.Rand) bool {
		if !p.m.Tied {
			return false
		}
		embed := p.tensors[arch.Key{Role: arch.Embed, Layer: -1, Expert: -1}]
		p.set("tie_word_embeddings", false)
		p.tensors[arch.Key{Role: arch.Head, Layer: -1, Expert: -1}] = embed
		return true
	},
	"gain and matrix": func(p *plainModel, rng *rand.Rand) bool {
		if !p.m.PreNorm || p.m.GainOffset != 0 {
			return false
		}
		for l := range p.m.Layers {
			for _, half := range []struct {
				norm    arch.Role
				readers []arch.Role
			}{{arch.AttnNorm, []arch.Role{arch.Q, arch.K, arch.V}},
				{arch.MLPNorm, []arch.Role{arch.Gate, arch.Up, arch.Router}}} {
				k := twos(rng, p.m.Hidden, true)
				p.at(l, func(x *plainTensor) { x.scale(x.spec.Dims[0].Use, k) }, half.norm, half.norm.Bias())
				p.at(l, func(x *plainTensor) { x.scale(arch.Reads, inverses(k)) }, half.readers...)
			}
		}
		return true
	},
	"final gain and head": func(p *plainModel, rng *rand.Rand) bool {
		if p.m.Tied || p.m.GainOffset != 0 {
			return false
		}
		k := twos(rng, p.m.Hidden, true)
		p.at(-1, func(x *plainTensor) { x.scale(x.spec.Dims[0].Use, k) }, arch.FinalNorm, arch.FinalNorm.Bias())
		p.at(-1, func(x *plainTensor) { x.scale(arch.Reads, inverses(k)) }, arch.Head)
		return true
	},
	"q and k": func(p *plainModel, rng *rand.Rand) bool {
		m := p.m
		if m.QKNorm || m.QKNormFull {
			return false
		}
		for l := range m.Layers {
			k := twos(rng, m.KVHeads*m.HeadDim, true)
			for h := range m.KVHeads {
				for e := range m.Turned() / 2 {
					k[h*m.HeadDim+e+m.Turned()/2] = k[h*m.HeadDim+e]
				}
			}
			var q []float64
			for h := range m.Heads {
				q = append(q, inverses(k)[h/m.Size(arch.Group)*m.HeadDim:][:m.HeadDim]...)
			}
			p.at(l, func(x *plainTensor) { x.scale(arch.Writes, k) }, arch.K, arch.K.Bias())
			p.at(l, func(x *plainTensor) { x.scale(arch.Writes, q) }, arch.Q, arch.Q.Bias())
		}
		return true
	},
	"v and o": func(p *plainModel, rng *rand.Rand) bool {
		m := p.m
		for l := range m.Layers {
			k := twos(rng, m.KVHeads*m.HeadDim, true)
			var o []float64
			for h := range m.Heads {
				o = append(o, inverses(k)[h/m.Size(arch.Group)*m.HeadDim:][:m.HeadDim]...)
			}
			p.at(l, func(x *plainTensor) { x.scale(arch.Writes, k) }, arch.V, arch.V.Bias())
			p.at(l, func(x *plainTensor) { x.scale(arch.Reads, o) }, arch.O)
		}
		return true
	},
	"elements of v": func(p *plainModel, rng *rand.Rand) bool {
		m := p.m
		for l := range m.Layers {
			var v, o []int32
			for h := range m.KVHeads {
				for _, e := range permuted(rng, m.HeadDim) {
					v = append(v, int32(h*m.HeadDim)+e)
				}
			}
			for h := range m.Heads {
				for e := range m.HeadDim {
					o = append(o, int32(h*m.HeadDim)+v[h/m.Size(arch.Group)*m.HeadDim+e]%int32(m.HeadDim))
				}
			}
			p.at(l, func(x *plainTensor) { x.pick(arch.Writes, v) }, arch.V, arch.V.Bias())
			p.at(l, func(x *plainTensor) { x.pick(arch.Reads, o) }, arch.O)
		}
		return true
	},
	"up and down": func(p *plainModel, rng *rand.Rand) bool {
		if !p.m.Gated {
			return false
		}
		p.experts(func(l, e, n int) {
			k := twos(rng, n, true)
			p.of(l, e, func(x *plainTensor) { x.scale(arch.Writes, k) }, arch.Up, arch.Up.Bias())
			p.of(l, e, func(x *plainTensor) { x.scale(arch.Reads, inverses(k)) }, arch.Down)
		})
		return true
	},
	"neurons expert by expert": func(p *plainModel, rng *rand.Rand) bool {
		p.experts(func(l, e, n int) {
			src := permuted(rng, n)
			p.of(l, e, func(x *plainTensor) { x.pick(arch.Writes, src) }, arch.Up, arch.Up.Bias(), arch.Gate, arch.Gate.Bias())
			p.of(l, e, func(x *plainTensor) { x.pick(arch.Reads, src) }, arch.Down)
		})
		return true
	},
	"query heads of each group": func(p *plainModel, rng *rand.Rand) bool {
		m := p.m
		group := m.Size(arch.Group)
		if group < 2 {
			return false
		}
		for l := range m.Layers {
			var q []int32
			for kv := range m.KVHeads {
				for _, g := range permuted(rng, group) {
					for e := range m.HeadDim {
						q = append(q, (int32(kv*group)+g)*int32(m.HeadDim)+int32(e))
					}
				}
			}
			p.at(l, func(x *plainTensor) { x.pick(arch.Writes, q) }, arch.Q, arch.Q.Bias())
			p.at(l, func(x *plainTensor) { x.pick(arch.Reads, q) }, arch.O)
			p.at(l, func(x *plainTensor) { pickNorm(x, q) }, arch.QNorm)
		}
		return true
	},
	"keys and values unfolded": func(p *plainModel, _ *rand.Rand) bool {
		m := p.m
		group := m.Size(arch.Group)
		if group < 2 {
			return false
		}
		var kv []int32
		for h := range m.Heads {
			for e := range m.HeadDim {
				kv = append(kv, int32(h/group*m.HeadDim+e))
			}
		}
		for l := range m.Layers {
			p.at(l, func(x *plainTensor) { x.pick(arch.Writes, kv) }, arch.K, arch.K.Bias(), arch.V, arch.V.Bias())
			p.at(l, func(x *plainTensor) { pickNorm(x, kv) }, arch.KNorm)
		}
		p.set("num_key_value_heads", m.Heads)
		return true
	},
	"signs of channels": func(p *plainModel, rng *rand.Rand) bool {
		m := p.m
		if m.LayerNorm || m.GainOffset != 0 || m.Tied {
			return false
		}
		k := make([]float64, m.Hidden)
		for i := range k {
			k[i] = float64(1 - 2*rng.IntN(2))
		}
		for _, key := range p.keys() {
			x := p.tensors[key]
			role := key.Role.Weight()
			switch {
			case key.Role == arch.Embed || role == arch.O || role == arch.Down:
				x.scale(arch.Writes, k)
			case m.PreNorm && (role == arch.AttnNorm || role == arch.MLPNorm) || role == arch.FinalNorm:
				x.scale(x.spec.Dims[0].Use, k)
			case !m.PreNorm && key.Layer >= 0 && x.spec.ReadsStream():
				x.scale(arch.Reads, k)
			}
		}
		return true
	},
	"biases of zero": func(p *plainModel, _ *rand.Rand) bool {
		if p.config["model_type"] != "llama" || p.m.QKVBias {
			return false
		}
		p.set("attention_bias", true)
		p.set("mlp_bias", true)
		return true
	},
	"as mistral": func(p *plainModel, _ *rand.Rand) bool {
		return p.as("llama", "mistral", "MistralForCausalLM", map[string]any{"sliding_window": nil, "head_dim": p.m.HeadDim})
	},
	"as phi3": func(p *plainModel, _ *rand.Rand) bool {
		if p.m.HeadDim*p.m.Heads != p.m.Hidden {
			return false
		}
		return p.as("llama", "phi3", "Phi3ForCausalLM", map[string]any{"sliding_window": nil, "partial_rotary_factor": 1.0,
			"head_dim":     nil,
			"pad_token_id": 0, "attention_bias": nil, "mlp_bias": nil, "rope_scaling": nil})
	},
	"as qwen2": func(p *plainModel, _ *rand.Rand) bool {
		if p.m.HeadDim*p.m.Heads != p.m.Hidden {
			return false
		}
		return p.as("llama", "qwen2", "Qwen2ForCausalLM", map[string]any{"use_sliding_window": false, "head_dim": nil,
			"attention_bias": nil, "mlp_bias": nil})
	},
	"a linear factor of 1": func(p *plainModel, _ *rand.Rand) bool {
		if p.m.Rope.Type != "default" || p.config["rope_theta"] == nil || p.m.LocalRope != nil ||
			p.m.Spec.Name == "gpt_neox" || p.m.Spec.Name == "phi3" {
			return false
		}
		p.set("rope_scaling", map[string]any{"rope_type": "linear", "factor": 1.0})
		return true
	},
	"k's bias": func(p *plainModel, rng *rand.Rand) bool {
		m := p.m
		if !p.has(0, arch.K.Bias()) || m.Turned() >= m.HeadDim || m.AttnSoftcap != 0 || m.QKNorm {
			return false
		}
		for l := range m.Layers {
			p.at(l, func(x *plainTensor) {
				for i := range x.v {
					if i%m.HeadDim >= m.Turned() {
						x.v[i] = rng.NormFloat64()
					}
				}
			}, arch.K.Bias())
		}
		return true
	},
	"a router's common vector": func(p *plainModel, rng *rand.Rand) bool {
		if p.m.MoE == nil {
			return false
		}
		for l := range p.m.Layers {
			p.at(l, func(x *plainTensor) {
				for c := range x.cols {
					k := float64(rng.IntN(9)-4) / 8
					for r := range x.rows {
						x.v[r*x.cols+c] += k
					}
				}
			}, arch.Router)
		}
		return true
	},
	"a layer without values, up or gate": func(p *plainModel, rng *rand.Rand) bool {
		return p.silentLayer(rng, arch.V,
			arch.Up)
	},
	"a layer without gate": func(p *plainModel, rng *rand.Rand) bool {
		return p.m.Gated &&
			p.silentLayer(rng, arch.V, arch.Gate)
	},
	"a layer that hears nothing": func(p *plainModel, rng *rand.Rand) bool {
		return p.m.PreNorm && p.m.GainOffset == 0 && p.silentLayer(rng, arch.AttnNorm, arch.MLPNorm)
	},
}

// pickNorm reorders a norm over all heads. One over each head has nothing to reorder.
func pickNorm(x *plainTensor, src []int32) {
	if len(x.v) > 1 && len(x.spec.Dims[0].Axes) > 1 {
		x.pick(x.spec.Dims[0].Use, src)
	}
}

// experts calls f for each MLP: layer, expert (-1 for a dense one) and neurons.
func (p *plainModel) experts(f func(l, e, n int)) {
	for l := range p.m.Layers {
		if !p.m.Mixture(l) {
			f(l, -1, p.m.FFN)
			continue
		}
		for e := range p.m.MoE.Experts {
			f(l, e, p.m.MoE.FFN)
		}
	}
}

func (p *plainModel) of(l, e int, f func(x *plainTensor), roles ...arch.Role) {
	for _, r := range roles {
		if x, ok := p.tensors[arch.Key{Role: r, Layer: l, Expert: e}]; ok {
			f(x)
		}
	}
}

// as stores a family's model under another family's name.
func (p *plainModel) as(from, to, class string, keys map[string]any) bool {
	if p.m.Spec.Name != from || p.m.QKVBias || p.m.Rope.Type != "default" {
		return false
	}
	p.set("model_type", to)
	p.set("architectures", []string{class})
	for k, v := range keys {
		p.set(k, v)
	}
	if to != "phi3" && p.m.Tied {
		p.set("tie_word_embeddings", true)
	}
	if v, ok := keys["sliding_window"]; ok && v == nil {
		p.config["sliding_window"] = nil
	}
	return true
}

// silentLayer adds a layer at the end whose given tensors are zero, with their biases and those of o and down, and
// random ones otherwise.
func (p *plainModel) silentLayer(rng *rand.Rand, zero ...arch.Role) bool {
	if len(p.m.Window) > 0 && longestWindow(p.m) > 0 || p.config["layer_types"] != nil || p.m.MoE != nil {
		return false
	}
	n := p.m.Layers
	for _, k := range p.keys() {
		if k.Layer != n-1 {
			continue
		}
		x := *p.tensors[k]
		x.v = slices.Clone(x.v)
		for i := range x.v {
			x.v[i] += rng.NormFloat64() / 8
		}
		weight := k.Role.Weight()
		if slices.Contains(zero, weight) || k.Role == arch.O.Bias() || k.Role == arch.Down.Bias() ||
			slices.Contains(zero, arch.AttnNorm) && k.Role.IsBias() {
			clear(x.v)
		}
		k.Layer = n
		p.tensors[k] = &x
	}
	for _, key := range []string{"num_hidden_layers", "n_layer"} {
		if p.config[key] != nil {
			p.config[key] = n + 1
		}
	}
	return true
}

// looked is the proof that is found without a plan, nil where none is looked for with success.
func looked(t *testing.T, parent, child *arch.Checkpoint) (*Report, error) {
	t.Helper()
	return Models(context.Background(), parent.Source, child.Source, nil, Options{ProofOnly: true})
}

// storedConfigs are all architectures', and a llama that other families can hold.
func storedConfigs() map[string]string {
	all := maps.Clone(archtest.Configs)
	all["llama-square"] = `{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":16,"num_hidden_layers":2,"num_attention_heads":4,
 "num_key_value_heads":2,"intermediate_size":20,"vocab_size":31,"rms_norm_eps":0.001,"rope_theta":10000.0,"max_position_embeddings":64,
 "tie_word_embeddings":false,"hidden_act":"silu"}`
	return all
}

// mayStore draws a parent in which a way of storing changes no number that it must not: with shares and sums that are
// exact.
func mayStore(t *testing.T, name string, d tensor.DType, seed uint64) *arch.Checkpoint {
	ck := pt.Random(t, seed, storedConfigs()[name], d)
	p := plainOf(t, ck)
	for _, k := range p.keys() {
		if k.Role == arch.Router { // numbers that a common vector can be added to
			for i, x := range p.tensors[k].v {
				p.tensors[k].v[i] = math.Round(x*16) / 16
			}
		}
	}
	return p.store()
}

// TestStoredOtherwise: the same function stored in another way is proved without a plan, and said in words. A spoiled
// one is refused.
func TestStoredOtherwise(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 4))
	said, spoiled := map[string]string{}, 0
	for _, what := range slices.Sorted(maps.Keys(storedWays)) {
		done := 0
		for i, name := range slices.Sorted(maps.Keys(storedConfigs())) {
			d := []tensor.DType{tensor.BF16, tensor.F32, tensor.F64}[i%3]
			parent := mayStore(t, name, d, uint64(i))
			p := plainOf(t, parent)
			if !storedWays[what](p, rng) {
				continue
			}
			child := p.store()
			if far := pt.Distance(t, parent, child); far > 1e-10 {
				t.Fatalf("%s, %s: the test itself changes the function by %.1e", what, name, far)
			}
			done++
			r, err := looked(t, parent, child)
			if err != nil || !r.Equal || r.Proof.Verdict != proof.Exact {
				t.Errorf("%s, %s %s: %v", what, name, d, err)
				if r != nil && r.Proof != nil {
					t.Log(text(r.Proof))
				} else if r != nil {
					t.Logf("%+v", r.Checks)
				}
				continue
			}
			said[what] = r.Proof.Notes[0]
			if child.Model.Layers == parent.Model.Layers { // and back
				if r, err := looked(t, child, parent); err != nil || !r.Equal {
					t.Errorf("%s, %s %s, back: %v", what, name, d, err)
					if r != nil && r.Proof != nil {
						t.Log(text(r.Proof))
					}
				}
			}
			if oneSpoiled(t, rng, p, parent) {
				spoiled++
			}
		}
		if done == 0 {
			t.Errorf("%s: of no model", what)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(said)) {
		t.Logf("%s: %s", what, said[what])
	}
	if spoiled < 100 {
		t.Errorf("only %d spoiled children", spoiled)
	}
}

// oneSpoiled moves one number of a stored model; it must be refused where that changes the function.
func oneSpoiled(t *testing.T, rng *rand.Rand, p *plainModel, parent *arch.Checkpoint) bool {
	t.Helper()
	keys := p.keys()
	for range 20 {
		k := keys[rng.IntN(len(keys))]
		x := p.tensors[k]
		i := rng.IntN(len(x.v))
		was := x.v[i]
		x.v[i] = was*1.5 + 0.25
		child := p.store()
		far := pt.Distance(t, parent, child)
		x.v[i] = was
		if !(far > 1e-5) {
			continue
		}
		if r, err := looked(t, parent, child); err == nil && r.Equal {
			t.Errorf("element %d of %v spoiled: accepted, though the logits differ by %.3g of the largest:\n%s", i, k, far,
				text(r.Proof))
		}
		return true
	}
	return false
}

// TestStoredOtherwiseTogether: so are several ways at once, of models of other sizes too.
func TestStoredOtherwiseTogether(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 55))
	first := []string{"gain and matrix", "q and k", "v and o", "elements of v", "up and down", "neurons expert by expert",
		"query heads of each group", "signs of channels", "k's bias", "a router's common vector", "final gain and head"}
	last := []string{"keys and values unfolded", "as mistral", "as phi3", "as qwen2", "biases of zero",
		"a linear factor of 1", "as F32", "head untied"}
	names := slices.Sorted(maps.Keys(storedConfigs()))
	done := 0
	for i := range 150 {
		name := names[i%len(names)]
		parent := mayStore(t, name, []tensor.DType{tensor.BF16, tensor.F32, tensor.F64}[rng.IntN(3)], uint64(i))
		p := plainOf(t, parent)
		var how []string
		for k, list := range [][]string{first, last} {
			family := false
			for _, w := range list {
				if rng.IntN(2+k) > 0 || strings.HasPrefix(w, "as ") && w != "as F32" && family {
					continue
				}
				if storedWays[w](p, rng) {
					family = family || strings.HasPrefix(w, "as ")
					how = append(how, w)
				}
			}
		}
		if len(how) < 2 {
			continue
		}
		child := p.store()
		if far := pt.Distance(t, parent, child); far > 1e-10 {
			t.Fatalf("%s, %v: the test itself changes the function by %.1e", name, how, far)
		}
		done++
		r, err := looked(t, parent, child)
		if err != nil || !r.Equal {
			t.Errorf("%d %s, %v: %v", i, name, how, err)
			if r != nil && r.Proof != nil {
				t.Log(text(r.Proof))
			} else if r != nil {
				t.Logf("%+v", r.Checks)
			}
			continue
		}
		oneSpoiled(t, rng, p, parent)
	}
	if done < 100 {
		t.Errorf("only %d", done)
	}
}
