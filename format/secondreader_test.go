package format

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nlpodyssey/safetensors"

	"famkit/internal/tensor"
)

// theirDTypes are the element types that nlpodyssey/safetensors has.
func theirDTypes() (types []tensor.DType) {
	for d := tensor.Bool; d <= tensor.U64; d++ {
		if knownToSecond(d) {
			types = append(types, d)
		}
	}
	return types
}

func inTheirTypes() *Memory {
	m := &Memory{}
	for i, d := range theirDTypes() {
		info := tensor.Info{Name: "t." + d.String(), DType: d, Shape: []int{3, i}}
		data := bytes.Repeat([]byte{byte(i)}, int(info.Size()))
		m.AddBytes(info, data)
	}
	m.AddBytes(tensor.Info{Name: "scalar", DType: tensor.F32}, []byte{1, 2, 3, 4})
	return m
}

func TestTheyReadWhatWeWrite(t *testing.T) {
	if n := len(theirDTypes()); n != 13 {
		t.Fatalf("%d element types in common, want 13", n)
	}
	src := inTheirTypes()
	path := filepath.Join(t.TempDir(), "ours.safetensors")
	ours := writeOpen(t, path, src, WriteOptions{})
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := safetensors.Deserialize(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range theirs.Tensors() {
		x, err := ours.Tensor(v.Name)
		if err != nil {
			t.Fatal(err)
		}
		mine, err := ReadAll(x)
		if err != nil || !bytes.Equal(mine, v.TensorView.Data()) {
			t.Errorf("%s: %v and %v, %v", v.Name, mine, v.TensorView.Data(), err)
		}
	}
	if theirs.Len() != len(src.Names()) {
		t.Errorf("they read %d tensors of %d", theirs.Len(), len(src.Names()))
	}
	if checked, reason, err := SecondOpinion(path); !checked || err != nil {
		t.Errorf("second opinion: %v %s %v", checked, reason, err)
	}
}

// shapeView is a tensor for their writer, whose own constructor refuses scalars.
type shapeView struct {
	d     safetensors.DType
	shape []uint64
	data  []byte
}

func (v shapeView) DType() safetensors.DType { return v.d }
func (v shapeView) Shape() []uint64          { return v.shape }
func (v shapeView) Data() []byte             { return v.data }
func (v shapeView) DataLen() uint64          { return uint64(len(v.data)) }

func TestWeReadWhatTheyWrite(t *testing.T) {
	src := inTheirTypes()
	views := map[string]shapeView{}
	for _, name := range src.Names() {
		x, err := src.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		d, err := safetensors.ParseDType(x.Info().DType.String())
		if err != nil {
			t.Fatal(err)
		}
		data, err := ReadAll(x)
		if err != nil {
			t.Fatal(err)
		}
		shape := []uint64{}
		for _, n := range x.Info().Shape {
			shape = append(shape, uint64(n))
		}
		views[name] = shapeView{d, shape, data}
	}
	meta := map[string]string{"format": "pt", "a<b": "&"}
	data, err := safetensors.Serialize(views, meta)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "theirs.safetensors")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	sameSource(t, h, src)
	if !maps.Equal(h.Meta(), meta) {
		t.Errorf("metadata %v, want %v", h.Meta(), meta)
	}
}

func TestSecondOpinion(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f8.safetensors")
	src := &Memory{}
	src.AddBytes(tensor.Info{Name: "w", DType: tensor.F8E4M3, Shape: []int{1}}, []byte{1})
	writeOpen(t, path, src, WriteOptions{})
	if checked, reason, err := SecondOpinion(path); checked || err != nil || !strings.Contains(reason, "F8_E4M3") {
		t.Errorf("%v %q %v", checked, reason, err)
	}
	// A key that the format does not know: the Rust crate ignores it, the second reader does not.
	path = filepath.Join(dir, "extra.safetensors")
	if err := os.WriteFile(path, raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}`, 4),
		0o600); err != nil {
		t.Fatal(err)
	}
	if checked, _, err := SecondOpinion(path); !checked || err == nil {
		t.Errorf("%v %v", checked, err)
	}
	// A difference is found: hold one file's header against another one's data.
	path = filepath.Join(dir, "a.safetensors")
	data := raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := openShard(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.f.Close() }()
	theirs, err := safetensors.Deserialize(slices.Clip(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := compare(path, s.hdr, theirs, int64(len(data))); err != nil {
		t.Errorf("equal: %v", err)
	}
	for what, change := range map[string]func(*entry){
		"name":  func(e *entry) { e.name = "c" },
		"dtype": func(e *entry) { e.dtype = tensor.I32 },
		"shape": func(e *entry) { e.shape = []uint64{1, 1} },
		"place": func(e *entry) { e.begin, e.end = 0, 4 },
	} {
		was := s.hdr.entries[1]
		change(&s.hdr.entries[1])
		if err := compare(path, s.hdr, theirs, int64(len(data))); err == nil {
			t.Errorf("another %s passes", what)
		}
		s.hdr.entries[1] = was
	}
}
