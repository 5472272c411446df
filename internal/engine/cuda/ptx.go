package cuda

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"

	"famkit/internal/engine"
)

// The kernels, and what NVRTC made of them for compute capability 8.0 (make kernels).
var (
	//go:embed kernels/kernels.cu
	kernelSource []byte
	//go:embed kernels/f32.ptx.gz
	ptxF32 []byte
	//go:embed kernels/bf16.ptx.gz
	ptxBF16 []byte
)

// ptx is the kernels of a precision as text that ends with a zero.
func ptx(p engine.Precision) ([]byte, error) {
	packed := ptxBF16
	if p == engine.Float32 {
		packed = ptxF32
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(z)
	return append(text, 0), err
}

// Source is the kernels as CUDA C.
func Source() []byte { return kernelSource }
