package enginetest

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"famkit/internal/engine"
	"famkit/internal/tensor"
)

// memory checks that buffers start as zeros, are counted and do not overlap.
func memory(t *testing.T, e engine.Engine) {
	before := e.Allocated()
	a, err := e.Alloc(e.Real(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := e.Alloc(engine.I32, 77)
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(1000*e.Real().Size() + 77*4); e.Allocated()-before < want {
		t.Errorf("%d bytes counted, want at least %d", e.Allocated()-before, want)
	}
	for i, v := range download(t, e, a) {
		if v != 0 {
			t.Fatalf("new memory holds %g at %d", v, i)
		}
	}
	e.UploadInts(ids, []int32{1, 2, 3})
	if e.Sum(a) != 0 {
		t.Error("two allocations overlap")
	}
	if _, err := e.Alloc(e.Real(), 1<<50); err == nil {
		t.Error("allocating 2^50 elements gave no error")
	}
}

// casts checks uploads and downloads of every element type against package tensor's.
func casts(t *testing.T, e engine.Engine) {
	for _, d := range []tensor.DType{tensor.F16, tensor.BF16, tensor.F32, tensor.F64} {
		for _, n := range []int{1, 15, 16, 33, 5000} {
			x := random(rand.New(rand.NewPCG(3, uint64(n))), n)
			b, err := e.Alloc(e.Real(), n+1)
			if err != nil {
				t.Fatal(err)
			}
			b = b.At(1, n)
			if err := e.Upload(b, encode(x, d), d); err != nil {
				t.Fatal(err)
			}
			want := make([]float64, n)
			tensor.Decode(want, encode(x, d), d)
			compare(t, "upload of "+d.String(), download(t, e, b), want, 0, 0)
			if err := e.Upload(b, encode(x, tensor.F64), tensor.F64); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, n*d.Bits()/8)
			if err := e.Download(got, d, b); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, encode(x, d)) {
				t.Errorf("download of %d elements as %s: other bytes than package tensor's", n, d)
			}
		}
	}
	b, err := e.Alloc(e.Real(), 4)
	if err != nil {
		t.Fatal(err)
	}
	if e.Upload(b, make([]byte, 4), tensor.I8) == nil {
		t.Error("uploading integers as weights gave no error")
	}
	if e.Upload(b, make([]byte, 15), tensor.F32) == nil {
		t.Error("uploading 15 bytes as four float32 gave no error")
	}
}

// fill overwrites a buffer.
func fill(t *testing.T, e engine.Engine, b engine.Buf, x []float64) {
	t.Helper()
	if err := e.Upload(b, encode(x, tensor.F64), tensor.F64); err != nil {
		t.Fatal(err)
	}
}
