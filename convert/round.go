package convert

import (
	"encoding/binary"
	"math"

	"famkit/internal/tensor"
)

// cast rounds the elements of src, of type from, into dst, of type to. It returns the index of the first element that
// is finite and would become infinite, -1 where there is none. spare takes 4 bytes an element; it is used where both
// types have 16 bits.
func cast(dst []byte, to tensor.DType, src []byte, from tensor.DType, spare []byte) int {
	switch {
	case from == tensor.F64: // straight to the target: going through float32 would round twice
		return castWide(dst, to, src)
	case to == tensor.F64:
		return castToF64(dst, src, from)
	case to == tensor.F32:
		widen(dst, src, from)
		return -1
	case from != tensor.F32:
		spare = spare[:2*len(src)]
		widen(spare, src, from)
		src = spare
	}
	if to == tensor.BF16 {
		return narrowBF16(dst, src)
	}
	return narrowF16(dst, src)
}

// widen turns 16-bit elements into float32, exactly.
func widen(dst, src []byte, from tensor.DType) {
	le := binary.LittleEndian
	for i := range len(src) / 2 {
		h := le.Uint16(src[2*i:])
		if from == tensor.BF16 {
			le.PutUint32(dst[4*i:], uint32(h)<<16)
		} else {
			le.PutUint32(dst[4*i:], math.Float32bits(tensor.F16ToF32(h)))
		}
	}
}

// narrowBF16 rounds float32s to BF16.
func narrowBF16(dst, src []byte) int {
	le := binary.LittleEndian
	const infinite = 0x7f80
	for i := range len(src) / 4 {
		v := le.Uint32(src[4*i:])
		h := tensor.BF16FromF32(math.Float32frombits(v))
		if h&0x7fff == infinite && v&0x7fffffff != infinite<<16 {
			return i
		}
		le.PutUint16(dst[2*i:], h)
	}
	return -1
}

// narrowF16 rounds float32s to F16.
func narrowF16(dst, src []byte) int {
	le := binary.LittleEndian
	const (
		leastNormal = 0x38800000 // 2^-14
		overflow    = 0x477ff000 // 65520: from here on rounding gives infinity
		infinite    = 0x7f800000
		rebias      = (127 - 15) << 23
	)
	for i := range len(src) / 4 {
		v := le.Uint32(src[4*i:])
		switch a := v & 0x7fffffff; {
		case a >= leastNormal && a < overflow:
			h := (a - rebias + 0xfff + a>>13&1) >> 13
			le.PutUint16(dst[2*i:], uint16(v>>16&0x8000|h))
		case a >= overflow && a < infinite:
			return i
		default:
			le.PutUint16(dst[2*i:], tensor.F16FromF32(math.Float32frombits(v)))
		}
	}
	return -1
}

func castToF64(dst, src []byte, from tensor.DType) int {
	width := from.Bits() / 8
	for i := range len(src) / width {
		v := decodeOne(src[i*width:(i+1)*width], from)
		binary.LittleEndian.PutUint64(dst[8*i:], math.Float64bits(v))
	}
	return -1
}

// castWide casts float64s.
func castWide(dst []byte, to tensor.DType, src []byte) int {
	width := to.Bits() / 8
	for i := range len(src) / 8 {
		in := [1]float64{math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:]))}
		one := dst[i*width : (i+1)*width]
		tensor.Encode(one, in[:], to)
		if math.IsInf(decodeOne(one, to), 0) && !math.IsInf(in[0], 0) {
			return i
		}
	}
	return -1
}

func decodeOne(src []byte, d tensor.DType) float64 {
	var v [1]float64
	tensor.Decode(v[:], src, d)
	return v[0]
}

// changed counts the elements whose value a cast has changed: those of dst, of type to, that are other numbers than
// those of src, of type from.
func changed(dst []byte, to tensor.DType, src []byte, from tensor.DType) (n int64) {
	if from == tensor.F32 && to == tensor.BF16 {
		for i := range len(src) / 4 {
			if v := binary.LittleEndian.Uint32(src[4*i:]); v&0xffff != 0 && v&0x7fffffff <= 0x7f800000 { // no NaN
				n++
			}
		}
		return n
	}
	var was, is [256]float64
	in, out := from.Bits()/8, to.Bits()/8
	for len(src) > 0 {
		k := min(len(was), len(src)/in)
		tensor.Decode(was[:k], src[:k*in], from)
		tensor.Decode(is[:k], dst[:k*out], to)
		for i := range k {
			if was[i] != is[i] && was[i] == was[i] {
				n++
			}
		}
		src, dst = src[k*in:], dst[k*out:]
	}
	return n
}
