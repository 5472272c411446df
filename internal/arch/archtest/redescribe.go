package archtest

import (
	"slices"

	"famkit/format"
	"famkit/internal/tensor"
)

// Redescribe is src with the same bytes and files, where each tensor is described as change makes it.
func Redescribe(src format.Source, change func(*tensor.Info)) (*format.Memory, error) {
	out := format.FromTensors(nil, src.Meta(), nil)
	for name, data := range src.Files() {
		out.SetFile(name, data)
	}
	for _, name := range src.Names() {
		t, err := src.Tensor(name)
		if err != nil {
			return nil, err
		}
		data, err := format.ReadAll(t)
		if err != nil {
			return nil, err
		}
		info := t.Info()
		info.Shape = slices.Clone(info.Shape)
		change(&info)
		out.AddBytes(info, data)
	}
	return out, nil
}
