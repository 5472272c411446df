package engine

import (
	"fmt"
	"unsafe"
)

// F32s views a host buffer's elements; an absent buffer gives nil. It panics when the type is another. Only for buffers of
// engines whose memory is the host's.
func F32s(b Buf) []float32 { return view[float32](b, F32) }

// F64s is F32s for float64.
func F64s(b Buf) []float64 { return view[float64](b, F64) }

// I32s is F32s for int32.
func I32s(b Buf) []int32 { return view[int32](b, I32) }

func view[T any](b Buf, t Type) []T {
	if b.Nil() {
		return nil
	}
	if b.Type != t {
		panic(fmt.Sprintf("engine: buffer of type %d viewed as type %d", b.Type, t))
	}
	return unsafe.Slice((*T)(b.Ptr), b.N)
}
