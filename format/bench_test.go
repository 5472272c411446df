package format

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/nlpodyssey/safetensors"

	"famkit/internal/tensor"
)

// BenchmarkHeader reads a header of 200,000 tensors with famkit's reader and with nlpodyssey/safetensors.
func BenchmarkHeader(b *testing.B) {
	const n = 200_000
	var text bytes.Buffer
	for i := range n {
		fmt.Fprintf(&text, `,"model.layers.%d.mlp.w":{"dtype":"BF16","shape":[2,1],"data_offsets":[%d,%d]}`, i, 4*i, 4*i+4)
	}
	file := raw("{"+text.String()[1:]+"}", 4*n)
	b.Run("famkit", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := readHeader(bytes.NewReader(file), int64(len(file)), "f"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("nlpodyssey", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := safetensors.Deserialize(file); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkWrite copies a checkpoint of 268 MB from the page cache through Write, with digests and without.
func BenchmarkWrite(b *testing.B) {
	src := &Memory{}
	data := make([]byte, 2<<20)
	for i := range data {
		data[i] = byte(i * 7 >> 3)
	}
	for i := range 128 {
		src.AddBytes(tensor.Info{Name: fmt.Sprintf("w%d", i), DType: tensor.BF16, Shape: []int{1024, 1024}}, data)
	}
	dir := b.TempDir()
	in := filepath.Join(dir, "in")
	if _, err := Write(context.Background(), in, src, WriteOptions{}); err != nil {
		b.Fatal(err)
	}
	h, err := Open(in)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	total, err := Bytes(h)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		o    WriteOptions
	}{{"digests", WriteOptions{Force: true}}, {"none", WriteOptions{Force: true, NoDigests: true}}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(total)
			for b.Loop() {
				if _, err := Write(context.Background(), filepath.Join(dir, "out"), h, c.o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("digest", func(b *testing.B) {
		b.SetBytes(total)
		for b.Loop() {
			if _, err := Digest(h); err != nil {
				b.Fatal(err)
			}
		}
	})
}
