package format

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"famkit/internal/fault"
)

// ggufKind is the type of a metadata value.
type ggufKind uint32

const (
	ggufU8 ggufKind = iota
	ggufI8
	ggufU16
	ggufI16
	ggufU32
	ggufI32
	ggufF32
	ggufBool
	ggufString
	ggufArray
	ggufU64
	ggufI64
	ggufF64
)

var ggufKindNames = [...]string{"uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "bool", "string",
	"array", "uint64", "int64", "float64"}

// ggufKindSizes are the bytes of one value; 0 where the length varies.
var ggufKindSizes = [...]int64{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8}

func (k ggufKind) String() string {
	if int(k) < len(ggufKindNames) {
		return ggufKindNames[k]
	}
	return fmt.Sprintf("type %d", uint32(k))
}

func (k ggufKind) integer() bool { return k != ggufF32 && k < ggufBool || k == ggufU64 || k == ggufI64 }

// ggufValue is a metadata value. Numbers stay in the file's bytes until they are asked for, so that a value never
// takes more memory than the file has.
type ggufValue struct {
	kind  ggufKind // of the value, or of an array's elements
	array bool
	n     int
	raw   []byte   // n numbers or bools
	text  []string // n strings
}

func (v *ggufValue) describe() string {
	if v.array {
		return fmt.Sprintf("an array of %d %s", v.n, v.kind)
	}
	return v.kind.String()
}

// integer gives element i of an integer kind; ok is false when it exceeds an int64.
func (v *ggufValue) integer(i int) (n int64, ok bool) {
	le := binary.LittleEndian
	b := v.raw[int64(i)*ggufKindSizes[v.kind]:]
	switch v.kind {
	case ggufU8:
		return int64(b[0]), true
	case ggufI8:
		return int64(int8(b[0])), true
	case ggufU16:
		return int64(le.Uint16(b)), true
	case ggufI16:
		return int64(int16(le.Uint16(b))), true
	case ggufU32:
		return int64(le.Uint32(b)), true
	case ggufI32:
		return int64(int32(le.Uint32(b))), true
	}
	u := le.Uint64(b)
	return int64(u), v.kind == ggufI64 || u <= math.MaxInt64
}

func (v *ggufValue) float(i int) float64 {
	le := binary.LittleEndian
	if v.kind == ggufF32 {
		return float64(math.Float32frombits(le.Uint32(v.raw[4*i:])))
	}
	return math.Float64frombits(le.Uint64(v.raw[8*i:]))
}

// show is the value as text, arrays as their description.
func (v *ggufValue) show() string {
	switch {
	case v.array:
		return v.describe()
	case v.kind == ggufString:
		return v.text[0]
	case v.kind == ggufBool:
		return strconv.FormatBool(v.raw[0] != 0)
	case v.kind == ggufF32:
		return strconv.FormatFloat(v.float(0), 'g', -1, 32)
	case v.kind == ggufF64:
		return strconv.FormatFloat(v.float(0), 'g', -1, 64)
	case v.kind == ggufU64:
		return strconv.FormatUint(binary.LittleEndian.Uint64(v.raw), 10)
	}
	n, _ := v.integer(0)
	return strconv.FormatInt(n, 10)
}

// GGUFMeta is the metadata of a GGUF file and what its header says about the tensors. The getters return an error
// that names the file, the key, what was wanted and what was found; ask Has first where a key is optional.
type GGUFMeta struct {
	path    string
	version uint32
	keys    []string
	values  map[string]*ggufValue
	tensors []GGUFTensor
}

// GGUFTensor describes a tensor as it is stored. Shape is outermost first, as in PyTorch. Offset is relative to the
// file's data section.
type GGUFTensor struct {
	Name          string
	Type          GGMLType
	Shape         []int
	Offset, Bytes int64
}

// Path is the file.
func (m *GGUFMeta) Path() string { return m.path }

// Version is that of the container, 2 or 3.
func (m *GGUFMeta) Version() int { return int(m.version) }

// Keys lists the metadata keys in the file's order.
func (m *GGUFMeta) Keys() []string { return m.keys }

