package tensor

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestNonFiniteCounts plants NaNs and infinities of both signs at random places among extreme finite numbers.
func TestNonFiniteCounts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, d := range []DType{F16, BF16, F32, F64} {
		size := d.Bits() / 8
		top := map[DType]float64{F16: 65504, BF16: 0x1.fep127, F32: math.MaxFloat32, F64: math.MaxFloat64}[d]
		for trial := range 200 {
			n := rng.IntN(3000)
			vals := make([]float64, n)
			want := 0
			for i := range vals {
				vals[i] = []float64{0, math.Copysign(0, -1), 1, -1, top, -top, 0x1p-24}[rng.IntN(7)]
				if trial%2 == 1 && rng.IntN(100) == 0 {
					vals[i] = []float64{math.NaN(), math.Inf(1), math.Inf(-1)}[rng.IntN(3)]
					want++
				}
			}
			b := make([]byte, n*size)
			Encode(b, vals, d)
			if got := NonFinite(b, d); got != want {
				t.Fatalf("%s, %d elements: %d not finite, want %d", d, n, got, want)
			}
		}
	}
	if NonFinite([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, I64) != 0 {
		t.Error("an integer is never not finite")
	}
}

// nearest is the correctly rounded value by exhaustive search among the type's 65,536 values.
func nearest(v float64, widen func(uint16) float64) uint16 {
	best, bestD := uint16(0), (*big.Float)(nil)
	for h := range 1 << 16 {
		w := widen(uint16(h))
		if math.IsNaN(w) || math.IsInf(w, 0) || math.Signbit(w) != math.Signbit(v) {
			continue
		}
		d := new(big.Float).SetPrec(2000).Sub(big.NewFloat(v), big.NewFloat(w))
		d.Abs(d)
		if bestD == nil || d.Cmp(bestD) < 0 || d.Cmp(bestD) == 0 && h&1 == 0 {
			best, bestD = uint16(h), d
		}
	}
	return best
}

// TestRoundingFromFloat64: one rounding to nearest even, also where going through float32 would round twice.
// TestReaches: the scan of whole words says what each element says, wherever it stands.
func TestReaches(t *testing.T) {
	for _, d := range []DType{F16, BF16, F32, F64} {
		for _, exponent := range []int{-9, 0, 1, 15} {
			limit := math.Ldexp(1, exponent)
			for n := 1; n < 40; n += 3 {
				for at := range n {
					for _, x := range []float64{0, limit / 2, -limit * 0.99, limit, -limit, limit * 1.5, math.Inf(-1), math.NaN()} {
						v := make([]float64, n)
						v[at] = x
						raw := make([]byte, n*d.Bits()/8)
						Encode(raw, v, d)
						Decode(v, raw, d)
						if got, want := Reaches(raw, d, exponent), !(math.Abs(v[at]) < limit); got != want {
							t.Fatalf("%s: %v at %d of %d, 2^%d: %v, want %v", d, v[at], at, n, exponent, got, want)
						}
					}
				}
			}
		}
	}
	if Reaches([]byte{255, 255}, I32, 3) {
		t.Error("integers reach")
	}
}

func TestRoundingFromFloat64(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	half := func(h uint16) float64 { return float64(F16ToF32(h)) }
	brain := func(h uint16) float64 { return float64(math.Float32frombits(uint32(h) << 16)) }
	values := []float64{1 + 0x1p-11, 1 + 0x1p-11 + 0x1p-40, 1 + 0x1p-11 - 0x1p-40, 1 + 0x1p-8, 1 + 0x1p-8 + 0x1p-40,
		1 + 0x1p-8 - 0x1p-40,
		0x1p-25, 0x1p-25 + 0x1p-60, 0x1p-24, -0x1.8p-24, 0x1.ffcp-15, 0x1p-133, 0x1.8p-133, 3 * 0x1p-134, 65519.9}
	for range 12 {
		values = append(values, rng.NormFloat64()*math.Exp2(float64(rng.IntN(24)-16)))
	}
	for _, v := range values {
		if math.Abs(v) > 0x1p-30 || v == 0x1p-25 {
			if got, want := F16FromF64(v), nearest(v, half); got != want {
				t.Errorf("float16 of %v: %#04x, want %#04x", v, got, want)
			}
		}
		if got, want := BF16FromF64(v), nearest(v, brain); got != want {
			t.Errorf("bfloat16 of %v: %#04x, want %#04x", v, got, want)
		}
	}
	if F16FromF64(65520) != 0x7c00 || BF16FromF64(math.Inf(-1)) != 0xff80 || F16FromF64(math.NaN())&0x7c00 != 0x7c00 {
		t.Error("overflow gives infinity, infinities and NaN stay")
	}
}

