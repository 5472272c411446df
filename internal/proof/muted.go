package proof

import (
	"context"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/rowsum"
)

// Quiet reports whether a layer adds nothing to the stream, as far as single tensors tell: what it writes is zero, or
// all that would be written is multiplied with zero. It is for those who look for such layers.
func Quiet(ctx context.Context, ck *arch.Checkpoint, layer int) (bool, error) {
	w := &rowsum.Worker{Ctx: ctx}
	for _, h := range branches {
		if ok, err := muted(w, ck, layer, h); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// muted: of each element that a branch's writer reads, the writer's column is zero, or the element itself is: v's
// row, or up's, or the gate's (an activation of zero is zero), bias counted, is zero, or all that they read is. The
// biases of the writer and of a norm behind it are zero.
func muted(w *rowsum.Worker, ck *arch.Checkpoint, layer int, h branch) (bool, error) {
	if b, ok := ck.At(arch.Key{Role: h.writers[1], Layer: layer, Expert: -1}); ok {
		if _, first, err := w.Scan(b.Tensor); err != nil || first != nil {
			return false, err
		}
	}
	if b, ok := ck.At(arch.Key{Role: h.postNorm.Bias(), Layer: layer, Expert: -1}); ok {
		if _, first, err := w.Scan(b.Tensor); err != nil || first != nil {
			return false, err
		}
	}
	deaf, err := hearsNothing(w, ck, layer, h)
	if err != nil {
		return false, err
	}
	experts := []int{-1}
	if h.name == "mlp" {
		experts = (&space{child: ck}).expertsOf(layer)
	}
	for _, e := range experts {
		zero, err := zeroElements(w, ck, layer, e, h, deaf)
		if err != nil {
			return false, err
		}
		b, ok := ck.At(arch.Key{Role: h.writers[0], Layer: layer, Expert: e})
		if !ok {
			return false, nil
		}
		unread, err := zerosAlong(w, b, dimOf(b, arch.Reads))
		if err != nil {
			return false, err
		}
		for i, none := range unread {
			if !none && !at(zero, i) {
				return false, nil
			}
		}
	}
	return true, nil
}

// hearsNothing reports whether the norm before a branch gives zero for every input.
func hearsNothing(w *rowsum.Worker, ck *arch.Checkpoint, layer int, h branch) (bool, error) {
	if !ck.Model.PreNorm {
		return false, nil
	}
	gains, biases, err := (&space{}).gainAt(w, ck, h.preNorm, layer)
	loud := func(x float64) bool { return x != 0 }
	return len(gains) > 0 && !slices.ContainsFunc(gains, loud) && !slices.ContainsFunc(biases, loud), err
}

// zeroElements tells which elements that a branch's writer reads are zero for every input.
func zeroElements(w *rowsum.Worker, ck *arch.Checkpoint, layer, expert int, h branch, deaf bool) ([]bool, error) {
	zero := map[arch.Role][]bool{}
	for _, b := range ck.Layer(layer) {
		if b.Expert != expert && b.Expert >= 0 {
			continue
		}
		i := dimOf(b, arch.Writes)
		if i < 0 {
			continue
		}
		for role, places := range Places(ck.Model, b.Spec.Role, b.Spec.Dims[i]) {
			if !slices.Contains(h.makers, role.Weight()) {
				continue
			}
			all := slices.Repeat([]bool{true}, b.Info().Shape[i])
			if !deaf || role.IsBias() {
				var err error
				if all, err = zerosAlong(w, b, i); err != nil {
					return nil, err
				}
			}
			own := make([]bool, len(places))
			for k, p := range places {
				before, has := zero[role.Weight()]
				own[k] = all[p] && (!has || before[k])
			}
			zero[role.Weight()] = own
		}
	}
	m := ck.Model
	if h.name != "attention" {
		up, gate := zero[arch.Up], zero[arch.Gate]
		for i := range up {
			up[i] = up[i] || m.Gated && at(gate, i)
		}
		return up, nil
	}
	var out []bool
	for head := range m.Heads {
		kv := head / m.Size(arch.Group)
		for e := range m.HeadDim {
			out = append(out, at(zero[arch.V], kv*m.HeadDim+e))
		}
	}
	return out, nil
}

// zerosAlong tells at which places along a dimension a tensor holds nothing but zeros.
func zerosAlong(w *rowsum.Worker, b arch.Bound, dim int) ([]bool, error) {
	if dim < 0 {
		return nil, nil
	}
	dead := slices.Repeat([]bool{true}, b.Info().Shape[dim])
	return dead, w.Unwritten(b.Tensor, dim, dead)
}
