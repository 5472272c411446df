package arch

import (
	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// defaults are what a family's keys are called and mean where the config says nothing. kv 0 means as many as
// heads, headDim 0 hidden / heads, ffn 0 four times hidden, act "" SiLU; rope nil no rotary embedding.
type defaults struct {
	keys
	rope                                                   *ropeKeys
	act                                                    Activation
	tied                                                   bool
	vocab, hidden, ffn, layers, heads, kv, headDim, maxPos int
	eps, theta                                             float64
	bos, eos                                               []int
}

// reader reads keys and keeps the first error, so that a parser is a list of keys.
type reader struct {
	*Config
	err error
}

func (r *reader) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) int(key string, def int) int {
	v, err := r.Int(key, def)
	r.keep(err)
	return v
}

func (r *reader) intOrNull(key string, def int) (int, bool) {
	v, ok, err := r.IntOrNull(key, def)
	r.keep(err)
	return v, ok
}

func (r *reader) float(key string, def float64) float64 {
	v, err := r.Float(key, def)
	r.keep(err)
	return v
}

func (r *reader) bool(key string, def bool) bool {
	v, err := r.Bool(key, def)
	r.keep(err)
	return v
}

// ids reads token ids: absent means the default, null none.
func (r *reader) ids(key string, def []int) []int {
	if !r.Has(key) {
		return def
	}
	v, _, err := r.Ints(key)
	r.keep(err)
	return v
}

func (r *reader) positive(key string, v int) {
	if v < 1 && r.err == nil {
		r.err = fault.Inputf("%s: %s: wanted a positive number, found %d", r.path, key, v)
	}
}

// common reads what the families' configs have in common.
func (r *reader) common(d *defaults) *Model {
	m := &Model{
		Vocab:     r.int("vocab_size", d.vocab),
		Hidden:    r.int(d.keys.hidden, d.hidden),
		Layers:    r.int(d.keys.layers, d.layers),
		Heads:     r.int(d.keys.heads, d.heads),
		MaxPos:    r.int(d.keys.maxPos, d.maxPos),
		Eps:       r.float(d.keys.eps, d.eps),
		InitRange: r.float("initializer_range", 0.02),
		Tied:      r.bool("tie_word_embeddings", d.tied),
		BOS:       r.ids("bos_token_id", d.bos),
		EOS:       r.ids("eos_token_id", d.eos),
	}
	m.PreNorm, m.Gated, m.EmbedScale = true, true, 1
	r.heads(m, d)
	if ffn, given := r.intOrNull(d.keys.ffn, d.ffn); given && (ffn != 0 || r.Has(d.keys.ffn)) {
		m.FFN = ffn
	} else if d.ffn == 0 {
		m.FFN = 4 * m.Hidden
	}
	m.Act = r.activation(d.keys.act, d.act)
	m.DType = r.dtype()
	r.rope(m, d)
	r.layers(m)
	return m
}

// heads reads the sizes that follow from others where the config does not give them.
func (r *reader) heads(m *Model, d *defaults) {
	m.KVHeads = m.Heads
	if key := d.keys.kv; key != "" {
		if kv, given := r.intOrNull(key, d.kv); given && (r.Has(key) || d.kv != 0) {
			m.KVHeads = kv
		}
	}
	switch key := d.keys.headDim; {
	case key != "" && r.Has(key) && (r.IsSet(key) || d.headDim != 0):
		m.HeadDim = r.int(key, 0) // null is refused where the class has a number as default
	case d.headDim != 0:
		m.HeadDim = d.headDim
	case m.Heads > 0:
		m.HeadDim = m.Hidden / m.Heads
	}
}

// layers sizes the per-layer lists, all layers attending to everything, and checks a layer_types list's length.
func (r *reader) layers(m *Model) {
	if r.err != nil {
		return
	}
	if m.Layers < 1 || m.Layers > MaxLayers {
		r.keep(fault.Inputf("%s: num_hidden_layers: wanted 1 to %d, found %d", r.path, MaxLayers, m.Layers))
		return
	}
	m.Window = make([]int, m.Layers)
	m.LayerType = make([]string, m.Layers)
	for i := range m.LayerType {
		m.LayerType[i] = fullAttention
	}
	types, ok, err := r.Strings("layer_types")
	r.keep(err)
	if ok && len(types) != m.Layers {
		r.keep(fault.Inputf("%s: layer_types: wanted %d entries as num_hidden_layers says, found %d", r.path, m.Layers,
			len(types)))
	}
}

func (r *reader) activation(key string, def Activation) Activation {
	if def == "" {
		def = SiLU
	}
	name, err := r.String(key, string(def))
	r.keep(err)
	switch name {
	case "silu", "swish":
		return SiLU
	case "gelu_pytorch_tanh", "gelu_new":
		return GELUTanh
	case "gelu":
		return GELU
	}
	r.keep(fault.Inputf("%s: %s: wanted silu, gelu, gelu_new or gelu_pytorch_tanh, found %q", r.path, key, name))
	return ""
}

// named refuses an empty string, which is no name: transformers does not load it.
func (r *reader) named(key, says string) {
	if says == "" && r.err == nil && r.IsSet(key) {
		r.keep(r.wrong(key, "a name"))
	}
}

// dtype reads dtype or its older name torch_dtype.
func (r *reader) dtype() tensor.DType {
	now, err := r.StringOrNull("dtype")
	r.keep(err)
	old, err := r.StringOrNull("torch_dtype")
	r.keep(err)
	r.named("dtype", now)
	r.named("torch_dtype", old)
	if now != "" && old != "" && now != old {
		r.keep(fault.Hint(fault.Inputf("%s: dtype says %q and torch_dtype says %q", r.path, now, old),
			"transformers 5 would take dtype, transformers before 4.56 torch_dtype; make them equal"))
	}
	if now == "" {
		now = old
	}
	if now == "" {
		return tensor.Invalid
	}
	d, err := tensor.ParseTorchDType(now)
	if err != nil {
		r.keep(fault.Inputf("%s: dtype: %w", r.path, err))
	}
	return d
}