// Tensors lists the tensors as stored, in the file's order.
func (m *GGUFMeta) Tensors() []GGUFTensor { return m.tensors }

// Has reports whether the key is there.
func (m *GGUFMeta) Has(key string) bool { return m.values[key] != nil }

// Show is a value as text to print, "" where the key is absent.
func (m *GGUFMeta) Show(key string) string {
	if v := m.values[key]; v != nil {
		return v.show()
	}
	return ""
}

// plain is a value for JSON: text, a number, a boolean, or an array's description. What JSON has no number for is text.
func (m *GGUFMeta) plain(key string) any {
	v := m.values[key]
	switch {
	case v.array || v.kind == ggufString:
		return v.show()
	case v.kind == ggufBool:
		return v.raw[0] != 0
	case v.kind.integer():
		return json.Number(v.show())
	}
	if f := v.float(0); math.IsNaN(f) || math.IsInf(f, 0) {
		return v.show()
	}
	return json.Number(v.show())
}

func (m *GGUFMeta) value(key, wanted string, array bool, ok func(ggufKind) bool) (*ggufValue, error) {
	v := m.values[key]
	if v == nil {
		return nil, fault.Inputf("%s: metadata key %q is missing, wanted %s", m.path, key, wanted)
	}
	if v.array != array || !ok(v.kind) {
		return nil, fault.Inputf("%s: metadata key %q: wanted %s, found %s", m.path, key, wanted, v.describe())
	}
	return v, nil
}

// Str gives a string.
func (m *GGUFMeta) Str(key string) (string, error) {
	v, err := m.value(key, "a string", false, func(k ggufKind) bool { return k == ggufString })
	if err != nil {
		return "", err
	}
	return v.text[0], nil
}

// Int gives a number of any integer type.
func (m *GGUFMeta) Int(key string) (int64, error) {
	v, err := m.value(key, "an integer", false, ggufKind.integer)
	if err != nil {
		return 0, err
	}
	return m.integer(v, key, 0)
}

func (m *GGUFMeta) integer(v *ggufValue, key string, i int) (int64, error) {
	n, ok := v.integer(i)
	if !ok {
		return 0, fault.Inputf("%s: metadata key %q: wanted an integer below 2^63, found %s", m.path, key, v.show())
	}
	return n, nil
}

// Float gives a float32 or float64, and whether the file holds it as float32.
func (m *GGUFMeta) Float(key string) (v float64, single bool, err error) {
	g, err := m.value(key, "a float", false, func(k ggufKind) bool { return k == ggufF32 || k == ggufF64 })
	if err != nil {
		return 0, false, err
	}
	return g.float(0), g.kind == ggufF32, nil
}

// Bool gives a bool.
func (m *GGUFMeta) Bool(key string) (bool, error) {
	v, err := m.value(key, "a bool", false, func(k ggufKind) bool { return k == ggufBool })
	if err != nil {
		return false, err
	}
	return v.raw[0] != 0, nil
}

// Strs gives an array of strings; the caller must not change it.
func (m *GGUFMeta) Strs(key string) ([]string, error) {
	v, err := m.value(key, "an array of strings", true, func(k ggufKind) bool { return k == ggufString })
	if err != nil {
		return nil, err
	}
	return v.text, nil
}

// Ints gives an array of integers of any type.
func (m *GGUFMeta) Ints(key string) ([]int64, error) {
	v, err := m.value(key, "an array of integers", true, ggufKind.integer)
	if err != nil {
		return nil, err
	}
	list := make([]int64, v.n)
	for i := range list {
		if list[i], err = m.integer(v, key, i); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Floats gives an array of floats.
func (m *GGUFMeta) Floats(key string) ([]float64, error) {
	v, err := m.value(key, "an array of floats", true, func(k ggufKind) bool { return k == ggufF32 || k == ggufF64 })
	if err != nil {
		return nil, err
	}
	list := make([]float64, v.n)
	for i := range list {
		list[i] = v.float(i)
	}
	return list, nil
}
