//go:build linux && cgo

package cuda

// #cgo CFLAGS: -O2
// #cgo LDFLAGS: -ldl
// #include <stdlib.h>
// #include "driver.h"
// #cgo noescape gpu_launch
// #cgo nocallback gpu_launch
// #cgo noescape gpu_product
// #cgo nocallback gpu_product
// #cgo noescape gpu_upload
// #cgo nocallback gpu_upload
// #cgo noescape gpu_download
// #cgo nocallback gpu_download
import "C"

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"unsafe"

	"famkit/internal/engine"
	"famkit/internal/fault"
)

// device is an open driver, and once it is started cuBLAS, a context and a stream.
type device struct {
	c      *C.gpu // in C's memory
	number int

	driver, blas Tried // the libraries that were taken
	passed       []Tried
	version      int // of the driver, as cuDriverGetVersion gives it
	name         string
	memory       int64
	capability   int // 10*major + minor
	blasVersion  string
}

// open opens a library that take accepts, and says what was tried.
func open(s *search, l library, take func(unsafe.Pointer) string) (Tried, []Tried, error) {
	var tried []Tried
	for _, path := range s.candidates(l) {
		why := try(path, take)
		tried = append(tried, Tried{path, why})
		if why == "" {
			return tried[len(tried)-1], tried[:len(tried)-1], nil
		}
	}
	return Tried{}, tried, notFound(l, tried)
}

func try(path string, take func(unsafe.Pointer) string) string {
	// it needs libcublasLt, which stands beside it and not where the loader looks
	if filepath.IsAbs(path) && strings.Contains(path, "libcublas.so") {
		_, _ = load(strings.Replace(path, "libcublas.so", "libcublasLt.so", 1))
	}
	h, wrong := load(path)
	if h == nil {
		return wrong
	}
	if missing := take(h); missing != "" {
		C.close_library(h)
		return "it has no function " + missing
	}
	return ""
}

func load(path string) (handle unsafe.Pointer, wrong string) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var why *C.char
	h := C.open_library(name, &why)
	return h, strings.TrimPrefix(text(why), path+": ")
}

// text takes over a C string.
func text(s *C.char) string {
	if s == nil {
		return ""
	}
	defer C.free(unsafe.Pointer(s))
	return C.GoString(s)
}

// openDevice opens the libraries and looks at the device, and takes nothing of it.
func openDevice(s *search, number int) (d *device, err error) {
	d = &device{c: (*C.gpu)(C.calloc(1, C.sizeof_gpu)), number: number}
	defer func() {
		if err != nil {
			d.free()
			d = nil
		}
	}()
	if d.driver, d.passed, err = open(s, s.driverLibrary(),
		func(h unsafe.Pointer) string { return text(C.take_driver(d.c, h)) }); err != nil {
		return d, err
	}
	if err := d.look(); err != nil {
		return d, fault.Failedf("%s: %w", d.driver.Path, err)
	}
	var passed []Tried
	d.blas, passed, err = open(s, s.blasLibrary(d.version),
		func(h unsafe.Pointer) string { return text(C.take_blas(d.c, h)) })
	d.passed = append(d.passed, passed...)
	if err != nil {
		return d, fault.Failedf("%w (the driver is for CUDA %s)", err, dotted(d.version))
	}
	return d, nil
}

func dotted(version int) string { return fmt.Sprintf("%d.%d", version/1000, version%1000/10) }

// leastCapability is what kernels.cu is compiled for.
const leastCapability = 80

// look asks what the driver and the device are.
func (d *device) look() error {
	var n, major, minor C.int
	if err := d.check(C.gpu_version(d.c, &n)); err != nil {
		return err
	}
	d.version = int(n)
	if d.version < floor(blasMajors[len(blasMajors)-1]) {
		return fault.Failedf("the driver is for CUDA %s, wanted %d.0 or newer", dotted(d.version),
			blasMajors[len(blasMajors)-1])
	}
	if err := d.check(C.gpu_init(d.c)); err != nil {
		return err
	}
	if err := d.check(C.gpu_count(d.c, &n)); err != nil {
		return err
	}
	if d.number < 0 || d.number >= int(n) {
		return fault.Failedf("no device %d, there are %d", d.number, n)
	}
	name := make([]byte, 256)
	var memory C.size_t
	if err := d.check(C.gpu_describe(d.c, C.int(d.number), (*C.char)(unsafe.Pointer(&name[0])), C.int(len(name)), &memory,
		&major, &minor)); err != nil {
		return err
	}
	d.name, _, _ = strings.Cut(string(name), "\x00")
	d.memory, d.capability = int64(memory), int(10*major+minor)
	if d.capability < leastCapability {
		return fault.Failedf("%s has compute capability %d.%d, wanted %d.%d or newer", d.name, major, minor,
			leastCapability/10, leastCapability%10)
	}
	return nil
}

// check makes an error of a code.
func (d *device) check(code C.int) error {
	if code == 0 {
		return nil
	}
	var name, what *C.char
	C.gpu_error(d.c, code, &name, &what)
	msg := fmt.Sprintf("%s: error %d", C.GoString(d.c.what), code)
	if name != nil {
		msg = fmt.Sprintf("%s: %s (%d)", C.GoString(d.c.what), C.GoString(name), code)
	}
	if what != nil {
		msg += ": " + C.GoString(what)
	}
	return fault.Failedf("%s", msg)
}

// free closes nothing: a driver that was initialized does not like to be unloaded.
func (d *device) free() { C.free(unsafe.Pointer(d.c)) }

// found remembers what a search came to, as long as the environment stays the same.
var found struct {
	sync.Mutex
	key, why string
	known    bool
}

// unusable says why the engine cannot run here, "" where it can.
func unusable() string {
	s := thisMachine()
	found.Lock()
	defer found.Unlock()
	if key := s.key(); !found.known || key != found.key {
		found.key, found.known, found.why = key, true, ""
		d, err := openDevice(s, 0)
		if err != nil {
			found.why = err.Error()
		} else {
			d.free()
		}
	}
	return found.why
}

// New makes an engine, or gives an Unavailable error that says what is not there.
func New(o engine.Options) (engine.Engine, error) {
	if o.Precision != "" && o.Precision != engine.BFloat16 && o.Precision != engine.Float32 {
		return nil, fault.Usagef("engine cuda computes in bf16 and f32, not in %s", o.Precision)
	}
	if o.Precision == "" {
		o.Precision = engine.BFloat16
	}
	d, err := openDevice(thisMachine(), o.Device)
	if err != nil {
		return nil, &engine.Unavailable{Engine: Name, Why: err.Error()}
	}
	return start(d, o)
}
