package expand

import (
	"encoding/binary"
	"math"

	"famkit/internal/growth"
	"famkit/internal/tensor"
)

// scaled makes a plain row straight from the stored bytes, but for the choice of copies: each element times the row's
// scale and the column's, in float64, rounded once. It equals decode, fill and encode, in one pass; false where the
// type has no such pass.
func (c *rowMaker) scaled(out, in []byte) bool {
	d := c.e.Info.DType
	if d != tensor.F32 && d != tensor.BF16 {
		return false
	}
	cols, size := c.e.cols, c.esize
	for _, u := range cols.stretches() {
		o := out[u.to*size : (u.to+u.n)*size]
		if u.from == growth.Fresh {
			clear(o)
			continue
		}
		i, k := in[u.from*size:(u.from+u.n)*size], c.scale*cols.scaleAt(u.to)
		if d == tensor.F32 {
			scale32(o, i, k)
		} else if t := c.table(u.n, k); t != nil {
			t.scale(o, i)
		} else {
			scaleBF16(o, i, k)
		}
	}
	return true
}

// table is the table for n elements that are multiplied by k; nil where none pays.
func (c *rowMaker) table(n int, k float64) *roundTable {
	if c.tables == nil || n < 32 || c.e.rows.to*c.e.cols.to < tableFrom {
		return nil
	}
	return c.tables.get(k, c.e.Info.DType)
}

func scale32(out, in []byte, k float64) {
	le := binary.LittleEndian
	for len(in) >= 4 && len(out) >= 4 {
		v := float64(math.Float32frombits(le.Uint32(in))) * k
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
