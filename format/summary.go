package format

import (
	"cmp"
	"maps"
	"slices"

	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// Summary is what a checkpoint's headers say.
type Summary struct {
	Path       string         `json:"path"`
	Container  string         `json:"container"`
	Files      []FileSummary  `json:"files"`
	Tensors    int            `json:"tensors"`
	Parameters int64          `json:"parameters"`
	Bytes      int64          `json:"bytes"`
	DTypes     []DTypeSummary `json:"dtypes"`   // the one with most bytes first
	Meta       map[string]any `json:"metadata"` // text; of GGUF also numbers and booleans
	SideFiles  []string       `json:"side_files"`
	Warnings   []string       `json:"warnings"`
}

// FileSummary is one container file.
type FileSummary struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

// DTypeSummary counts what has one element type.
type DTypeSummary struct {
	DType      string `json:"dtype"`
	Tensors    int    `json:"tensors"`
	Parameters int64  `json:"parameters"`
	Bytes      int64  `json:"bytes"`
}

// weighty is a Handle that knows its container files.
type weighty interface {
	weightFiles() []FileSummary
}

// Summarize describes an open checkpoint. It reads no tensor data.
func Summarize(h Handle) (*Summary, error) {
	s := &Summary{Path: h.Path(), Meta: metaOf(h), Warnings: h.Warnings(), SideFiles: []string{}, Files: []FileSummary{}}
	if s.Warnings == nil {
		s.Warnings = []string{}
	}
	if w, ok := h.(weighty); ok {
		s.Files, s.Container = w.weightFiles(), "safetensors"
	} else {
		st, err := statSize(h.Path())
		if err != nil {
			return nil, fault.Inputf("%w", err)
		}
		s.Files, s.Container = []FileSummary{{h.Path(), st}}, ContainerOf(h.Path())
	}
	for name := range h.Files() {
		s.SideFiles = append(s.SideFiles, name)
	}
	return s, s.count(h)
}

// metaOf gives metadata with the types that the container has for them; arrays as their type and length.
func metaOf(h Handle) map[string]any {
	gguf, typed := GGUF(h)
	meta := map[string]any{}
	for k, v := range h.Meta() {
		meta[k] = v
		if typed {
			meta[k] = gguf.plain(k)
		}
	}
	return meta
}

// count adds up the tensors as the container stores them.
func (s *Summary) count(h Handle) error {
	rows, err := ListTensors(h)
	if err != nil {
		return err
	}
	types := map[string]*DTypeSummary{}
	for _, r := range rows {
		elems, err := tensor.Info{Name: r.Name, Shape: r.Shape}.Elems()
		if err != nil {
			return fault.Inputf("%w", err)
		}
		d := types[r.DType]
		if d == nil {
			d = &DTypeSummary{DType: r.DType}
			types[r.DType] = d
		}
		d.Tensors++
		d.Parameters += int64(elems)
		d.Bytes += r.Bytes
		s.Tensors++
		s.Parameters += int64(elems)
		s.Bytes += r.Bytes
	}
	s.DTypes = []DTypeSummary{}
	for _, d := range slices.SortedFunc(maps.Values(types), func(a, b *DTypeSummary) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.DType, b.DType))
	}) {
		s.DTypes = append(s.DTypes, *d)
	}
	return nil
}

// TensorSummary is one line of a listing. Bytes and DType are those of the container: a GGUF tensor of Q4_1 is read
// as F32 and listed as Q4_1.
type TensorSummary struct {
	Name  string `json:"name"`
	DType string `json:"dtype"`
	Shape []int  `json:"shape"`
	Bytes int64  `json:"bytes"`
	File  string `json:"file,omitempty"`
}

// ListTensors describes every tensor of src in its order.
func ListTensors(src Source) ([]TensorSummary, error) {
	if m, ok := src.(*ggufHandle); ok {
		return m.list(), nil
	}
	var rows []TensorSummary
	for _, name := range src.Names() {
		t, err := src.Tensor(name)
		if err != nil {
			return nil, err
		}
		info := t.Info()
		n, err := info.Bytes()
		if err != nil {
			return nil, fault.Inputf("%w", err)
		}
		row := TensorSummary{Name: name, DType: info.DType.String(), Shape: append([]int{}, info.Shape...), Bytes: n}
		if s, ok := t.(*section); ok {
			row.File = s.path
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// list describes the tensors as the file stores them, those of types that cannot be read, too.
func (h *ggufHandle) list() []TensorSummary {
	var rows []TensorSummary
	for i := range h.meta.tensors {
		t := &h.meta.tensors[i]
		rows = append(rows, TensorSummary{Name: t.Name, DType: t.Type.String(), Shape: append([]int{}, t.Shape...),
			Bytes: t.Bytes, File: h.meta.path})
	}
	return rows
}
