// Package conform holds the checks that every compute engine must pass: each operator against a plain computation
// or against the reference engine, on sizes, strides and offsets that vector code gets wrong.
package conform

import (
	"fmt"
	"math"
	"math/rand/v2"

	"famkit/internal/engine"
	"famkit/internal/tensor"
)

// data is the contents of one buffer before an operator runs. Every value is a float32, so that all engines start
// from the same numbers.
type data struct {
	f       []float64
	i       []int32
	kind    kind
	private bool // scratch whose contents are the engine's own affair
	off     int  // elements before the buffer, to have it start anywhere
}

// kind says which of an engine's formats a buffer is of.
type kind uint8

const (
	act kind = iota
	weight
	master
	stat
	result // F64 on every engine
)

func (k kind) of(s *engine.Spec) engine.Type {
	return [...]engine.Type{act: s.Act, weight: s.Weight, master: s.Master, stat: s.Stat, result: engine.F64}[k]
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

// Check is one property of an engine. Results may differ from the expected ones by tol times the largest number in
// their buffer, of bfloat16 by bfloat16Error times it where that is more, and not at all between two runs.
type Check struct {
	Name string
	// Run checks e; oracle is the reference engine, whose results are right.
	Run func(r Reporter, e, oracle engine.Engine, tol float64)
}

// Reporter is told what is wrong. Fatal and Fatalf end the check.
type Reporter interface {
	Helper()
	Errorf(format string, a ...any)
	Fatalf(format string, a ...any)
	Fatal(a ...any)
}

// All lists the checks for an engine of a spec; short leaves out variants of products. A float64 engine's gradients
// are checked by finite differences too.
func All(spec engine.Spec, short bool) []Check {
	var out []Check
	all := checks(short)
	if spec.Cached {
		all = append(all, cachedAttentions()...)
	}
	for _, c := range all {
		out = append(out, Check{c.name, c.against})
	}
	alone := func(name string, f func(Reporter, engine.Engine)) {
		out = append(out, Check{name, func(r Reporter, e, _ engine.Engine, _ float64) { f(r, e) }})
	}
	alone("memory", memory)
	alone("casts", casts)
	if spec.Act == engine.F64 {
		alone("gradients", gradients)
	}
	return out
}

func checks(short bool) []check {
	r := rand.New(rand.NewPCG(1, 2))
	all := matmuls(r, short)
	for _, f := range []func(*rand.Rand) []check{groupeds, vectors, norms, layerNorms, ropes, attentions, gates, mixtures,
		embeds,
		crossEntropies, clips, adams} {
		all = append(all, f(r)...)
	}
	return all
}

func (c *check) against(t Reporter, e, oracle engine.Engine, tol float64) {
	t.Helper()
	spec := e.Spec()
	got, gotHost := c.on(t, e, &spec)
	again, againHost := c.on(t, e, &spec)
	var want [][]float64
	var wantHost []float64
	if c.plain != nil {
		for _, d := range c.bufs {
			want = append(want, d.contents(&spec))
		}
		wantHost = c.plain(want)
	} else {
		want, wantHost = c.on(t, oracle, &spec)
	}
	for i, d := range c.bufs {
		if d.private {
			continue
		}
		allowed := tol
		if d.i == nil && d.kind.of(&spec) == engine.BF16 {
			allowed = max(tol, bfloat16Error)
		}
		compare(t, fmt.Sprintf("buffer %d", i), got[i], want[i], allowed, c.terms)
		identical(t, fmt.Sprintf("buffer %d", i), again[i], got[i])
	}
	compare(t, "results", gotHost, wantHost, tol, 0)
	identical(t, "results", againHost, gotHost)
}

// bfloat16Error is what may be between a buffer of bfloat16 and the numbers wanted, as a part of the largest:
// rounding it is 2^-9, and what operators round on the way counts as well.
const bfloat16Error = 0x1p-7

// on runs the check on an engine, from numbers that an engine of the given spec holds exactly, and gives what the
// buffers then hold.
func (c *check) on(t Reporter, e engine.Engine, spec *engine.Spec) ([][]float64, []float64) {
	t.Helper()
	bufs := make([]engine.Buf, len(c.bufs))
	for i, d := range c.bufs {
		bufs[i] = d.place(t, e, spec)
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
			out[i] = c.bufs[i].contents(spec)
		}
	}
	return out, host
}

// contents are the numbers as buffers of a spec hold them.
func (d *data) contents(spec *engine.Spec) []float64 {
	x := append([]float64(nil), d.f...)
	if d.kind.of(spec) == engine.BF16 {
		tensor.Decode(x, encode(x, tensor.BF16), tensor.BF16)
	}
	for _, v := range d.i {
		x = append(x, float64(v))
	}
	return x
}

// place allocates a buffer with the contents, rounded as buffers of spec hold them.
func (d *data) place(t Reporter, e engine.Engine, spec *engine.Spec) engine.Buf {
	t.Helper()
	own := e.Spec()
	kind, n := d.kind.of(&own), len(d.f)
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
	if err := e.Upload(b, encode(d.contents(spec), tensor.F64), tensor.F64); err != nil {
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

func download(t Reporter, e engine.Engine, b engine.Buf) []float64 {
	t.Helper()
	raw, x := make([]byte, 8*b.N), make([]float64, b.N)
	if err := e.Download(raw, tensor.F64, b); err != nil {
		t.Fatal(err)
	}
	tensor.Decode(x, raw, tensor.F64)
	return x
}

// compare allows a difference of tol times the largest number wanted, or times scale where that is larger. A NaN,
// which stands for memory that an operator must not touch, equals only a NaN.
func compare(t Reporter, what string, got, want []float64, tol, scale float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for _, v := range want {
		if math.Abs(v) > scale && !math.IsInf(v, 0) {
			scale = math.Abs(v)
		}
	}
	bad, first := 0, -1
	for i, v := range want {
		if got[i] == v || math.IsNaN(v) && math.IsNaN(got[i]) || math.Abs(got[i]-v) <= tol*scale {
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

func identical(t Reporter, what string, got, want []float64) {
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
