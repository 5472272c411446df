package decoder

import (
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"sync"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/engine"
	"famkit/internal/tensor"
)

// source shows a decoder's weights as a checkpoint.
type source struct {
	names  []string
	params map[string]Param
	dtype  tensor.DType
	files  map[string][]byte
	e      engine.Engine
	mu     sync.Mutex // the engine takes one call at a time
}

// Source shows the current weights as a lazy checkpoint of type dtype, with cfg as its config.json and the other
// files as given. It must be read before the weights change.
func (d *Decoder) Source(cfg *arch.Config, dtype tensor.DType, files map[string][]byte) format.Source {
	s := &source{params: map[string]Param{}, dtype: dtype, files: maps.Clone(files), e: d.e}
	for _, p := range d.Params() {
		s.names = append(s.names, p.Name)
		s.params[p.Name] = p
	}
	if s.files == nil {
		s.files = map[string][]byte{}
	}
	s.files["config.json"] = cfg.Bytes()
	return s
}

func (s *source) Names() []string         { return slices.Clone(s.names) }
func (s *source) Meta() map[string]string { return map[string]string{"format": "pt"} }

func (s *source) Tensor(name string) (tensor.Tensor, error) {
	p, ok := s.params[name]
	if !ok {
		return nil, fmt.Errorf("no tensor %q", name)
	}
	return &weight{s, p}, nil
}

func (s *source) Files() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, name := range slices.Sorted(maps.Keys(s.files)) {
			if !yield(name, s.files[name]) {
				return
			}
		}
	}
}

// weight is one tensor of a source.
type weight struct {
	s *source
	p Param
}

func (w *weight) Info() tensor.Info {
	return tensor.Info{Name: w.p.Name, DType: w.s.dtype, Shape: slices.Clone(w.p.Shape)}
}

// ReadAt downloads the elements that cover the bytes asked for.
func (w *weight) ReadAt(b []byte, off int64) (int, error) {
	width := int64(w.s.dtype.Bits() / 8)
	size := int64(w.p.W.N) * width
	if off < 0 || off >= size {
		return 0, io.EOF
	}
	n := min(int64(len(b)), size-off)
	first, end := off/width, (off+n+width-1)/width
	dst, whole := b[:n], off%width == 0 && n%width == 0
	if !whole {
		dst = make([]byte, (end-first)*width)
	}
	w.s.mu.Lock()
	err := w.s.e.Download(dst, w.s.dtype, w.p.W.At(int(first), int(end-first)))
	w.s.mu.Unlock()
	if err != nil {
		return 0, fmt.Errorf("tensor %q: %w", w.p.Name, err)
	}
	if !whole {
		copy(b[:n], dst[off-first*width:])
	}
	if n < int64(len(b)) {
		return int(n), io.EOF
	}
	return int(n), nil
}
