package verify

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"slices"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/draw"
	"famkit/internal/tensor"
)

// perturbed is a checkpoint whose every weight is moved by rel of itself, up or down at random. What that does to the
// logits says what rounding of that size does to them: it is how the tolerance is derived. The full rel, not a part of
// it, so that a model of few decisive weights is not judged by a lucky draw of theirs.
type perturbed struct {
	format.Source
	tensors map[string]tensor.Tensor
	rel     float64
	draw    uint64
}

// perturb binds ck's weights, moved by rel of themselves.
func perturb(ck *arch.Checkpoint, rel float64, draw uint64) (*arch.Checkpoint, error) {
	p := perturbed{ck.Source, map[string]tensor.Tensor{}, rel, draw}
	for _, b := range ck.Tensors {
		p.tensors[b.Info().Name] = b.Tensor
	}
	return arch.Bind(p)
}

// Names lists the tensors that the model uses, so that what old files carry beside them is not bound again.
func (p perturbed) Names() []string { return slices.Sorted(maps.Keys(p.tensors)) }

// Tensor gives a moved weight, as float64.
func (p perturbed) Tensor(name string) (tensor.Tensor, error) {
	t, ok := p.tensors[name]
	if !ok {
		return nil, fmt.Errorf("no tensor %q", name)
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return perturbedTensor{t, p.rel, h.Sum64() ^ draws[p.draw]}, nil
}

// draws are the keys of the perturbations whose largest effect counts.
var draws = []uint64{0, 0x632be59bd9b4e019}

type perturbedTensor struct {
	from tensor.Tensor
	rel  float64
	key  uint64
}

func (p perturbedTensor) Info() tensor.Info {
	i := p.from.Info()
	i.DType = tensor.F64
	return i
}

// ReadAt serves whole elements only, which is all that loading asks for.
func (p perturbedTensor) ReadAt(b []byte, off int64) (int, error) {
	info := p.from.Info()
	esize := int64(info.DType.Bits() / 8)
	first, n := off/8, len(b)/8
	raw := make([]byte, int64(n)*esize)
	if err := tensor.Fill(p.from, raw, first*esize); err != nil {
		return 0, err
	}
	vals := make([]float64, n)
	tensor.Decode(vals, raw, info.DType)
	for i := range vals {
		vals[i] += math.Copysign(vals[i]*p.rel, draw.Signed(p.key+uint64(first)+uint64(i)))
	}
	tensor.Encode(b, vals, tensor.F64)
	return n * 8, nil
}
