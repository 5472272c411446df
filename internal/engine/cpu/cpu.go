// Package cpu is the fast engine of the host's processor: float32 in memory outside the Go heap, the kernels of
// package kern, and a fixed pool of threads. Work is split so that results are the same bits for any number of
// threads.
package cpu

import (
	"fmt"
	"math"
	"unsafe"

	"famkit/internal/engine"
	"famkit/internal/fault"
	"famkit/internal/kern"
	"famkit/internal/mem"
)

func init() {
	engine.Register(engine.Candidate{Name: "cpu", Specs: []engine.Spec{spec(engine.Float32), spec(engine.BFloat16)},
		Score: score, Create: New})
}

// logitElems is 64 MB. Fewer would read and write the head's gradient more often, once for each part of the rows.
const logitElems = 16 << 20

// spec is float32 memory in both precisions: bfloat16 is what products round their inputs to.
func spec(p engine.Precision) engine.Spec {
	f := engine.Formats{Master: engine.F32, Weight: engine.F32, Act: engine.F32, Stat: engine.F32}
	return engine.Spec{Precision: p, Formats: f, HostMemory: true, Cached: true, Logits: logitElems}
}

// score is 0 where only the plain Go twins exist: they gain nothing over the reference engine. Asking for kernels
// that are not here is an error of New, not a reason to fall back quietly.
func score() (int, string) {
	if len(kern.Available()) == 1 {
		return 0, "built without cgo, so without its kernels"
	}
	k, err := kern.Default()
	if err != nil {
		return 10, err.Error()
	}
	return 10, k.Describe()
}

// Engine computes in float32 on the host. It is not safe for concurrent use.
type Engine struct {
	k         kern.Kernels
	spec      engine.Spec
	bf16      bool
	pool      *pool
	arena     mem.Arena
	allocated int64
	err       error // of scratch memory, told by Sync

	gemmWork [][]float32 // one for each thread
	attnWork [][]float32
	partials []float32 // of sums over rows, chunk by chunk
	sums     []float64

	// The operators' tasks live here, so that running one allocates nothing.
	tasks struct {
		mm      matmul
		one     engine.MatMul // of a group
		attn    attention
		norm    norm
		rope    rope
		gate    gate
		embed   embed
		route   route
		combine combine
		loss    loss
		adamw   adamw
		vec     vector
		columns columns
		cast    cast
	}
}

var _ engine.Engine = (*Engine)(nil)

// New makes an engine with the best kernels that the processor has.
func New(o engine.Options) (engine.Engine, error) {
	k, err := kern.Default()
	if err != nil {
		return nil, fault.Usagef("%w", err)
	}
	return NewWith(k, o)
}

// NewWith makes an engine with the given kernels.
func NewWith(k kern.Kernels, o engine.Options) (*Engine, error) {
	n := o.Workers()
	p := o.Precision
	switch p {
	case "":
		p = engine.Float32
	case engine.Float32, engine.BFloat16:
	default:
		return nil, fault.Usagef("engine cpu computes in f32 and bf16, not in %s", p)
	}
	e := &Engine{k: k, spec: spec(p), bf16: p == engine.BFloat16, gemmWork: make([][]float32, n),
		attnWork: make([][]float32, n)}
	for i := range e.gemmWork {
		w, err := e.floats(k.GemmWork())
		if err != nil {
			_ = e.arena.Release()
			return nil, err
		}
		e.gemmWork[i] = w
	}
	e.pool = newPool(n)
	return e, nil
}

// Name is "cpu".
func (e *Engine) Name() string { return "cpu" }

// Describe names the instruction set, the number of threads and the precision of matrix products.
func (e *Engine) Describe() string {
	p := "float32"
	if e.bf16 {
		p = "bfloat16 products"
	}
	return fmt.Sprintf("%s, %d threads, %s", e.k.Describe(), e.pool.n, p)
}

// Spec is float32 in the host's memory.
func (e *Engine) Spec() engine.Spec { return e.spec }

// Available is what the machine can still give.
func (e *Engine) Available() int64 { return mem.Available() }

// Reserve refuses what the machine cannot give; the memory is taken as buffers are.
func (e *Engine) Reserve(bytes int64) error {
	if have := mem.Available(); have > 0 && bytes > have {
		return fmt.Errorf("engine cpu: out of memory: %d bytes wanted, %d available", bytes, have)
	}
	return nil
}

// Allocated is the bytes handed out so far.
func (e *Engine) Allocated() int64 { return e.allocated }

// Alloc gives n zeroed elements of F32, I32 or F64.
func (e *Engine) Alloc(t engine.Type, n int) (engine.Buf, error) {
	size := int64(t.Size())
	if n < 0 || int64(n) > math.MaxInt64/size {
		return engine.Buf{}, fmt.Errorf("engine cpu: cannot allocate %d elements of %d bytes", n, size)
	}
	if t == engine.BF16 {
		return engine.Buf{}, fmt.Errorf("engine cpu: has no buffers of %s", t)
	}
	if n == 0 {
		return engine.Buf{Type: t}, nil
	}
	b, err := e.arena.Alloc(int(int64(n) * size))
	if err != nil {
		return engine.Buf{}, err
	}
	e.allocated += int64(n) * size
	return engine.Buf{Ptr: unsafe.Pointer(unsafe.SliceData(b)), N: n, Type: t}, nil
}

func (e *Engine) floats(n int) ([]float32, error) {
	b, err := e.arena.Alloc(4 * n)
	if err != nil || n == 0 {
		return nil, err
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), n), nil
}

// scratch makes *s at least n long and reports whether it is. It grows on the first call of a shape only.
func (e *Engine) scratch(s *[]float32, n int) bool {
	if len(*s) >= n {
		return true
	}
	w, err := e.floats(n)
	if err != nil {
		e.err = fmt.Errorf("engine cpu: scratch memory: %w", err)
		return false
	}
	*s = w
	return true
}

// Sync has nothing to wait for; it tells of scratch memory that an operator could not get.
func (e *Engine) Sync() error { return e.err }

// Close ends the threads and gives all buffers back.
func (e *Engine) Close() error {
	e.pool.close()
	return e.arena.Release()
}

// share is part i of n of size things, in multiples of step, so that parts end on whole vectors.
func share(size, step, i, n int) (lo, hi int) {
	blocks := (size + step - 1) / step
	lo, hi = blocks*i/n*step, blocks*(i+1)/n*step
	return min(lo, size), min(hi, size)
}

// small is the number of elements below which a second thread costs more than it brings.
const small = 1 << 13

// run splits a task of so many elements between the threads, unless it is small.
func (e *Engine) run(t task, elements int) {
	if elements < small {
		t.part(0, 1)
		return
	}
	e.pool.run(t)
}
