package arch

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"famkit/format"
	"famkit/internal/fault"
	"famkit/internal/printable"
	"famkit/internal/tensor"
)

// BindLone recognises the tensors of a source that has no config.json, as far as names and shapes tell. The
// model's Layers, Vocab, Hidden and FFN and its tensors' conditions (Tied, QKVBias, OBias, MLPBias, QKNorm) are
// known. Heads, KVHeads and HeadDim are not, and stay 0 (HeadDim is known where q and k have norms), nor are
// MaxPos, Eps, Act, Rope, Window, LayerType, DType and the token ids. So the checkpoint can be listed, converted
// and grown in depth, never run or widened, and TensorSpec.Shape and Model.Check must not be asked about it.
// Llama, Mistral and Gemma files look the same and are called llama; q, k and v biases without one on o mean qwen2,
// norms on q and k qwen3. The other families' files need their config. The checkpoint's Config is nil.
func BindLone(src format.Source) (*Checkpoint, error) {
	l := &lone{src: src, have: map[string]tensor.Tensor{}}
	ck, err := l.bind()
	return ck, inSource(src, err)
}

type lone struct {
	src  format.Source
	have map[string]tensor.Tensor
	m    *Model
}

func (l *lone) bind() (*Checkpoint, error) {
	for _, name := range l.src.Names() {
		t, err := l.src.Tensor(name)
		if err != nil {
			return nil, err
		}
		l.have[name] = t
	}
	if err := l.guess(); err != nil {
		return nil, err
	}
	if err := l.sizes(); err != nil {
		return nil, err
	}
	ck := &Checkpoint{Model: l.m, Source: l.src}
	problems := l.take(ck)
	ck.reindex()
	for _, name := range slices.Sorted(maps.Keys(l.have)) {
		if !l.m.Spec.ignores(name) {
			problems = append(problems, fmt.Sprintf("tensor %q: unknown to %s", name, l.m.Spec.Name))
		}
	}
	if n := len(problems); n > 0 {
		if n > most {
			problems = append(problems[:most], fmt.Sprintf("and %d more", n-most))
		}
		return nil, fault.Hint(fault.Inputf("%s", printable.Lines(problems)),
			"if it is no llama, qwen2 or qwen3, put the model's config.json beside the file")
	}
	return ck, nil
}

// guess tells the architecture and the tensors' conditions from the names of the first block.
func (l *lone) guess() error {
	has := func(group []TensorSpec, r Role) bool {
		_, ok := l.have[find(group, r).FullName(0, -1)]
		return ok
	}
	if !has(llama.Embed, Embed) || !has(llama.Block, Q) {
		return fault.Hint(fault.Inputf("no known architecture: wanted tensors %q and %q, found neither or only one",
			find(llama.Embed, Embed).Name, find(llama.Block, Q).FullName(0, -1)), "put the model's config.json beside the file")
	}
	m := &Model{
		PreNorm: true, Gated: true, EmbedScale: 1,
		Tied:    !has(llama.Head, Head),
		QKVBias: has(llama.Block, Q.Bias()),
		OBias:   has(llama.Block, O.Bias()),
		MLPBias: has(llama.Block, Down.Bias()),
		QKNorm:  has(llama.Block, QNorm),
	}
	switch {
	case m.QKNorm:
		m.Spec = qwen3
	case m.QKVBias && !m.OBias:
		m.Spec = qwen2
	default:
		m.Spec = llama
	}
	l.m = m
	return nil
}

// sizes reads the sizes from the names and shapes.
func (l *lone) sizes() error {
	spec := l.m.Spec
	before, after, _ := strings.Cut(find(spec.Block, Q).Name, "%d")
	for name := range l.have {
		rest, ok := strings.CutPrefix(name, before)
		number, ok2 := strings.CutSuffix(rest, after)
		if n, err := strconv.Atoi(number); ok && ok2 && err == nil && n >= l.m.Layers && n < MaxLayers {
			l.m.Layers = n + 1
		}
	}
	for _, want := range []struct {
		group []TensorSpec
		role  Role
		sizes []*int
	}{
		{spec.Embed, Embed, []*int{&l.m.Vocab, &l.m.Hidden}},
		{spec.Block, Down, []*int{nil, &l.m.FFN}},
		{spec.Block, QNorm, []*int{&l.m.HeadDim}},
	} {
		name := find(want.group, want.role).FullName(0, -1)
		t, ok := l.have[name]
		if !ok {
			continue // take reports what is missing
		}
		shape := t.Info().Shape
		if len(shape) != len(want.sizes) {
			return fault.Inputf("tensor %q: wanted %d dimensions, found shape %v", name, len(want.sizes), shape)
		}
		for i, size := range want.sizes {
			if size != nil {
				*size = shape[i]
			}
		}
	}
	return nil
}

// take binds every tensor. Sizes that no name or shape tells must at least be the same in every layer.
func (l *lone) take(ck *Checkpoint) (problems []string) {
	first := map[*TensorSpec][]int{}
	bind := func(group []TensorSpec, layer int) {
		for i := range group {
			t := &group[i]
			if !t.In(l.m, layer) {
				continue
			}
			name := t.FullName(layer, -1)
			got, ok := l.have[name]
			if !ok {
				problems = append(problems, fmt.Sprintf("tensor %q: missing", name))
				continue
			}
			delete(l.have, name)
			shape := got.Info().Shape
			if first[t] == nil {
				first[t] = shape
			}
			if !l.fits(t, shape) || !slices.Equal(first[t], shape) {
				problems = append(problems, fmt.Sprintf("tensor %q: shape %v does not fit the other tensors' (hidden %d, ffn "+
					"%d, vocab %d, first of its kind %v)",
					name, shape, l.m.Hidden, l.m.FFN, l.m.Vocab, first[t]))
			}
			if d := got.Info().DType; !d.Real() {
				problems = append(problems, fmt.Sprintf("tensor %q: wanted weights of F16, BF16, F32 or F64, found %s", name, d))
			}
			ck.Tensors = append(ck.Tensors, Bound{Spec: t, Layer: layer, Expert: -1, Tensor: got})
		}
	}
	bind(l.m.Spec.Embed, -1)
	for layer := range l.m.Layers {
		bind(l.m.Spec.Block, layer)
	}
	bind(l.m.Spec.Head, -1)
	return problems
}

// fits compares the dimensions whose sizes are known.
func (l *lone) fits(t *TensorSpec, shape []int) bool {
	if len(shape) != len(t.Dims) {
		return false
	}
	known := map[Axis]int{Vocab: l.m.Vocab, Hidden: l.m.Hidden, FFN: l.m.FFN}
	for i, d := range t.Dims {
		if size, ok := known[d.Axes[0]]; ok && len(d.Axes) == 1 && size != shape[i] {
			return false
		}
	}
	return true
}
