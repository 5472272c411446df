package expand

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"famkit/internal/arch/archtest"
	"famkit/internal/tensor"
)

// Every number of a type, NaNs, infinities and subnormals with it, comes out of a table as it comes out of the product.
func TestRoundTable(t *testing.T) {
	in := make([]byte, 2<<16+6) // the last ones are no whole word
	for i := range 1<<16 + 3 {
		binary.LittleEndian.PutUint16(in[2*i:], uint16(i))
	}
	got, want := make([]byte, len(in)), make([]byte, len(in))
	for _, k := range []float64{1, -1, 0, 0.5, math.Sqrt2, 1 / math.Sqrt(3), 1e-30, 1e30, 1e-300, math.Inf(1)} {
		newRoundTable(k, tensor.BF16).scale(got, in)
		scaleBF16(want, in, k)
		if !bytes.Equal(got, want) {
			t.Errorf("factor %g: the table differs from the product", k)
		}
	}
	newRoundTable(1.5, tensor.BF16).scale(got, in)
	scaleBF16(want, in, math.Nextafter(1.52, 2))
	if bytes.Equal(got, want) {
		t.Error("another factor made no difference")
	}
}

// There are only so many tables, and those that are there stay.
func TestRoundTablesAreFew(t *testing.T) {
	var s roundTables
	first := s.get(1, tensor.BF16)
	for i := range 3 * mostTables {
		if got := s.get(float64(i+2), tensor.BF16); (got == nil) != (i+1 >= mostTables) {
			t.Fatalf("table %d: %v", i+1, got != nil)
		}
	}
	if s.get(1, tensor.BF16) != first || len(s.made) != mostTables {
		t.Errorf("%d tables, want %d with the first among them", len(s.made), mostTables)
	}
}

// With tables for all tensors, rows are what they are without, padded ones too.
func TestTablesAgainstOracle(t *testing.T) {
	defer func(n int) { tableFrom = n }(tableFrom)
	rng := rand.New(rand.NewPCG(4, 4))
	for _, from := range []int{0, tableFrom} {
		tableFrom = from
		grown := 0
		for name := range archtest.Configs {
			ck := random(t, name, tensor.BF16)
			for _, r := range []Request{{Hidden: change(t, "+60"), Seed: 5}, {Hidden: change(t, "+60"),
				Methods: []string{"pad"}}, {Hidden: change(t, "2x"), Methods: []string{"lemon"}}} {
				p, err := Compile(ck, r)
				if err != nil {
					continue
				}
				grown++
				if !ck.Model.LayerNorm { // the oracle's mean adds in another order
					checkExprs(t, rng, p, ck)
				}
			}
		}
		if grown == 0 {
			t.Error("every growth was refused")
		}
	}
}

// Rounding by conversion is rounding by division.
func TestQuantize(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for _, d := range []tensor.DType{tensor.BF16, tensor.F32, tensor.F16} {
		for range 300_000 {
			v := math.Ldexp(1-2*rng.Float64(), rng.IntN(300)-160)
			if rng.IntN(2) == 0 { // a tie or beside one
				v = quantizeAny(v, d) + lastPlace(v, d)/2
			}
			if v == 0 {
				continue
			}
			if got, want := quantize(v, d), quantizeAny(v, d); math.Float64bits(got) != math.Float64bits(want) {
				t.Fatalf("%s: %x becomes %x, want %x", d, v, got, want)
			}
		}
	}
}
