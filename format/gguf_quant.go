package format

import (
	"encoding/binary"
	"math"

	"famkit/internal/tensor"
)

// The dequantisers turn whole blocks (src) into little-endian float32 (dst). Each value is computed as the reference
// implementation does, in float32 with one rounding per operation: the explicit conversions forbid fused
// multiply-add, which would round differently on some machines.

// dequantQ8x0: d f16, 32 signed bytes; value = q * d.
func dequantQ8x0(dst, src []byte) {
	for len(src) >= 34 {
		d := f16(src)
		q, out := src[2:34:34], dst[:128:128]
		for i, v := range q {
			put32(out[4*i:], float32(int8(v))*d)
		}
		src, dst = src[34:], dst[128:]
	}
}

// dequantQ4x0: d f16, 16 bytes of two elements; value = d * (q - 8). The low nibbles are elements 0 to 15.
func dequantQ4x0(dst, src []byte) {
	var value [16]uint32
	for len(src) >= 18 {
		d := f16(src)
		for q := range value {
			value[q] = math.Float32bits(d * float32(q-8))
		}
		unpackNibbles(dst[:128:128], src[2:18:18], &value)
		src, dst = src[18:], dst[128:]
	}
}

// dequantQ4x1: d f16, m f16, 16 bytes of two elements; value = d * q + m.
func dequantQ4x1(dst, src []byte) {
	var value [16]uint32
	for len(src) >= 20 {
		d, m := f16(src), f16(src[2:])
		for q := range value {
			value[q] = math.Float32bits(float32(d*float32(q)) + m)
		}
		unpackNibbles(dst[:128:128], src[4:20:20], &value)
		src, dst = src[20:], dst[128:]
	}
}

func unpackNibbles(out, qs []byte, value *[16]uint32) {
	le := binary.LittleEndian
	lo, hi := out[:64:64], out[64:128:128]
	for i, b := range qs {
		le.PutUint32(lo[4*i:], value[b&15])
		le.PutUint32(hi[4*i:], value[b>>4])
	}
}

func f16(b []byte) float32 { return tensor.F16ToF32(binary.LittleEndian.Uint16(b)) }

func put32(b []byte, v float32) { binary.LittleEndian.PutUint32(b, math.Float32bits(v)) }
