// Package gguftest writes GGUF files for tests: sound ones, and ones that are broken in a chosen place.
package gguftest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// Types of metadata values.
const (
	U8 uint32 = iota
	I8
	U16
	I16
	U32
	I32
	F32
	Bool
	String
	Array
	U64
	I64
	F64
)

// File is what to write. The zero value of an optional field means what a sound file has.
type File struct {
	Magic   string // "GGUF"
	Version uint32 // 3
	Align   int    // 32; general.alignment is up to the caller
	Pairs   []Pair
	Tensors []Tensor
	// The counts in the header, where they are to lie.
	NTensors, NPairs *uint64
}

// Pair is a metadata pair; Payload holds the value's bytes.
type Pair struct {
	Key     string
	KeyLen  *uint64 // where it is to lie
	Kind    uint32
	Payload []byte
}

// Tensor is a tensor with its data as stored. Dims are innermost first, as in the file.
type Tensor struct {
	Name    string
	NameLen *uint64 // where it is to lie
	NDims   *uint32 // where it is to lie
	Dims    []uint64
	Type    uint32
	Data    []byte
	Offset  *uint64 // where it is to lie
}

// KV makes a pair of a Go value: integers and floats of a size, bool, string and slices of them.
func KV(key string, value any) Pair {
	var b bytes.Buffer
	kind := scalar(&b, value)
	if kind != Array {
		return Pair{Key: key, Kind: kind, Payload: b.Bytes()}
	}
	switch list := value.(type) {
	case []string:
		return array(key, String, list)
	case []int32:
		return array(key, I32, list)
	case []uint32:
		return array(key, U32, list)
	case []float32:
		return array(key, F32, list)
	case []bool:
		return array(key, Bool, list)
	}
	panic(fmt.Sprintf("gguftest: no metadata type for %T", value))
}

func array[T any](key string, kind uint32, list []T) Pair {
	b := bytes.NewBuffer(le(kind, uint64(len(list))))
	for _, v := range list {
		scalar(b, v)
	}
	return Pair{Key: key, Kind: Array, Payload: b.Bytes()}
}

// scalar appends a plain value and gives its type, Array for anything else.
func scalar(b *bytes.Buffer, value any) uint32 {
	switch v := value.(type) {
	case string:
		b.Write(Str(v))
		return String
	case bool:
		b.WriteByte(map[bool]byte{true: 1}[v])
		return Bool
	}
	kinds := map[string]uint32{"uint8": U8, "int8": I8, "uint16": U16, "int16": I16, "uint32": U32, "int32": I32,
		"float32": F32,
		"uint64":  U64, "int64": I64, "float64": F64}
	kind, ok := kinds[fmt.Sprintf("%T", value)]
	if !ok {
		return Array
	}
	b.Write(le(value))
	return kind
}

// Str is a string as the file has it: length and bytes.
func Str(s string) []byte { return append(le(uint64(len(s))), s...) }

func le(values ...any) []byte {
	var b bytes.Buffer
	for _, v := range values {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

// Floats are little-endian float32 bytes.
func Floats(v ...float32) []byte {
	b := make([]byte, 4*len(v))
	for i, f := range v {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(f))
	}
	return b
}

// Bytes is the file.
func (f *File) Bytes() []byte {
	var b bytes.Buffer
	b.WriteString(or(f.Magic, "GGUF"))
	b.Write(le(or(f.Version, 3), orElse(f.NTensors, uint64(len(f.Tensors))), orElse(f.NPairs, uint64(len(f.Pairs)))))
	for _, p := range f.Pairs {
		b.Write(le(orElse(p.KeyLen, uint64(len(p.Key)))))
		b.WriteString(p.Key)
		b.Write(le(p.Kind))
		b.Write(p.Payload)
	}
	align := or(f.Align, 32)
	offset := uint64(0)
	for _, t := range f.Tensors {
		b.Write(le(orElse(t.NameLen, uint64(len(t.Name)))))
		b.WriteString(t.Name)
		b.Write(le(orElse(t.NDims, uint32(len(t.Dims)))))
		b.Write(le(t.Dims, t.Type, orElse(t.Offset, offset)))
		offset += uint64(len(t.Data)+align-1) / uint64(align) * uint64(align)
	}
	for _, t := range f.Tensors {
		pad(&b, align)
		b.Write(t.Data)
	}
	pad(&b, align)
	return b.Bytes()
}

func pad(b *bytes.Buffer, align int) {
	for b.Len()%align != 0 {
		b.WriteByte(0)
	}
}

func or[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

func orElse[T any](v *T, def T) T {
	if v == nil {
		return def
	}
	return *v
}
