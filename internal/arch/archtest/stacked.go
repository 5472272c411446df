package archtest

import (
	"fmt"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/tensor"
)

// Stacked is a mixture's checkpoint in transformers 5's own layout: the experts of each layer in one tensor.
func Stacked(ck *arch.Checkpoint) (*format.Memory, error) {
	out := format.FromTensors(nil, ck.Source.Meta(), nil)
	for name, data := range ck.Source.Files() {
		out.SetFile(name, data)
	}
	held := map[string]bool{}
	for layer := range ck.Model.Layers {
		for _, stack := range ck.Model.Spec.Stacks {
			t, err := stacked(ck, layer, stack, held)
			if err != nil {
				return nil, err
			}
			if t != nil {
				out.Add(t)
			}
		}
	}
	for _, b := range ck.Tensors {
		if !held[b.Info().Name] {
			out.Add(b.Tensor)
		}
	}
	return out, nil
}

// stacked puts the tensors of a stack one after the other, expert by expert; nil where the layer has none.
func stacked(ck *arch.Checkpoint, layer int, stack arch.Stack, held map[string]bool) (tensor.Tensor, error) {
	info := tensor.Info{Name: fmt.Sprintf(stack.Name, layer)}
	var data []byte
	rows, n := 0, 0
	for expert := -1; ck.Model.Mixture(layer) && expert < ck.Model.MoE.Experts; expert++ {
		for _, role := range stack.Roles {
			for _, b := range ck.Tensors {
				if b.Layer != layer || b.Expert != expert || b.Spec.Role != role {
					continue
				}
				raw, err := format.ReadAll(b.Tensor)
				if err != nil {
					return nil, err
				}
				of := b.Info()
				info.DType, info.Shape = of.DType, of.Shape
				data, rows, n = append(data, raw...), rows+of.Shape[0], max(n, expert+1)
				held[of.Name] = true
			}
		}
	}
	if data == nil {
		return nil, nil
	}
	if n > 0 {
		info.Shape = []int{n, rows / n, info.Shape[1]}
	}
	return format.FromBytes(info, data), nil
}
