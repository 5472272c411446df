package engine

import "unsafe"

// Type of a buffer's elements.
type Type uint8

// The buffer types.
const (
	F32 Type = iota
	F64
	I32
	BF16
)

// Size in bytes of one element.
func (t Type) Size() int { return [...]int{4, 8, 4, 2}[t] }

func (t Type) String() string { return [...]string{"float32", "float64", "int32", "bfloat16"}[t] }

// Buf is a view of engine memory: a value, so that taking views allocates nothing. Ptr is meaningful to
// the engine only (a host address outside the Go heap, a device address).
type Buf struct {
	Ptr  unsafe.Pointer
	N    int // elements
	Type Type
}

// Nil reports an absent buffer; operators treat an absent optional buffer as "not wanted".
func (b Buf) Nil() bool { return b.Ptr == nil }

// At is the view of n elements from off. It panics when that leaves the buffer.
func (b Buf) At(off, n int) Buf {
	if off < 0 || n < 0 || off+n > b.N {
		panic("engine: view outside its buffer")
	}
	return Buf{unsafe.Add(b.Ptr, off*b.Type.Size()), n, b.Type}
}

// From is the view from element off to the end.
func (b Buf) From(off int) Buf { return b.At(off, b.N-off) }
