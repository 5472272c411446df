//go:build linux && cgo

package cuda_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"famkit/internal/engine"
	"famkit/internal/engine/cuda"
	"famkit/internal/engine/cuda/cudatest"
	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// refuses makes an engine, which must be unavailable for a reason that has all of the words.
func refuses(t *testing.T, words ...string) {
	t.Helper()
	e, err := cuda.New(engine.Options{})
	var not *engine.Unavailable
	if !errors.As(err, &not) {
		if err == nil {
			_ = e.Close()
		}
		t.Fatalf("%v, want an engine that is not available", err)
	}
	if fault.KindOf(err) != fault.Failed {
		t.Errorf("kind %d, want that of the machine's faults", fault.KindOf(err))
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q is not in %q", w, err)
		}
	}
}

// works makes an engine and closes it.
func works(t *testing.T) string {
	t.Helper()
	e, err := cuda.New(engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	said := e.Describe()
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	return said
}

// needNoDriver skips where a real driver would be found after those of the test.
func needNoDriver(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/proc/driver/nvidia"); err == nil {
		t.Skip("a real driver is here")
	}
}

func library(t *testing.T, name, source string, options ...string) string {
	t.Helper()
	dir, err := cudatest.Library(name, source, options...)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestNoLibrary(t *testing.T) {
	needFakes(t)
	needNoDriver(t)
	dir := t.TempDir()
	t.Setenv(cuda.PathEnv, dir)
	refuses(t, "no NVIDIA driver: looked for libcuda.so.1 in "+dir+", "+dir+"/lib64, "+dir+"/lib, the loader's own path")

	t.Setenv(cuda.PathEnv, library(t, cudatest.Driver, "libcuda.c"))
	refuses(t, "no cuBLAS: looked for libcublas.so.13, libcublas.so.12, libcublas.so.11 in ", "the loader's own path",
		"the driver is for CUDA 13.0")
}

func TestBrokenLibrary(t *testing.T) {
	needFakes(t)
	needNoDriver(t)
	whole := os.Getenv(cuda.PathEnv)
	old := library(t, cudatest.Driver, "libcuda.c", "-DNO_STREAM_SYNCHRONIZE")
	t.Setenv(cuda.PathEnv, old)
	refuses(t, old+"/libcuda.so.1: it has no function cuStreamSynchronize")
	t.Setenv(cuda.PathEnv, old+":"+whole)
	works(t)

	dir := t.TempDir()
	if err := os.WriteFile(dir+"/libcuda.so.1", []byte(strings.Repeat("no library ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(cuda.PathEnv, dir)
	refuses(t, dir+"/libcuda.so.1: ", "invalid ELF header")
}

// TestDriverFloor: the newest cuBLAS that the driver can run is taken.
func TestDriverFloor(t *testing.T) {
	needFakes(t)
	both := os.Getenv(cuda.PathEnv) + ":" + library(t, "libcublas.so.12", "libcublas.c", "-DMAJOR=12")
	t.Setenv("FAKE_CUDA_DRIVER", "12040")
	needNoDriver(t)
	refuses(t, "no cuBLAS: looked for libcublas.so.12, libcublas.so.11 in ", "the driver is for CUDA 12.4")
	t.Setenv(cuda.PathEnv, both)
	if said := works(t); !strings.Contains(said, "driver for CUDA 12.4, cuBLAS 12.1.2") {
		t.Error(said)
	}
	t.Setenv("FAKE_CUDA_DRIVER", "13000")
	if said := works(t); !strings.Contains(said, "Fake GPU 0, driver for CUDA 13.0, cuBLAS 13.1.2, bfloat16") {
		t.Error(said)
	}
	t.Setenv("FAKE_CUDA_DRIVER", "10020")
	refuses(t, "the driver is for CUDA 10.2, wanted 11.0 or newer", "/libcuda.so.1: ")
}

func TestDevice(t *testing.T) {
	needFakes(t)
	t.Setenv("FAKE_CUDA_DEVICES", "0")
	refuses(t, "cuInit: CUDA_ERROR_NO_DEVICE (100): no CUDA-capable device is detected")
	t.Setenv("FAKE_CUDA_DEVICES", "2")
	if _, err := cuda.New(engine.Options{Device: 2}); err == nil || !strings.Contains(err.Error(),
		"no device 2, there are 2") {
		t.Error(err)
	}
	e, err := cuda.New(engine.Options{Device: 1})
	if err != nil || !strings.HasPrefix(e.Describe(), "Fake GPU 1,") {
		t.Fatal(e, err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	t.Setenv("FAKE_CUDA_CAPABILITY", "75")
	refuses(t, "Fake GPU 0 has compute capability 7.5, wanted 8.0 or newer")
}

// TestEveryCallOfTheStartMayFail: each is told by its name, and leaves nothing behind.
func TestEveryCallOfTheStartMayFail(t *testing.T) {
	needFakes(t)
	for _, name := range []string{"cuDriverGetVersion", "cuInit", "cuDeviceGetCount", "cuDeviceGet", "cuDeviceGetName",
		"cuDeviceTotalMem_v2",
		"cuDeviceGetAttribute", "cuDevicePrimaryCtxRetain", "cuCtxSetCurrent", "cuStreamCreate", "cuMemHostAlloc",
		"cuMemAlloc_v2", "cuModuleLoadDataEx",
		"cuModuleGetFunction"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("FAKE_CUDA_FAIL", name+":1:999")
			refuses(t, name+": error 999")
		})
	}
	for _, name := range []string{"cublasCreate_v2", "cublasSetStream_v2", "cublasSetWorkspace_v2", "cublasSetMathMode",
		"cublasGetProperty"} {
		for code, word := range map[int]string{1: "NOT_INITIALIZED", 3: "ALLOC_FAILED", 7: "INVALID_VALUE",
			8: "ARCH_MISMATCH", 11: "MAPPING_ERROR",
			13: "EXECUTION_FAILED", 14: "INTERNAL_ERROR", 15: "NOT_SUPPORTED"} {
			t.Run(fmt.Sprint(name, code), func(t *testing.T) {
				t.Setenv("FAKE_CUBLAS_FAIL", fmt.Sprintf("%s:1:%d", name, code))
				refuses(t, name+": CUBLAS_STATUS_"+word)
			})
		}
	}
	works(t)
}

func TestKernelsRefused(t *testing.T) {
	needFakes(t)
	t.Setenv("FAKE_CUDA_FAIL", "cuModuleLoadDataEx:1:222")
	refuses(t, "the kernels were refused: cuModuleLoadDataEx: CUDA_ERROR_UNSUPPORTED_PTX_VERSION (222)",
		"ptxas: the fake refuses this image")
	t.Setenv("FAKE_CUDA_FAIL", "cuModuleGetFunction:9:500")
	refuses(t, "kernel begin: cuModuleGetFunction: CUDA_ERROR_NOT_FOUND (500)")
}

// TestOutOfMemoryAtEachAllocation: the first that fails is told with what was wanted, the engine's own as an engine
// that is not available.
func TestOutOfMemoryAtEachAllocation(t *testing.T) {
	needFakes(t)
	const buffers = 5
	for nth := 1; ; nth++ {
		t.Setenv("FAKE_CUDA_FAIL", fmt.Sprintf("cuMemAlloc_v2:%d:2", nth))
		e, err := cuda.New(engine.Options{})
		got := 0
		for ; err == nil && got < buffers; got++ {
			_, err = e.Alloc(engine.BF16, 3<<20)
		}
		if e != nil {
			if closing := e.Close(); closing != nil {
				t.Error(closing)
			}
		}
		if err == nil {
			if nth != buffers+3 {
				t.Errorf("%d allocations, want %d", nth-1, buffers+2)
			}
			return
		}
		if msg := err.Error(); !strings.Contains(msg, "bytes of device memory wanted") ||
			!strings.Contains(msg, "CUDA_ERROR_OUT_OF_MEMORY (2)") {
			t.Errorf("allocation %d: %v", nth, err)
		}
	}
}

// TestFailedEngineDoesNothing: the first failure is told by whatever waits, and nothing is asked of the device any
// more.
func TestFailedEngineDoesNothing(t *testing.T) {
	needFakes(t)
	e, err := cuda.New(engine.Options{Precision: engine.Float32})
	if err != nil {
		t.Fatal(err)
	}
	x, err := e.Alloc(engine.F32, 8)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := e.Alloc(engine.F64, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("FAKE_CUDA_FAIL", "cuLaunchKernel:1:719")
	e.AddTo(x, x)
	t.Setenv("FAKE_CUDA_FAIL", "") // the device would answer again
	e.AddTo(x, x)
	e.Zero(x)
	e.UploadInts(engine.Buf{Ptr: x.Ptr, N: 8, Type: engine.I32}, []int32{1})
	e.Sum(sum, x)
	const want = "Fake GPU 0: cuLaunchKernel: CUDA_ERROR_LAUNCH_FAILED (719)"
	for what, err := range map[string]error{"Sync": e.Sync(), "Read": e.Read(make([]float64, 1), sum),
		"Upload":   e.Upload(x, make([]byte, 32), tensor.F32),
		"Download": e.Download(make([]byte, 32), tensor.F32, x), "Reserve": e.Reserve(1)} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", what, err, want)
		}
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

func TestRefusesOtherPrecision(t *testing.T) {
	if _, err := cuda.New(engine.Options{Precision: engine.Float64}); fault.KindOf(err) != fault.Usage {
		t.Error(err)
	}
}
