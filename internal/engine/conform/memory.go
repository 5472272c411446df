package conform

import (
	"bytes"
	"math/rand/v2"

	"famkit/internal/engine"
	"famkit/internal/tensor"
)

// memory checks that buffers start as zeros, are counted and do not overlap, in every format.
func memory(t Reporter, e engine.Engine) {
	spec := e.Spec()
	for _, kind := range []engine.Type{spec.Master, spec.Weight, spec.Act, spec.Stat, engine.F64} {
		before := e.Allocated()
		a, err := e.Alloc(kind, 1000)
		if err != nil {
			t.Fatal(err)
		}
		ids, err := e.Alloc(engine.I32, 77)
		if err != nil {
			t.Fatal(err)
		}
		if want := int64(1000*kind.Size() + 77*4); e.Allocated()-before < want {
			t.Errorf("%d bytes counted, want at least %d", e.Allocated()-before, want)
		}
		e.UploadInts(ids, []int32{1, 2, 3})
		for i, v := range download(t, e, a) {
			if v != 0 {
				t.Fatalf("new memory of %s holds %g at %d", kind, v, i)
			}
		}
		if _, err := e.Alloc(kind, 1<<50); err == nil {
			t.Errorf("allocating 2^50 elements of %s gave no error", kind)
		}
	}
	if e.Reserve(1<<55) == nil {
		t.Errorf("reserving 2^55 bytes gave no error")
	}
	if err := e.Reserve(1 << 10); err != nil {
		t.Errorf("reserving 1024 bytes: %v", err)
	}
}

// casts checks uploads and downloads of every element type against package tensor's, and copies from one format to
// another.
func casts(t Reporter, e engine.Engine) {
	spec := e.Spec()
	for _, kind := range []engine.Type{spec.Master, spec.Act} {
		for _, d := range []tensor.DType{tensor.F16, tensor.BF16, tensor.F32, tensor.F64} {
			for _, n := range []int{1, 15, 16, 33, 5000} {
				cast(t, e, kind, d, n)
			}
		}
	}
	for _, n := range []int{1, 17, 5000} {
		x := random(rand.New(rand.NewPCG(4, uint64(n))), n)
		from, to := place(t, e, data{f: x, kind: master, off: 1}), place(t, e, data{f: poison(n), kind: weight, off: 3})
		e.Copy(to, from)
		compare(t, "copy of weights", download(t, e, to), rounded(x, spec.Weight), 0, 0)
	}
	b, err := e.Alloc(spec.Master, 4)
	if err != nil {
		t.Fatal(err)
	}
	if e.Upload(b, make([]byte, 4), tensor.I8) == nil {
		t.Errorf("uploading integers as weights gave no error")
	}
	if e.Upload(b, make([]byte, 15), tensor.F32) == nil {
		t.Errorf("uploading 15 bytes as four float32 gave no error")
	}
}

// rounded is what a buffer of a type holds of x.
func rounded(x []float64, kind engine.Type) []float64 {
	d := map[engine.Type]tensor.DType{engine.F32: tensor.F32, engine.F64: tensor.F64, engine.BF16: tensor.BF16}[kind]
	y := make([]float64, len(x))
	tensor.Decode(y, encode(x, d), d)
	return y
}

func cast(t Reporter, e engine.Engine, kind engine.Type, d tensor.DType, n int) {
	x := random(rand.New(rand.NewPCG(3, uint64(n))), n)
	b, err := e.Alloc(kind, n+1)
	if err != nil {
		t.Fatal(err)
	}
	b = b.At(1, n)
	if err := e.Upload(b, encode(x, d), d); err != nil {
		t.Fatal(err)
	}
	stored := make([]float64, n)
	tensor.Decode(stored, encode(x, d), d)
	compare(t, "upload of "+d.String(), download(t, e, b), rounded(stored, kind), 0, 0)
	if err := e.Upload(b, encode(x, tensor.F64), tensor.F64); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, n*d.Bits()/8)
	if err := e.Download(got, d, b); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, encode(rounded(x, kind), d)) {
		t.Errorf("download of %d elements of %s as %s: other bytes than package tensor's", n, kind, d)
	}
}

// fill overwrites a buffer.
func fill(t Reporter, e engine.Engine, b engine.Buf, x []float64) {
	t.Helper()
	if err := e.Upload(b, encode(x, tensor.F64), tensor.F64); err != nil {
		t.Fatal(err)
	}
}
