package format

import (
	"bytes"
	"fmt"
	"iter"
	"maps"
	"slices"

	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// Memory is a Source built by hand: for tests, converters and running models. The zero value is empty and ready.
type Memory struct {
	names   []string
	tensors map[string]tensor.Tensor
	meta    map[string]string
	files   map[string][]byte
}

// FromTensors builds a Source of tensors in the given order. meta and files may be nil; they are not copied.
// It panics when a name occurs twice.
func FromTensors(tensors []tensor.Tensor, meta map[string]string, files map[string][]byte) *Memory {
	m := &Memory{meta: meta, files: files}
	for _, t := range tensors {
		m.Add(t)
	}
	return m
}

// Add appends a tensor. It panics when its name is taken.
func (m *Memory) Add(t tensor.Tensor) {
	name := t.Info().Name
	if _, dup := m.tensors[name]; dup {
		panic(fmt.Sprintf("format: tensor %q added twice", name))
	}
	if m.tensors == nil {
		m.tensors = map[string]tensor.Tensor{}
	}
	m.names = append(m.names, name)
	m.tensors[name] = t
}

// AddBytes appends a tensor whose bytes are data, which must fit info.
func (m *Memory) AddBytes(info tensor.Info, data []byte) { m.Add(FromBytes(info, data)) }

// SetFile adds or replaces a side file.
func (m *Memory) SetFile(name string, data []byte) {
	if m.files == nil {
		m.files = map[string][]byte{}
	}
	m.files[name] = data
}

// SetMeta adds or replaces a metadata key.
func (m *Memory) SetMeta(key, value string) {
	if m.meta == nil {
		m.meta = map[string]string{}
	}
	m.meta[key] = value
}

// Names lists the tensors in the order they were added.
func (m *Memory) Names() []string { return slices.Clone(m.names) }

// Tensor gives the tensor called name.
func (m *Memory) Tensor(name string) (tensor.Tensor, error) {
	if t, ok := m.tensors[name]; ok {
		return t, nil
	}
	return nil, fault.Inputf("no tensor %q", name)
}

// Meta is a copy of the metadata.
func (m *Memory) Meta() map[string]string { return maps.Clone(m.meta) }

// Files yields the side files by name.
func (m *Memory) Files() iter.Seq2[string, []byte] { return sortedFiles(m.files) }

// bytesTensor is a tensor over a slice.
type bytesTensor struct {
	info tensor.Info
	*bytes.Reader
}

func (t bytesTensor) Info() tensor.Info { return t.info }

// FromBytes makes a tensor of bytes that are held already. It panics when they do not fit info.
func FromBytes(info tensor.Info, data []byte) tensor.Tensor {
	if n := info.Size(); n != int64(len(data)) {
		panic(fmt.Sprintf("format: %s wants %d bytes, given %d", info, n, len(data)))
	}
	return bytesTensor{info, bytes.NewReader(data)}
}

// ReadAll reads a tensor's bytes into memory.
func ReadAll(t tensor.Tensor) ([]byte, error) {
	n, err := t.Info().Bytes()
	if err != nil {
		return nil, fault.Inputf("%w", err)
	}
	data := make([]byte, n)
	return data, tensor.Fill(t, data, 0)
}

// ReadFile gives the side file called name.
func ReadFile(src Source, name string) ([]byte, bool) {
	for n, data := range src.Files() {
		if n == name {
			return data, true
		}
	}
	return nil, false
}

// WithFiles is src with other side files: each name in change is added or replaced, one with nil data is left out.
func WithFiles(src Source, change map[string][]byte) Source {
	files := maps.Collect(src.Files())
	for name, data := range change {
		if data == nil {
			delete(files, name)
		} else {
			files[name] = data
		}
	}
	return otherFiles{src, files}
}

type otherFiles struct {
	Source
	files map[string][]byte
}

func (o otherFiles) Files() iter.Seq2[string, []byte] { return sortedFiles(o.files) }

// Bytes is the size of all tensors of src together, without headers.
func Bytes(src Source) (int64, error) {
	var total int64
	for _, name := range src.Names() {
		t, err := src.Tensor(name)
		if err != nil {
			return 0, err
		}
		n, err := t.Info().Bytes()
		if err != nil {
			return 0, fault.Inputf("%w", err)
		}
		total += n
	}
	return total, nil
}
