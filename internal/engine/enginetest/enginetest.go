// Package enginetest holds the checks that every compute engine must pass: each operator against a plain computation
// or against the reference engine, on sizes, strides and offsets that vector code gets wrong.
package enginetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"famkit/internal/engine"
	"famkit/internal/tensor"
)

// data is the contents of one buffer before an operator runs. Every value is a float32, so that all engines start
// from the same numbers.
type data struct {
	f       []float64
	i       []int32
	private bool // scratch whose contents are the engine's own affair
	off     int  // elements before the buffer, to have it start anywhere
}

// check is one call, or a few, of one operator.
type check struct {
	name string
	bufs []data
	// run calls the operators; what it returns is compared too.
	run func(e engine.Engine, b []engine.Buf) []float64
	// terms is the size of numbers that may cancel in the result, where they are larger than the result.
	terms float64
	// plain computes the same on the contents; where it is nil the reference engine does.
	plain func(x [][]float64) []float64
}

// RunAll checks the engines that create makes with 1, 2 and 3 threads, in short mode with 3. Results may differ from the expected ones by
// tol times the largest number in their buffer, and not at all between two runs. The test must import the reference
// engine, which is the oracle of the backward operators; a float64 engine's own gradients are checked by finite differences.
func RunAll(t *testing.T, create func(engine.Options) (engine.Engine, error), tol float64) {
	oracle, err := engine.New("ref", engine.Options{})
	if err != nil {
		t.Fatalf("the test must import the reference engine: %v", err)
	}
	defer func() { _ = oracle.Close() }()
	all := []int{1, 2, 3}
	if testing.Short() { // for the race detector, which is slow
		all = []int{3}
	}
	for _, threads := range all {
		t.Run(fmt.Sprintf("threads=%d", threads), func(t *testing.T) {
			e, err := create(engine.Options{Threads: threads})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := e.Close(); err != nil {
					t.Error(err)
				}
			}()
			for _, c := range checks() {
				t.Run(c.name, func(t *testing.T) { c.against(t, e, oracle, tol) })
			}
			t.Run("memory", func(t *testing.T) { memory(t, e) })
			t.Run("casts", func(t *testing.T) { casts(t, e) })
			if e.Real() == engine.F64 {
				t.Run("gradients", func(t *testing.T) { gradients(t, e) })
			}
		})
	}
}

func checks() []check {
	r := rand.New(rand.NewPCG(1, 2))
	var all []check
	for _, f := range []func(*rand.Rand) []check{matmuls, vectors, norms, layerNorms, ropes, attentions, gates, mixtures, embeds, crossEntropies, adams} {
		all = append(all, f(r)...)
	}
	return all
}

// reporter is what the checks need of a testing.T; the checks' own test puts another one here.
type reporter interface {
	Helper()
	Errorf(format string, a ...any)
	Fatalf(format string, a ...any)
	Fatal(a ...any)
}

func (c *check) against(t reporter, e, oracle engine.Engine, tol float64) {
	t.Helper()
	got, gotHost := c.on(t, e)
	again, againHost := c.on(t, e)
	var want [][]float64
	var wantHost []float64
	if c.plain != nil {
		for _, d := range c.bufs {
			want = append(want, d.contents())
		}
		wantHost = c.plain(want)
	} else {
		want, wantHost = c.on(t, oracle)
	}
	for i, d := range c.bufs {
		if d.private {
			continue
		}
		compare(t, fmt.Sprintf("buffer %d", i), got[i], want[i], tol, c.terms)
		identical(t, fmt.Sprintf("buffer %d", i), again[i], got[i])
	}
	compare(t, "results", gotHost, wantHost, tol, 0)
	identical(t, "results", againHost, gotHost)
}

