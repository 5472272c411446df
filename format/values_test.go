package format

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"famkit/internal/tensor"
)

func TestScanValues(t *testing.T) {
	m := &Memory{}
	const n = 700_000 // more than one piece
	for _, d := range []tensor.DType{tensor.F16, tensor.BF16, tensor.F32, tensor.F64, tensor.I32} {
		for _, c := range []struct {
			name string
			at   map[int]float64
		}{
			{"good", map[int]float64{0: 60000, 5: -60000, 9: 5e-8}},
			{"bad", map[int]float64{3: 1, n - 2: math.NaN(), n - 1: math.Inf(-1)}},
		} {
			info := tensor.Info{Name: c.name + "." + d.String(), DType: d, Shape: []int{n}}
			data := make([]byte, info.Size())
			if d.Real() {
				for i, v := range c.at {
					w := d.Bits() / 8
					tensor.Encode(data[i*w:(i+1)*w], []float64{v}, d)
				}
			} else {
				for i := range data {
					data[i] = 0xff // no NaN in an integer
				}
			}
			m.AddBytes(info, data)
		}
	}
	bad, skipped, err := ScanValues(context.Background(), m)
	if err != nil || skipped != 2 {
		t.Fatal(skipped, err)
	}
	want := ""
	for _, d := range []string{"F16", "BF16", "F32", "F64"} {
		want += fmt.Sprintf("{bad.%s 1 1 %d}", d, n-2)
	}
	got := ""
	for _, b := range bad {
		got += fmt.Sprint(b)
	}
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := ScanValues(ctx, m); err == nil {
		t.Error("a cancelled scan gives an answer")
	}
}

// fixtures/values/nan.safetensors is for tests of commands; UPDATE_FIXTURES=1 writes it.
func TestNaNFixture(t *testing.T) {
	m := &Memory{}
	for _, c := range []struct {
		name string
		v    []float32
	}{{"model.norm.weight", []float32{1, float32(math.NaN()), float32(math.Inf(1))}},
		{"model.embed_tokens.weight", []float32{1, 2}}} {
		info := tensor.Info{Name: c.name, DType: tensor.BF16, Shape: []int{len(c.v)}}
		data := make([]byte, info.Size())
		tensor.Encode(data, c.v, tensor.BF16)
		m.AddBytes(info, data)
	}
	path := filepath.Join(t.TempDir(), "nan.safetensors")
	writeOpen(t, path, m, WriteOptions{})
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fixtureFiles(t, "../fixtures/values", map[string][]byte{"nan.safetensors": data})
}