// TestEveryHalfSurvives: all 16-bit values go to float64 and back unchanged.
func TestEveryHalfSurvives(t *testing.T) {
	for _, d := range []DType{F16, BF16} {
		var v [1]float64
		for h := range 1 << 16 {
			b := []byte{byte(h), byte(h >> 8)}
			Decode(v[:], b, d)
			out := make([]byte, 2)
			Encode(out, v[:], d)
			if math.IsNaN(v[0]) {
				continue
			}
			if out[0] != b[0] || out[1] != b[1] {
				t.Fatalf("%s %#04x -> %v -> %#02x%02x", d, h, v[0], out[1], out[0])
			}
		}
	}
}

func TestSizes(t *testing.T) {
	for _, c := range []struct {
		info  Info
		bytes int64
		ok    bool
	}{
		{Info{DType: F32, Shape: []int{}}, 4, true}, {Info{DType: BF16, Shape: []int{3, 5}}, 30, true},
		{Info{DType: F4, Shape: []int{3, 2}}, 3, true},
		{Info{DType: F4, Shape: []int{1, 3}}, 0, false}, {Info{DType: F64, Shape: []int{1 << 40, 1 << 40}}, 0, false},
		{Info{DType: F64, Shape: []int{1 << 61}}, 0, false}, {Info{DType: I8, Shape: []int{0, 1 << 62}}, 0, true},
		{Info{DType: I8, Shape: []int{-1}}, 0, false},
	} {
		n, err := c.info.Bytes()
		if n != c.bytes || (err == nil) != c.ok {
			t.Errorf("%v: %d bytes, %v; want %d, ok %v", c.info, n, err, c.bytes, c.ok)
		}
	}
	for d := Bool; d <= U64; d++ {
		if got, err := ParseDType(d.String()); err != nil || got != d {
			t.Errorf("%s reads back as %v, %v", d, got, err)
		}
		if d.Torch() != "" {
			if got, err := ParseTorchDType(d.Torch()); err != nil || got != d {
				t.Errorf("%s reads back as %v, %v", d.Torch(), got, err)
			}
		}
	}
	if _, err := ParseDType("INVALID"); err == nil {
		t.Error("INVALID is accepted")
	}
}

// TestFloatFacts finds the facts of the real types in their bits.
func TestFloatFacts(t *testing.T) {
	one := func(d DType, v float64) float64 {
		b := make([]byte, d.Bits()/8)
		var back [1]float64
		Encode(b, []float64{v}, d)
		Decode(back[:], b, d)
		return back[0]
	}
	for _, d := range []DType{BF16, F16, F32, F64} {
		u := d.Unit()
		if one(d, 1+2*u) != 1+2*u || d != F64 && one(d, 1+u) != 1 || u != math.Ldexp(1, -d.Precision()) {
			t.Errorf("%s: unit roundoff %v, %d bits", d, u, d.Precision())
		}
		if s := d.Smallest(); s == 0 || one(d, s) != s || d != F64 && one(d, s/2) != 0 {
			t.Errorf("%s: smallest %v", d, s)
		}
		if l := d.Largest(); one(d, l) != l || math.IsInf(l, 0) || d != F64 && !math.IsInf(one(d, l*(1+u)), 0) {
			t.Errorf("%s: largest %v", d, l)
		}
	}
	var holds []string
	for _, d := range []DType{BF16, F16, F32, F64, I32} {
		for _, o := range []DType{BF16, F16, F32, F64, I32} {
			if d.Holds(o) {
				holds = append(holds, d.String()+">"+o.String())
			}
		}
	}
	if got := strings.Join(holds, " "); got != "BF16>BF16 F16>F16 F32>BF16 F32>F16 F32>F32 F64>BF16 F64>F16 F64>F32 "+
		"F64>F64" {
		t.Error(got)
	}
}