// on runs the check on an engine and gives what the buffers then hold.
func (c *check) on(t reporter, e engine.Engine) ([][]float64, []float64) {
	t.Helper()
	bufs := make([]engine.Buf, len(c.bufs))
	for i, d := range c.bufs {
		bufs[i] = d.place(t, e)
	}
	host := c.run(e, bufs)
	if err := e.Sync(); err != nil {
		t.Fatal(err)
	}
	out := make([][]float64, len(bufs))
	for i, b := range bufs {
		if b.Type != engine.I32 {
			out[i] = download(t, e, b)
		} else {
			out[i] = c.bufs[i].contents()
		}
	}
	return out, host
}

func (d *data) contents() []float64 {
	x := append([]float64(nil), d.f...)
	for _, v := range d.i {
		x = append(x, float64(v))
	}
	return x
}

// place allocates a buffer with the contents.
func (d *data) place(t reporter, e engine.Engine) engine.Buf {
	t.Helper()
	kind, n := e.Real(), len(d.f)
	if d.i != nil {
		kind, n = engine.I32, len(d.i)
	}
	b, err := e.Alloc(kind, n+d.off)
	if err != nil {
		t.Fatal(err)
	}
	b = b.At(d.off, n)
	if d.i != nil {
		e.UploadInts(b, d.i)
		return b
	}
	if err := e.Upload(b, encode(d.f, tensor.F64), tensor.F64); err != nil {
		t.Fatal(err)
	}
	return b
}

func write(e engine.Engine, b engine.Buf, x []float64) {
	if err := e.Upload(b, encode(x, tensor.F64), tensor.F64); err != nil {
		panic(err)
	}
}

func read(e engine.Engine, b engine.Buf) []float64 {
	raw, x := make([]byte, 8*b.N), make([]float64, b.N)
	if err := e.Download(raw, tensor.F64, b); err != nil {
		panic(err)
	}
	tensor.Decode(x, raw, tensor.F64)
	return x
}

func encode(x []float64, d tensor.DType) []byte {
	b := make([]byte, len(x)*d.Bits()/8)
	tensor.Encode(b, x, d)
	return b
}

func download(t reporter, e engine.Engine, b engine.Buf) []float64 {
	t.Helper()
	raw, x := make([]byte, 8*b.N), make([]float64, b.N)
	if err := e.Download(raw, tensor.F64, b); err != nil {
		t.Fatal(err)
	}
	tensor.Decode(x, raw, tensor.F64)
	return x
}

// compare allows a difference of tol times the largest number wanted, or times scale where that is larger. A NaN, which stands for memory that an operator must
// not touch, equals only a NaN.
func compare(t reporter, what string, got, want []float64, tol, scale float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for _, v := range want {
		if math.Abs(v) > scale {
			scale = math.Abs(v)
		}
	}
	bad, first := 0, -1
	for i, v := range want {
		if math.IsNaN(v) && math.IsNaN(got[i]) || math.Abs(got[i]-v) <= tol*scale {
			continue
		}
		if bad++; first < 0 {
			first = i
		}
	}
	if bad > 0 {
		t.Errorf("%s: %d of %d numbers differ, first at %d: got %.9g, want %.9g (allowed %.1e)",
			what, bad, len(want), first, got[first], want[first], tol*scale)
	}
}

func identical(t reporter, what string, got, want []float64) {
	t.Helper()
	for i, v := range want {
		if math.Float64bits(got[i]) != math.Float64bits(v) {
			t.Errorf("%s: a second run gives %.17g at %d, the first gave %.17g", what, got[i], i, v)
			return
		}
	}
}

// random is n numbers between -1 and 1 that float32 holds exactly.
func random(r *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(float32(2*r.Float64() - 1))
	}
	return x
}

// poison is memory that an operator overwrites without reading, or leaves alone.
func poison(n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = math.NaN()
	}
	return x
}

func ints(r *rand.Rand, n, below int) []int32 {
	x := make([]int32, n)
	for i := range x {
		x[i] = int32(r.IntN(below))
	}
	return x
}
