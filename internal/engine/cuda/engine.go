//go:build linux && cgo

package cuda

// #include <stdlib.h>
// #include "driver.h"
import "C"

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"unsafe"

	"famkit/internal/engine"
	"famkit/internal/fault"
	"famkit/internal/tensor"
)

const (
	// stagingBytes is pinned memory of the host that all transfers go through.
	stagingBytes = 16 << 20
	// intBytes is the end of it, for ids: these are sent without waiting.
	intBytes = 4 << 20
	// workspaceBytes is what cuBLAS asks for on the newest devices.
	workspaceBytes = 32 << 20
	// partialBytes is memory for sums over rows, chunk by chunk.
	partialBytes = 16 << 20
	// blockBytes is the least that is taken from the device at a time, as much as it gives.
	blockBytes = 2 << 20
	// align is what every buffer starts at a multiple of.
	align = 256
)

// Engine computes on one device. It is not safe for concurrent use.
type Engine struct {
	d         *device
	spec      engine.Spec
	functions [kernels]unsafe.Pointer
	blocks    []ptr // of device memory
	free      ptr   // what is left of the newest one, and how much
	left      int64
	allocated int64
	partial   ptr
	intsAt    int // where in the staging memory the next ids go
	err       error

	starts map[ptr][]int32 // of the groups that were asked for since they last changed
	args   *arguments
	one    engine.MatMul // what products and attentions are cut into
	part   part
}

var _ engine.Engine = (*Engine)(nil)

// arguments of kernels live here, so that a launch allocates nothing. They hold no Go pointers, since C gets theirs.
type arguments struct {
	vector    vectorArgs
	softcap   softcapArgs
	sum       sumArgs
	squares   squaresArgs
	clip      clipArgs
	adamw     adamwArgs
	begin     beginArgs
	columns   columnsArgs
	gather    gatherArgs
	norm      normArgs
	rope      ropeArgs
	attention attentionArgs
	unpack    unpackArgs
	gate      gateArgs
	embed     embedArgs
	route     routeArgs
	combine   combineArgs
	loss      lossArgs
	product   C.product
}

// start takes the device: a context, a stream, cuBLAS and the kernels.
func start(d *device, o engine.Options) (engine.Engine, error) {
	e := &Engine{d: d, spec: spec(o.Precision), starts: map[ptr][]int32{}, args: new(arguments)}
	if err := e.begin(); err != nil {
		_ = e.Close()
		return nil, &engine.Unavailable{Engine: Name, Why: fmt.Sprintf("%s: %s", d.name, err)}
	}
	return e, nil
}

func (e *Engine) begin() error {
	c := e.d.c
	if err := e.d.check(C.gpu_retain(c, C.int(e.d.number))); err != nil {
		return err
	}
	if err := e.d.check(C.gpu_stream(c)); err != nil {
		return err
	}
	if err := e.d.check(C.gpu_staging(c, stagingBytes)); err != nil {
		return err
	}
	workspace, err := e.take(workspaceBytes)
	if err != nil {
		return err
	}
	if e.partial, err = e.take(partialBytes); err != nil {
		return err
	}
	if err := e.d.check(C.gpu_blas(c, C.device_ptr(workspace), workspaceBytes)); err != nil {
		return err
	}
	var major, minor, patch C.int
	if err := e.d.check(C.gpu_blas_version(c, &major, &minor, &patch)); err != nil {
		return err
	}
	e.d.blasVersion = fmt.Sprintf("%d.%d.%d", major, minor, patch)
	return e.load()
}

// load has the driver compile the kernels for the device.
func (e *Engine) load() error {
	image, err := ptx(e.spec.Precision)
	if err != nil {
		return err
	}
	log := make([]byte, 4096)
	if err := e.d.check(C.gpu_module(e.d.c, unsafe.Pointer(&image[0]), (*C.char)(unsafe.Pointer(&log[0])),
		C.size_t(len(log)))); err != nil {
		said, _, _ := strings.Cut(string(log), "\x00")
		if said = strings.TrimSpace(said); said != "" {
			return fault.Failedf("the kernels were refused: %w: %s", err, said)
		}
		return fault.Failedf("the kernels were refused: %w", err)
	}
	for i, name := range names {
		whole := C.CString(string(e.spec.Precision) + "_" + name)
		err := e.d.check(C.gpu_function(e.d.c, whole, &e.functions[i]))
		C.free(unsafe.Pointer(whole))
		if err != nil {
			return fault.Failedf("kernel %s: %w", name, err)
		}
	}
	return nil
}

// Name is "cuda".
func (e *Engine) Name() string { return Name }

// Spec is memory of the device.
func (e *Engine) Spec() engine.Spec { return e.spec }

