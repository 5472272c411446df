package cuda

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"famkit/internal/engine"
)

// TestShippedKernelsAreCurrent: the PTX says which source it was made of.
func TestShippedKernelsAreCurrent(t *testing.T) {
	for _, p := range []engine.Precision{engine.Float32, engine.BFloat16} {
		image, err := ptx(p)
		if err != nil {
			t.Fatal(err)
		}
		text, _, ended := bytes.Cut(image, []byte{0})
		if want := fmt.Sprintf("// kernels.cu %x\n", sha256.Sum256(kernelSource)); !ended ||
			!strings.HasPrefix(string(text), want) {
			t.Errorf("%s: the PTX was not made of this kernels.cu: run make kernels", p)
		}
		for _, line := range []string{".version 8.0\n", ".target sm_80\n"} {
			if !strings.Contains(string(text), line) {
				t.Errorf("%s: no line %q: drivers from CUDA 12.0 on and devices from capability 8.0 on shall take it", p, line)
			}
		}
		for _, name := range KernelNames(p) {
			if !strings.Contains(string(text), ".visible .entry "+name+"(") {
				t.Errorf("no kernel %s in the PTX", name)
			}
		}
	}
	if n := len(ptxF32) + len(ptxBF16); n > 300<<10 {
		t.Errorf("the PTX is %d bytes", n)
	}
}
