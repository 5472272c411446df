// Package ref is the reference engine: plain Go in float64, simple loops, no SIMD. It is the oracle of every
// other engine. Work is split over rows that do not depend on each other, so that results are the same bits for
// any number of threads.
package ref

import (
	"fmt"
	"math"
	"sync"
	"unsafe"

	"famkit/internal/engine"
	"famkit/internal/engine/host"
	"famkit/internal/mem"
	"famkit/internal/tensor"
)

func init() {
	engine.Register(engine.Candidate{
		Name:   "ref",
		Specs:  []engine.Spec{spec},
		Score:  func() (int, string) { return 1, "plain Go, float64, the oracle of the others" },
		Create: New,
	})
}

// spec is float64 throughout. Its head takes as many logits at a time as engine cpu's.
var spec = engine.Spec{Precision: engine.Float64, Formats: engine.Formats{Master: engine.F64, Weight: engine.F64,
	Act: engine.F64, Stat: engine.F64},
	HostMemory: true, Cached: true, Logits: 16 << 20}

// Engine computes in float64 on the host. It is not safe for concurrent use.
type Engine struct {
	threads   int
	arena     mem.Arena
	allocated int64
}

var _ engine.Engine = (*Engine)(nil)

// New makes a reference engine. It knows full precision only.
func New(o engine.Options) (engine.Engine, error) {
	if o.Precision != "" && o.Precision != engine.Float64 {
		return nil, fmt.Errorf("engine ref computes in f64 only, not in %s", o.Precision)
	}
	return &Engine{threads: o.Workers()}, nil
}

// Name is "ref".
func (e *Engine) Name() string { return "ref" }

// Spec is float64 in the host's memory.
func (e *Engine) Spec() engine.Spec { return spec }

// Describe names the number of threads.
func (e *Engine) Describe() string { return fmt.Sprintf("plain Go, float64, %d threads", e.threads) }

// Available is what the machine can still give.
func (e *Engine) Available() int64 { return mem.Available() }

// Reserve refuses what the machine cannot give; the memory is taken as buffers are.
func (e *Engine) Reserve(bytes int64) error {
	if have := mem.Available(); have > 0 && bytes > have {
		return fmt.Errorf("engine ref: out of memory: %d bytes wanted, %d available", bytes, have)
	}
	return nil
}

// Allocated is the bytes handed out so far.
func (e *Engine) Allocated() int64 { return e.allocated }

// Sync has nothing to wait for.
func (e *Engine) Sync() error { return nil }

// Close gives all buffers back.
func (e *Engine) Close() error { return e.arena.Release() }

// Alloc gives n zeroed elements of F64 or I32.
func (e *Engine) Alloc(t engine.Type, n int) (engine.Buf, error) {
	size := int64(t.Size())
	if n < 0 || int64(n) > math.MaxInt64/size {
		return engine.Buf{}, fmt.Errorf("engine ref: cannot allocate %d elements of %d bytes", n, size)
	}
	if t != engine.F64 && t != engine.I32 {
		return engine.Buf{}, fmt.Errorf("engine ref: has no buffers of %s", t)
	}
	if n == 0 {
		return engine.Buf{Type: t}, nil
	}
	b, err := e.arena.Alloc(n * t.Size())
	if err != nil {
		return engine.Buf{}, err
	}
	e.allocated += int64(n) * size
	return engine.Buf{Ptr: unsafe.Pointer(unsafe.SliceData(b)), N: n, Type: t}, nil
}

// Upload converts little-endian elements of type d into dst.
func (e *Engine) Upload(dst engine.Buf, src []byte, d tensor.DType) error {
	if err := realBytes(dst, len(src), d); err != nil {
		return err
	}
	x, w := f64(dst), d.Bits()/8
	e.rows(dst.N, func(lo, hi int) { tensor.Decode(x[lo:hi], src[lo*w:hi*w], d) })
	return nil
}

// Download rounds src into little-endian elements of type d.
func (e *Engine) Download(dst []byte, d tensor.DType, src engine.Buf) error {
	if err := realBytes(src, len(dst), d); err != nil {
		return err
	}
	x, w := f64(src), d.Bits()/8
	e.rows(src.N, func(lo, hi int) { tensor.Encode(dst[lo*w:hi*w], x[lo:hi], d) })
	return nil
}

func realBytes(b engine.Buf, n int, d tensor.DType) error {
	if !d.Real() {
		return fmt.Errorf("engine ref: cannot compute with %s (F16, BF16, F32 and F64 only)", d)
	}
	if want := b.N * d.Bits() / 8; n != want {
		return fmt.Errorf("engine ref: %d elements of %s are %d bytes, not %d", b.N, d, want, n)
	}
	return nil
}

// Read copies; there is nothing to wait for.
func (e *Engine) Read(dst []float64, src engine.Buf) error {
	copy(dst, f64(src)[:len(dst)])
	return nil
}

// UploadInts copies len(src) ints to the start of dst.
func (e *Engine) UploadInts(dst engine.Buf, src []int32) { copy(i32(dst)[:len(src)], src) }

// f64 is the memory of a real buffer; an absent one gives nil.
func f64(b engine.Buf) []float64 { return host.F64s(b) }

func i32(b engine.Buf) []int32 { return host.I32s(b) }

// rows splits [0,n) into one run per thread. f must not let rows influence each other.
func (e *Engine) rows(n int, f func(lo, hi int)) {
	k := min(e.threads, n)
	if k <= 1 {
		f(0, n)
		return
	}
	var wg sync.WaitGroup
	for i := range k {
		wg.Go(func() { f(n*i/k, n*(i+1)/k) })
	}
	wg.Wait()
}