// Describe names the device, the libraries and the precision.
func (e *Engine) Describe() string {
	p := map[engine.Precision]string{engine.BFloat16: "bfloat16", engine.Float32: "float32"}[e.spec.Precision]
	return fmt.Sprintf("%s, driver for CUDA %s, cuBLAS %s, %s", e.d.name, dotted(e.d.version), e.d.blasVersion, p)
}

// Available is what the device can still give; 1 where that is nothing, since 0 is for what is not known.
func (e *Engine) Available() int64 {
	var available, total C.size_t
	if e.d.check(C.gpu_memory(e.d.c, &available, &total)) != nil {
		return 0
	}
	return max(1, int64(available)+e.left)
}

// Allocated is the bytes handed out so far.
func (e *Engine) Allocated() int64 { return e.allocated }

// take takes device memory.
func (e *Engine) take(bytes int64) (ptr, error) {
	var p C.device_ptr
	if err := e.d.check(C.gpu_alloc(e.d.c, &p, C.size_t(bytes))); err != nil {
		return 0, fault.Failedf("engine cuda: %d bytes of device memory wanted, %d available: %w", bytes, e.Available(), err)
	}
	e.blocks = append(e.blocks, ptr(p))
	return ptr(p), nil
}

// Reserve takes memory that the next buffers are cut from.
func (e *Engine) Reserve(bytes int64) error {
	if e.err != nil {
		return e.err
	}
	if bytes <= e.left {
		return nil
	}
	if have := e.Available(); have > 0 && bytes > have {
		return fault.Failedf("engine cuda: out of device memory: %d bytes wanted, %d available", bytes, have)
	}
	bytes = aligned(bytes)
	p, err := e.take(bytes)
	if err != nil {
		return err
	}
	e.free, e.left = p, bytes
	return nil
}

func aligned(n int64) int64 { return (n + align - 1) / align * align }

// Alloc gives n zeroed elements.
func (e *Engine) Alloc(t engine.Type, n int) (engine.Buf, error) {
	size := int64(t.Size())
	if n < 0 || int64(n) > math.MaxInt64/size-align {
		return engine.Buf{}, fault.Failedf("engine cuda: cannot allocate %d elements of %d bytes", n, size)
	}
	if n == 0 {
		return engine.Buf{Type: t}, nil
	}
	bytes := aligned(int64(n) * size)
	if bytes > e.left {
		if err := e.Reserve(max(bytes, blockBytes)); err != nil {
			return engine.Buf{}, err
		}
	}
	b := e.buf(e.free, n, t)
	if err := e.d.check(C.gpu_zero(e.d.c, C.device_ptr(e.free), C.size_t(bytes))); err != nil {
		return engine.Buf{}, e.fail(err)
	}
	e.free, e.left = e.free+ptr(bytes), e.left-bytes
	e.allocated += int64(n) * size
	return b, nil
}

// buf makes a buffer of an address. It is no address of this process, so nothing may follow it.
func (e *Engine) buf(p ptr, n int, t engine.Type) engine.Buf {
	return engine.Buf{Ptr: *(*unsafe.Pointer)(unsafe.Pointer(&p)), N: n, Type: t}
}

// at is a buffer's address, 0 for an absent one.
func at(b engine.Buf) ptr { return ptr(uintptr(b.Ptr)) }

// is gives the address of a buffer that must be of type t.
func is(b engine.Buf, t engine.Type) ptr {
	if !b.Nil() && b.Type != t {
		panic(fmt.Sprintf("engine cuda: buffer of %s where %s is wanted", b.Type, t))
	}
	return at(b)
}

// fail keeps the first failure: from then on the engine does nothing.
func (e *Engine) fail(err error) error {
	if e.err == nil && err != nil {
		e.err = fault.Failedf("engine cuda: %s: %w", e.d.name, err)
	}
	return e.err
}

// Upload converts little-endian elements of type d into dst, a part of the staging memory after the other.
func (e *Engine) Upload(dst engine.Buf, src []byte, d tensor.DType) error {
	if err := e.realBytes(dst, len(src), d); err != nil {
		return err
	}
	own, width, size := dtypeOf(dst.Type), d.Bits()/8, dst.Type.Size()
	piece := (stagingBytes - intBytes) / 8
	for first := 0; first < dst.N && e.err == nil; first += piece {
		n := min(piece, dst.N-first)
		part := src[first*width : (first+n)*width]
		if d != own {
			part = converted(part, n, d, own)
		}
		code := C.gpu_upload(e.d.c, C.device_ptr(at(dst))+C.device_ptr(first*size), 0, unsafe.Pointer(&part[0]),
			C.size_t(len(part)))
		if e.fail(e.d.check(code)) == nil {
			e.wait()
		}
	}
	return e.err
}

