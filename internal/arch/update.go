package arch

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// writer rewrites a config so that it means m, touching only what differs from what it meant.
type writer struct {
	c      *Config
	was, m *Model
}

func newWriter(c *Config, m *Model) (*writer, error) {
	was, err := Resolve(c)
	if err != nil {
		return nil, err
	}
	if was.Spec != m.Spec {
		return nil, fault.Inputf("%s: model_type: wanted %s, found %s", c.path, m.Spec.Name, was.Spec.Name)
	}
	if err := m.Check(); err != nil {
		return nil, err
	}
	return &writer{c: c, was: was, m: m}, nil
}

func (w *writer) int(key string, was, now int) {
	if was != now {
		w.c.Set(key, now)
	}
}

func (w *writer) float(key string, was, now float64) {
	if was != now {
		w.c.Set(key, now)
	}
}

func (w *writer) bool(key string, was, now bool) {
	if was != now {
		w.c.Set(key, now)
	}
}

// ids writes token ids as transformers does: one as a number, several as a list, none as null.
func (w *writer) ids(key string, was, now []int) {
	if !slices.Equal(was, now) {
		w.c.Set(key, idsValue(now))
	}
}

func idsValue(ids []int) any {
	switch len(ids) {
	case 0:
		return nil
	case 1:
		return ids[0]
	}
	return ids
}

// common writes what the families' configs have in common, both spellings of the rotary settings and of
// the dtype always.
func (w *writer) common(d *defaults) {
	c, was, m := w.c, w.was, w.m
	c.Delete("_name_or_path")
	c.Delete("transformers_weights") // what is written has the usual name
	w.int("vocab_size", was.Vocab, m.Vocab)
	w.int(d.keys.hidden, was.Hidden, m.Hidden)
	w.int(d.keys.layers, was.Layers, m.Layers)
	w.int(d.keys.maxPos, was.MaxPos, m.MaxPos)
	w.float(d.keys.eps, was.Eps, m.Eps)
	if was.FFN != m.FFN || !c.IsSet(d.keys.ffn) && d.ffn == 0 && was.Hidden != m.Hidden {
		c.Set(d.keys.ffn, m.FFN)
	}
	w.float("initializer_range", was.InitRange, m.InitRange)
	w.bool("tie_word_embeddings", was.Tied, m.Tied)
	w.ids("bos_token_id", was.BOS, m.BOS)
	w.ids("eos_token_id", was.EOS, m.EOS)
	if was.Act != m.Act {
		c.Set(d.keys.act, string(m.Act))
	}
	w.heads(d)
	if c.IsSet("layer_types") && (was.Layers != m.Layers || !slices.Equal(was.LayerType, m.LayerType)) {
		c.Set("layer_types", m.LayerType)
	}
	w.rope(d)
	if m.DType != tensor.Invalid {
		c.Set("dtype", m.DType.Torch())
		c.Set("torch_dtype", m.DType.Torch())
	}
}

// heads writes the head counts, and explicitly what would otherwise follow from a size that changed.
func (w *writer) heads(d *defaults) {
	c, was, m := w.c, w.was, w.m
	w.int(d.keys.heads, was.Heads, m.Heads)
	if key := d.keys.kv; key != "" {
		null := c.Has(key) && !c.IsSet(key) // transformers 5 refuses it for Mistral
		absent := !c.Has(key) && d.kv == 0 && was.Heads != m.Heads
		if was.KVHeads != m.KVHeads || null || absent {
			c.Set(key, m.KVHeads)
		}
	}
	// of a config without it the libraries make none under these scalings: transformers 4 for Mistral, 5 for Mixtral
	bare := !c.IsSet(d.keys.headDim) && slices.Contains([]string{ropeDynamic, ropeYarn, ropeLongrope}, m.Rope.Type)
	if d.keys.headDim != "" && (bare || was.HeadDim != m.HeadDim || was.Hidden != m.Hidden || was.Heads != m.Heads) {
		c.Set(d.keys.headDim, m.HeadDim)
	}
}

// finish makes sure that the config now means m: a config that says something else is never written.
func (w *writer) finish() error {
	got, err := Resolve(w.c)
	if err != nil {
		return err
	}
	a, b := reflect.ValueOf(*got), reflect.ValueOf(*w.m)
	for i := range a.NumField() {
		if f := a.Type().Field(i).Name; f != "Spec" && !sameValue(a.Field(i).Interface(), b.Field(i).Interface()) {
			return fault.Inputf("%s: a %s model cannot say %s in its config: wanted %s, it would mean %s", w.c.path,
				w.m.Spec.Name, f, shown(b.Field(i)), shown(a.Field(i)))
		}
	}
	return nil
}

// shown is a field of a model as text: structures as JSON, without Go's words.
func shown(v reflect.Value) string {
	switch r := v.Interface().(type) {
	case Rope:
		return r.String()
	case *Rope:
		if r != nil {
			return r.String()
		}
	}
	if text, err := json.Marshal(v.Interface()); err == nil {
		return string(text)
	}
	return fmt.Sprint(v)
}

// sameValue compares fields of a model; an empty list is no list.
func sameValue(a, b any) bool {
	if x, ok := a.([]int); ok {
		return slices.Equal(x, b.([]int))
	}
	return reflect.DeepEqual(a, b)
}
