// Package host has what engines share whose memory is the host's.
package host

import (
	"fmt"
	"unsafe"

	"famkit/internal/engine"
)

// F32s views a buffer's elements; an absent buffer gives nil. It panics when the type is another.
func F32s(b engine.Buf) []float32 { return view[float32](b, engine.F32) }

// F64s is F32s for float64.
func F64s(b engine.Buf) []float64 { return view[float64](b, engine.F64) }

// I32s is F32s for int32.
func I32s(b engine.Buf) []int32 { return view[int32](b, engine.I32) }

func view[T any](b engine.Buf, t engine.Type) []T {
	if b.Nil() {
		return nil
	}
	if b.Type != t {
		panic(fmt.Sprintf("engine: buffer of %s viewed as %s", b.Type, t))
	}
	return unsafe.Slice((*T)(b.Ptr), b.N)
}