// Download rounds src to nearest even into little-endian elements of type d.
func (e *Engine) Download(dst []byte, d tensor.DType, src engine.Buf) error {
	if err := e.realBytes(src, len(dst), d); err != nil {
		return err
	}
	own, width, size := dtypeOf(src.Type), d.Bits()/8, src.Type.Size()
	piece := (stagingBytes - intBytes) / 8
	for first := 0; first < src.N && e.err == nil; first += piece {
		n := min(piece, src.N-first)
		to := dst[first*width : (first+n)*width]
		part := e.download(at(src)+ptr(first*size), n*size)
		if part != nil && d != own {
			part = converted(part, n, own, d)
		}
		copy(to, part)
	}
	return e.err
}

// download waits and gives bytes of the device, valid until the next transfer, or nil after a failure.
func (e *Engine) download(src ptr, bytes int) []byte {
	if e.err != nil || e.fail(e.d.check(C.gpu_download(e.d.c, C.device_ptr(src), C.size_t(bytes)))) != nil {
		return nil
	}
	return unsafe.Slice((*byte)(e.d.c.staging), bytes)
}

// converted gives n elements of one type as those of another; every type that is met is exact in float64.
func converted(src []byte, n int, from, to tensor.DType) []byte {
	x, out := make([]float64, n), make([]byte, n*to.Bits()/8)
	tensor.Decode(x, src, from)
	tensor.Encode(out, x, to)
	return out
}

func dtypeOf(t engine.Type) tensor.DType {
	return map[engine.Type]tensor.DType{engine.F32: tensor.F32, engine.F64: tensor.F64, engine.BF16: tensor.BF16}[t]
}

func (e *Engine) realBytes(b engine.Buf, n int, d tensor.DType) error {
	if e.err != nil {
		return e.err
	}
	if !d.Real() {
		return fmt.Errorf("engine cuda: cannot compute with %s (F16, BF16, F32 and F64 only)", d)
	}
	if want := b.N * d.Bits() / 8; n != want || b.Type == engine.I32 {
		return fmt.Errorf("engine cuda: %d elements of %s are %d bytes, not %d", b.N, d, want, n)
	}
	return nil
}

// UploadInts sends ids without waiting for what was asked for before: they have a part of the staging memory that is
// used in turn.
func (e *Engine) UploadInts(dst engine.Buf, src []int32) {
	clear(e.starts)
	to := is(dst.At(0, len(src)), engine.I32)
	for len(src) > 0 && e.err == nil {
		if e.intsAt == intBytes {
			e.wait()
			e.intsAt = 0
		}
		n := min(len(src), (intBytes-e.intsAt)/4)
		from := stagingBytes - intBytes + e.intsAt
		_ = e.fail(e.d.check(C.gpu_upload(e.d.c, C.device_ptr(to), C.size_t(from), unsafe.Pointer(&src[0]), C.size_t(4*n))))
		to, src, e.intsAt = to+ptr(4*n), src[n:], e.intsAt+4*n
	}
}

// Zero clears b.
func (e *Engine) Zero(b engine.Buf) {
	if b.N == 0 || e.err != nil {
		return
	}
	clear(e.starts)
	_ = e.fail(e.d.check(C.gpu_zero(e.d.c, C.device_ptr(at(b)), C.size_t(b.N*b.Type.Size()))))
}

// Read waits and copies numbers to the host.
func (e *Engine) Read(dst []float64, src engine.Buf) error {
	if part := e.download(is(src.At(0, len(dst)), engine.F64), 8*len(dst)); part != nil {
		for i := range dst {
			dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(part[8*i:]))
		}
	}
	return e.err
}

func (e *Engine) wait() {
	if e.err == nil {
		_ = e.fail(e.d.check(C.gpu_sync(e.d.c)))
	}
}

// Sync waits, and tells the first failure.
func (e *Engine) Sync() error {
	e.wait()
	return e.err
}

// Close gives all that was taken back.
func (e *Engine) Close() error {
	if e.d == nil {
		return nil
	}
	var all []error
	if e.d.c.context != nil {
		if e.err == nil && e.d.c.stream != nil {
			all = append(all, e.d.check(C.gpu_sync(e.d.c)))
		}
		all = append(all, e.d.check(C.gpu_end(e.d.c)))
		for _, p := range e.blocks {
			all = append(all, e.d.check(C.gpu_free(e.d.c, C.device_ptr(p))))
		}
		all = append(all, e.d.check(C.gpu_release(e.d.c)))
	}
	lost := e.err != nil // then the device answers everything with that
	e.d.free()
	e.d = nil
	if err := errors.Join(all...); err != nil && !lost {
		return err
	}
	return nil
}
