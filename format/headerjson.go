package format

import "famkit/internal/tensor"

// parseHeader reads {"__metadata__": {...}, NAME: {"dtype":, "shape":, "data_offsets":}, ...}. text must be valid UTF-8.
func parseHeader(text []byte) (*header, error) {
	w := &walker{text: text}
	h := &header{entries: make([]entry, 0, len(text)/80)}
	seen := make(map[string]struct{}, len(text)/80)
	err := w.object("the header", func(raw []byte) error {
		key := string(raw)
		if _, dup := seen[key]; dup {
			return w.failf("duplicate tensor name %q", key)
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
	if w.space(); w.pos < len(w.text) {
		return nil, w.failf("found %s after the header's end", w.found())
	}
	return h, nil
}

func (w *walker) metadata(h *header) error {
	if w.next() == 'n' {
		return w.word("null")
	}
	h.meta = map[string]string{}
	return w.object(metadataKey, func(raw []byte) error {
		key := string(raw)
		if _, dup := h.meta[key]; dup {
			return w.failf("%s: duplicate key %q", metadataKey, key)
		}
		if w.next() != '"' {
			return w.failf("%s: key %q: wanted a string, found %s", metadataKey, key, w.found())
		}
		s, err := w.str()
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
			return w.failf("tensor %q: duplicate key %q", name, key)
		}
		seen[i] = true
		return nil
	}
	if w.next() != '{' {
		return e, w.failf("tensor %q: wanted an object, found %s", name, w.found())
	}
	err := w.object("tensor", func(key []byte) (err error) {
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
			err = w.skip(0)
		}
		return err
	})
	if err != nil {
		return e, err
	}
	for i, key := range []string{"dtype", "shape", "data_offsets"} {
		if !seen[i] {
			return e, w.failf("tensor %q: missing key %q", name, key)
		}
	}
	return e, nil
}

func (w *walker) dtype(name string) (tensor.DType, error) {
	if w.next() != '"' {
		return 0, w.failf("tensor %q: dtype: wanted a string, found %s", name, w.found())
	}
	s, err := w.raw()
	if err != nil {
		return 0, err
	}
	if d, ok := dtypes[string(s)]; ok {
		return d, nil
	}
	return 0, w.failf("tensor %q: unknown dtype %q", name, s)
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
		return w.failf("tensor %q: data_offsets: wanted 2 numbers, found %d", e.name, len(v))
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
	if w.next() != '[' {
		return nil, w.failf("tensor %q: %s: wanted an array, found %s", name, key, w.found())
	}
	err := w.array(key, func() error {
		v, ok := w.uint()
		if !ok {
			return w.failf("tensor %q: %s: wanted an unsigned 64-bit integer, found %s", name, key, w.found())
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
