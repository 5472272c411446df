package format

import (
	"famkit/internal/strictjson"
	"famkit/internal/tensor"
)

// walker reads a header: the names of tensors and what the format says of each.
type walker struct {
	strictjson.Walker
	dims []uint64 // the shapes are cut from here, a few thousand to an allocation
}

// headerDepth is how many values stand around what is ignored in a tensor's entry.
const headerDepth = 3

// parseHeader reads {"__metadata__": {...}, NAME: {"dtype":, "shape":, "data_offsets":}, ...}. text must be valid
// UTF-8.
func parseHeader(text []byte) (*header, error) {
	w := &walker{Walker: strictjson.NewWalker(text)}
	h := &header{entries: make([]entry, 0, len(text)/80)}
	seen := make(map[string]struct{}, len(text)/80)
	err := w.Object("the header", func(raw []byte) error {
		key := string(raw)
		if _, dup := seen[key]; dup {
			return w.Failf("duplicate tensor name %q", key)
		}
		seen[key] = struct{}{}
		if key == metadataKey {
			return w.metadata(h)
		}
		e, err := w.entry(key)
		h.entries = append(h.entries, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := w.End("the header's end"); err != nil {
		return nil, err
	}
	return h, nil
}

func (w *walker) metadata(h *header) error {
	if w.Next() == 'n' {
		return w.Word("null")
	}
	h.meta = map[string]string{}
	return w.Object(metadataKey, func(raw []byte) error {
		key := string(raw)
		if _, dup := h.meta[key]; dup {
			return w.Failf("%s: duplicate key %q", metadataKey, key)
		}
		if w.Next() != '"' {
			return w.Failf("%s: key %q: wanted a string, found %s", metadataKey, key, w.Found())
		}
		s, err := w.Str()
		h.meta[key] = s
		return err
	})
}

// entry reads one tensor's description. Keys that the format does not know are skipped, as the Rust crate does.
func (w *walker) entry(name string) (entry, error) {
	e := entry{name: name}
	var seen [3]bool
	once := func(i int, key string) error {
		if seen[i] {
			return w.Failf("tensor %q: duplicate key %q", name, key)
		}
		seen[i] = true
		return nil
	}
	if w.Next() != '{' {
		return e, w.Failf("tensor %q: wanted an object, found %s", name, w.Found())
	}
	err := w.Object("tensor", func(key []byte) (err error) {
		switch string(key) {
		case "dtype":
			if err := once(0, "dtype"); err != nil {
				return err
			}
			e.dtype, err = w.dtype(name)
		case "shape":
			if err := once(1, "shape"); err != nil {
				return err
			}
			e.shape, err = w.uints(name, "shape")
		case "data_offsets":
			if err := once(2, "data_offsets"); err != nil {
				return err
			}
			err = w.offsets(&e)
		default:
			err = w.Skip(headerDepth)
		}
		return err
	})
	if err != nil {
		return e, err
	}
	for i, key := range []string{"dtype", "shape", "data_offsets"} {
		if !seen[i] {
			return e, w.Failf("tensor %q: missing key %q", name, key)
		}
	}
	return e, nil
}

func (w *walker) dtype(name string) (tensor.DType, error) {
	if w.Next() != '"' {
		return 0, w.Failf("tensor %q: dtype: wanted a string, found %s", name, w.Found())
	}
	s, err := w.Raw()
	if err != nil {
		return 0, err
	}
	if d, ok := dtypes[string(s)]; ok {
		return d, nil
	}
	return 0, w.Failf("tensor %q: unknown dtype %q", name, s)
}

// dtypes maps the format's spellings.
var dtypes = func() map[string]tensor.DType {
	m := map[string]tensor.DType{}
	for d := tensor.Bool; d <= tensor.U64; d++ {
		m[d.String()] = d
	}
	return m
}()

func (w *walker) offsets(e *entry) error {
	v, err := w.uints(e.name, "data_offsets")
	if err != nil {
		return err
	}
	if len(v) != 2 {
		return w.Failf("tensor %q: data_offsets: wanted 2 numbers, found %d", e.name, len(v))
	}
	e.begin, e.end = v[0], v[1]
	w.dims = w.dims[:len(w.dims)-2]
	return nil
}

// uints reads an array of unsigned integers. The result is cut from w.dims.
func (w *walker) uints(name, key string) ([]uint64, error) {
	if cap(w.dims)-len(w.dims) < 64 {
		w.dims = make([]uint64, 0, 4096)
	}
	from := len(w.dims)
	if w.Next() != '[' {
		return nil, w.Failf("tensor %q: %s: wanted an array, found %s", name, key, w.Found())
	}
	err := w.Array(key, func() error {
		v, ok := w.Uint()
		if !ok {
			return w.Failf("tensor %q: %s: wanted an unsigned 64-bit integer, found %s", name, key, w.Found())
		}
		if len(w.dims) == cap(w.dims) { // a shape of absurd rank must not overwrite its neighbour
			w.dims = append(make([]uint64, 0, 4*(len(w.dims)-from)+4096), w.dims[from:]...)
			from = 0
		}
		w.dims = append(w.dims, v)
		return nil
	})
	return w.dims[from:len(w.dims):len(w.dims)], err
}
