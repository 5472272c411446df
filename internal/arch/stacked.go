package arch

import (
	"fmt"
	"io"
	"slices"

	"famkit/internal/tensor"
)

// Stack is another layout of a mixture's tensors: that in which transformers 5 holds them in memory, and writes them
// where it is told not to restore the original one (save_original_format=False), as mergekit does. The experts of a
// layer are one tensor, [experts, rows of the roles one after the other, columns]; the router only has another name.
type Stack struct {
	// Name has a %d for the layer.
	Name  string
	Roles []Role
}

func stackedExperts(prefix string) []Stack {
	return []Stack{{prefix + "experts.gate_up_proj", []Role{Gate, Up}}, {prefix + "experts.down_proj", []Role{Down}}}
}

// unstack puts a view of each expert's tensor in the place of the tensors that hold several.
func (k *checker) unstack(layout []Slot) {
	slots := map[Key][]Slot{} // those of all experts under that of none
	for _, s := range layout {
		key := s.Key()
		key.Expert = -1
		slots[key] = append(slots[key], s)
	}
	found := 0
	for layer := range k.ck.Model.Layers {
		for _, stack := range k.ck.Model.Spec.Stacks {
			name := fmt.Sprintf(stack.Name, layer)
			t, ok := k.left[name]
			if !ok || !k.ck.Model.Mixture(layer) {
				continue
			}
			var parts []Slot // in the order in which they are stored
			for e := range slots[Key{stack.Roles[0], layer, -1}] {
				for _, r := range stack.Roles {
					parts = append(parts, slots[Key{r, layer, -1}][e])
				}
			}
			delete(k.left, name)
			k.split(t, parts)
			if len(parts) > 1 {
				found++
			} else {
				k.ck.five = "it finds no router under that name"
			}
		}
	}
	if found > 0 {
		k.ck.five = "it finds no experts in tensors that hold all of a layer"
		k.add(Finding{Code: Stacked},
			"%d tensors hold the experts of a layer in one, a layout that transformers 5 reads and transformers 4 does not; "+
				"what is made from them has one tensor for each", found)
	}
}

// split takes the tensors that stand in t one after the other.
func (k *checker) split(t tensor.Tensor, parts []Slot) {
	info, want := t.Info(), parts[0].Shape
	if parts[0].Expert >= 0 {
		experts, rows := parts[len(parts)-1].Expert+1, 0
		for _, s := range parts {
			rows += s.Shape[0]
		}
		want = []int{experts, rows / experts, want[1]}
	}
	bad := Finding{Fatal: true, Tensor: info.Name, Want: fmt.Sprint(want), Found: info.String()}
	switch {
	case !slices.Equal(info.Shape, want):
		bad.Code = Misshapen
		k.add(bad, "tensor %q: wanted shape %v as config.json says, found %v", info.Name, want, info.Shape)
	case !info.DType.Real():
		bad.Code = WrongDType
		k.add(bad, "tensor %q: wanted weights of F16, BF16, F32 or F64, found %s", info.Name, info.DType)
	}
	var at int64
	for _, s := range parts {
		if _, twice := k.left[s.Name]; twice {
			k.add(Finding{Code: Unknown, Fatal: true, Tensor: s.Name}, "tensor %q: there twice, also in %q", s.Name,
				info.Name)
		}
		if bad.Code != "" {
			k.explained[s.Name] = true
			continue
		}
		p := section{t, tensor.Info{Name: s.Name, DType: info.DType, Shape: s.Shape}, at}
		k.left[s.Name] = p
		at += p.info.Size()
	}
}

// section is a tensor that stands in another, at bytes from at on.
type section struct {
	of   tensor.Tensor
	info tensor.Info
	at   int64
}

func (s section) Info() tensor.Info { return s.info }

func (s section) ReadAt(b []byte, off int64) (int, error) {
	return io.NewSectionReader(s.of, s.at, s.info.Size()).ReadAt(b, off)
}

func (s section) StoredAs() string { return StoredAs(s.of) }

// StoredAs is the name under which the bytes of a bound tensor lie in its checkpoint's source.
func StoredAs(t tensor.Tensor) string {
	if s, ok := t.(interface{ StoredAs() string }); ok {
		return s.StoredAs()
	}
	return t.Info().Name
}
