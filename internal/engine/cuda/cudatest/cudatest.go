// Package cudatest builds a driver and a cuBLAS for tests, with gcc, that run kernels.cu on the processor, and has
// engine cuda find them as it finds the real ones.
package cudatest

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"famkit/internal/engine/cuda"
)

//go:embed fake
var sources embed.FS

// Names of the libraries.
const (
	Driver = "libcuda.so.1"
	BLAS   = "libcublas.so.13"
)

// step is one run of gcc.
type step struct {
	output string
	args   []string
}

// Build gives a folder with the libraries. It is made once for each state of the sources and shared by all packages'
// tests.
func Build() (string, error) {
	return build(
		step{"f32.o", []string{"-O2", "-fPIC", "-fvisibility=hidden", "-c", "-x", "c", "-DACT_BF16=0", "-include", "device.h",
			"kernels.cu"}},
		step{"bf16.o", []string{"-O2", "-fPIC", "-fvisibility=hidden", "-c", "-x", "c", "-DACT_BF16=1", "-include",
			"device.h", "kernels.cu"}},
		step{"device.o", []string{"-O2", "-fPIC", "-fvisibility=hidden", "-c", "device.c"}},
		step{Driver, []string{"-O2", "-shared", "-fPIC", "libcuda.c", "device.o", "f32.o", "bf16.o", "-ldl", "-lm",
			"-lpthread"}},
		step{BLAS, []string{"-O3", "-shared", "-fPIC", "-DMAJOR=13", "libcublas.c"}})
}

// Library gives a folder with one library of the given name, made of one source with the given options and without
// kernels.
func Library(name, source string, options ...string) (string, error) {
	return build(step{name, append([]string{"-O1", "-shared", "-fPIC", "-DNO_KERNELS", source, "-ldl", "-lpthread"},
		options...)})
}

func build(steps ...step) (string, error) {
	files := map[string][]byte{"kernels.cu": cuda.Source()}
	list, err := sources.ReadDir("fake")
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, f := range list {
		b, err := sources.ReadFile("fake/" + f.Name())
		if err != nil {
			return "", err
		}
		files[f.Name()] = b
		sum.Write(b)
	}
	sum.Write(files["kernels.cu"])
	fmt.Fprint(sum, steps, os.Getuid())
	dir := filepath.Join(os.TempDir(), "famkit-cudatest-"+hex.EncodeToString(sum.Sum(nil))[:16])
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	work, err := os.MkdirTemp("", "famkit-cudatest-build-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(work) }()
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(work, name), b, 0o600); err != nil {
			return "", err
		}
	}
	for _, s := range steps {
		c := exec.Command("gcc", append([]string{"-o", s.output}, s.args...)...)
		c.Dir = work
		if out, err := c.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%v: %w: %s", c.Args, err, out)
		}
	}
	if err := os.Rename(work, dir); err != nil {
		if _, there := os.Stat(dir); there != nil { // another test was faster
			return "", err
		}
	}
	return dir, nil
}

// Use has engine cuda find the libraries of Build, for the whole process. Where there is no gcc it says why and
// changes nothing.
func Use() error {
	dir, err := Build()
	if err != nil {
		return err
	}
	return os.Setenv(cuda.PathEnv, dir)
}
