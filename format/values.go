package format

import (
	"context"
	"encoding/binary"
	"runtime"
	"slices"
	"sync"

	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// BadValues counts what is not a finite number in one tensor.
type BadValues struct {
	Name  string `json:"name"`
	NaN   int64  `json:"nan"`
	Inf   int64  `json:"inf"`
	First int64  `json:"first"` // row-major index of the first one
}

// ScanValues reads all tensors of F16, BF16, F32 and F64 and lists those with NaN or infinity, in src's order. skipped
// counts the tensors of other types.
func ScanValues(ctx context.Context, src Source) (bad []BadValues, skipped int, err error) {
	list, err := checkTensors(src)
	if err != nil {
		return nil, 0, err
	}
	found := make([]BadValues, len(list))
	errs := make([]error, len(list))
	next := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			buf := make([]byte, 1<<20)
			for i := range next {
				found[i], errs[i] = scan(ctx, list[i], buf)
			}
		})
	}
	for i, p := range list {
		if !p.info.DType.Real() {
			skipped++
			continue
		}
		next <- i
	}
	close(next)
	wg.Wait()
	for i := range list {
		if errs[i] != nil {
			return nil, 0, errs[i]
		}
	}
	bad = slices.DeleteFunc(found, func(b BadValues) bool { return b.NaN+b.Inf == 0 })
	return bad, skipped, nil
}

func scan(ctx context.Context, p placed, buf []byte) (BadValues, error) {
	b := BadValues{Name: p.info.Name, First: -1}
	width := int64(p.info.DType.Bits() / 8)
	size := p.info.Size()
	for off := int64(0); off < size; {
		if ctx.Err() != nil {
			return b, context.Cause(ctx)
		}
		part := buf[:min(int64(len(buf)), size-off)]
		if err := tensor.Fill(p.Tensor, part, off); err != nil {
			return b, fault.Unread(err, "tensor %q: reading", p.info.Name)
		}
		b.count(part, p.info.DType, off/width)
		off += int64(len(part))
	}
	return b, nil
}

// count looks for elements whose exponent bits are all set: infinity when the fraction is zero, NaN otherwise.
func (b *BadValues) count(data []byte, d tensor.DType, first int64) {
	le := binary.LittleEndian
	switch d {
	case tensor.F16, tensor.BF16:
		exp := uint16(0x7c00)
		if d == tensor.BF16 {
			exp = 0x7f80
		}
		for i := 0; i+2 <= len(data); i += 2 {
			if v := le.Uint16(data[i:]); v&exp == exp {
				b.add(v&^(exp|0x8000) == 0, first+int64(i/2))
			}
		}
	case tensor.F32:
		for i := 0; i+4 <= len(data); i += 4 {
			if v := le.Uint32(data[i:]); v&0x7f800000 == 0x7f800000 {
				b.add(v&0x7fffff == 0, first+int64(i/4))
			}
		}
	case tensor.F64:
		for i := 0; i+8 <= len(data); i += 8 {
			if v := le.Uint64(data[i:]); v&(0x7ff<<52) == 0x7ff<<52 {
				b.add(v&(1<<52-1) == 0, first+int64(i/8))
			}
		}
	}
}

func (b *BadValues) add(inf bool, at int64) {
	if b.First < 0 {
		b.First = at
	}
	if inf {
		b.Inf++
	} else {
		b.NaN++
	}
}
