package train

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"famkit/internal/engine"
	"famkit/internal/engine/cuda"
	"famkit/internal/engine/cuda/cudatest"
	"famkit/internal/fault"
)

// Engine cuda finds libraries here that run its kernels on the processor.
var withoutCUDA = cudatest.Use()

func needCUDA(t *testing.T) {
	t.Helper()
	c, err := engine.Choose(cuda.Name, "")
	if err != nil {
		t.Fatal(err)
	}
	if withoutCUDA != nil || c.Unusable != "" {
		t.Skip(withoutCUDA, c.Unusable)
	}
}

// onCUDA are options for a few steps of a model on engine cuda.
func onCUDA(model, out string, steps int) Options {
	o := recordOptions(model, out)
	o.Engine, o.Steps = cuda.Name, steps
	return o
}

// TestResumesOnCUDA: stopped and resumed, a training on the device gives the bytes of an uninterrupted one, with
// masters of float32 under weights of bfloat16.
func TestResumesOnCUDA(t *testing.T) {
	needCUDA(t)
	for _, name := range []string{"gemma3_text", "gpt2", "qwen3_moe"} {
		t.Run(name, func(t *testing.T) { resumesTo(t, name, resumed[name], cuda.Name) })
	}
}

// TestLostDevice: whatever fails in the middle of a step, the training stops, says so, and the last saved state stays
// as it is.
func TestLostDevice(t *testing.T) {
	needCUDA(t)
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	trained(t, onCUDA("llama-tied", out, 1))
	saved := weightsOf(t, out)
	for _, c := range []struct{ what, env, wish, says string }{
		{"a kernel", "FAKE_CUDA_FAIL", "cuLaunchKernel:100:700", "cuLaunchKernel: CUDA_ERROR_ILLEGAL_ADDRESS (700)"},
		{"a product", "FAKE_CUBLAS_FAIL", "cublasGemmEx:20:13", "cublasGemmEx: CUBLAS_STATUS_EXECUTION_FAILED (13)"},
		{"a transfer", "FAKE_CUDA_FAIL", "cuMemcpyDtoHAsync_v2:1:719",
			"cuMemcpyDtoHAsync_v2: CUDA_ERROR_LAUNCH_FAILED (719)"},
		{"waiting", "FAKE_CUDA_FAIL", "cuStreamSynchronize:60:719", "cuStreamSynchronize: CUDA_ERROR_LAUNCH_FAILED (719)"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Setenv(c.env, c.wish)
			o := Options{Model: out, Out: out, Words: Words{Resume: true, Change: true},
				Settings: onCUDA("llama-tied", out, 6).Settings,
				Given:    given("steps", "engine")}
			_, err := Run(context.Background(), o, func(Event) {})
			if err == nil || fault.KindOf(err) != fault.Failed || !strings.Contains(err.Error(), c.says) ||
				!strings.Contains(err.Error(), "Fake GPU 0") {
				t.Errorf("%v (kind %d), want %q", err, fault.KindOf(err), c.says)
			}
			if !bytes.Equal(weightsOf(t, out), saved) {
				t.Error("the saved state has changed")
			}
		})
	}
	rows := trained(t, Options{Model: out, Out: out, Words: Words{Resume: true, Change: true},
		Settings: onCUDA("llama-tied", out, 2).Settings,
		Given:    given("steps", "engine")})
	if len(rows) != 1 || rows[0].Step != 2 {
		t.Errorf("the training goes on with %+v, want step 2", rows)
	}
}

// TestTooLittleDeviceMemory: a training that does not fit is refused before anything is taken for it, with a batch
// that would fit.
func TestTooLittleDeviceMemory(t *testing.T) {
	needCUDA(t)
	o := onCUDA("llama-tied", filepath.Join(t.TempDir(), "out"), 1)
	need := finishes(t, o.with(func(o *Options) { o.DryRun = true }, "batch", "seq", "steps")).Memory.Total
	o.DryRun = false
	const engineTakes = (32 + 16) << 20
	t.Setenv("FAKE_CUDA_MEMORY", strconv.FormatInt(engineTakes+need-1, 10))
	refused(t, "one byte too little", o, fault.Failed, "training needs", "--batch 3 would fit")
	if _, err := os.Stat(o.Out); !errors.Is(err, os.ErrNotExist) {
		t.Error("something was written")
	}
}
