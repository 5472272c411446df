package expand

import (
	"encoding/binary"
	"math"

	"famkit/internal/tensor"
)

// scaled makes a plain row straight from the stored bytes, but for the choice of copies: each element times the row's scale
// and the column's, in float64, rounded once. It equals decode, fill and encode, in one pass; false where the type has
// no such pass.
func (c *rowMaker) scaled(out, in []byte) bool {
	size := c.esize
	var one func(out, in []byte, k float64)
	var each func(out, in []byte, k float64, scale []float64)
	switch c.e.Info.DType {
	case tensor.F32:
		one, each = scale32, scaleEach32
	case tensor.BF16:
		one, each = scaleBF16, scaleEachBF16
	default:
		return false
	}
	cols := c.e.cols
	runs := cols.runs
	if cols.src == nil {
		runs = []run{{n: cols.to, count: 1}}
	}
	for _, u := range runs {
		o, i := out[u.to*size:(u.to+u.n)*size], in[u.from*size:(u.from+u.n)*size]
		if cols.scale == nil {
			one(o, i, c.scale)
		} else {
			each(o, i, c.scale, cols.scale[u.to:u.to+u.n])
		}
	}
	return true
}

func scale32(out, in []byte, k float64) {
	le := binary.LittleEndian
	for len(in) >= 4 && len(out) >= 4 {
		v := float64(math.Float32frombits(le.Uint32(in))) * k
		le.PutUint32(out, math.Float32bits(float32(v)))
		in, out = in[4:], out[4:]
	}
}

func scaleEach32(out, in []byte, k float64, scale []float64) {
	le := binary.LittleEndian
	for _, s := range scale {
		v := float64(math.Float32frombits(le.Uint32(in))) * (k * s)
		le.PutUint32(out, math.Float32bits(float32(v)))
		in, out = in[4:], out[4:]
	}
}

func scaleBF16(out, in []byte, k float64) {
	le := binary.LittleEndian
	for len(in) >= 2 && len(out) >= 2 {
		v := float64(math.Float32frombits(uint32(le.Uint16(in))<<16)) * k
		le.PutUint16(out, tensor.BF16FromF64(v))
		in, out = in[2:], out[2:]
	}
}

func scaleEachBF16(out, in []byte, k float64, scale []float64) {
	le := binary.LittleEndian
	for _, s := range scale {
		v := float64(math.Float32frombits(uint32(le.Uint16(in))<<16)) * (k * s)
		le.PutUint16(out, tensor.BF16FromF64(v))
		in, out = in[2:], out[2:]
	}
}
