//go:build cgo

package kern

// #include "sums.h"
// #cgo noescape kern_sums
// #cgo nocallback kern_sums
import "C"

import "unsafe"

// The layouts are shared with C.
var (
	_ [C.sizeof_struct_sum_term]byte = [unsafe.Sizeof(SumTerm{})]byte{}
	_ [C.sizeof_struct_sum_row]byte  = [unsafe.Sizeof(SumRow{})]byte{}
	_ [C.sizeof_struct_sum_span]byte = [unsafe.Sizeof(SumSpan{})]byte{}
	_ [C.sizeof_struct_sum_met]byte  = [unsafe.Sizeof(SumMet{})]byte{}
)

// data is where a slice starts.
func data[T, S any](s []S) *T { return (*T)(unsafe.Pointer(unsafe.SliceData(s))) }

func (k simd) SumsHold(p *SumPlan, b *SumBlock, from int) int {
	if p.t == SumF64 || from >= len(b.Rows) {
		return twins{}.SumsHold(p, b, from)
	}
	p.check(b)
	e := p.t.Size()
	return int(C.kern_sums(k.isa, C.int(p.t), C.double(p.t.Unit()), data[C.uchar](b.Parent), C.long(p.parent*e),
		data[C.uchar](b.Child), C.long(p.child*e),
		data[C.struct_sum_row](b.Rows), C.long(from), C.long(len(b.Rows)), data[C.struct_sum_term](b.Terms),
		data[C.struct_sum_span](p.spans), C.long(len(p.spans)), data[C.struct_sum_term](p.terms),
		(*C.struct_sum_met)(unsafe.Pointer(&b.Met))))
}
