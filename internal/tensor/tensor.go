package tensor

import (
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
)

// Info describes a tensor without its data. Shape is outermost first, as in PyTorch; [] is a scalar of one element.
type Info struct {
	Name  string
	DType DType
	Shape []int
}

// Tensor is a lazy tensor: its description and its row-major little-endian bytes. ReadAt serves any
// offset to any goroutine and gives the same bytes every time.
type Tensor interface {
	Info() Info
	io.ReaderAt
}

// Elems is the number of elements, or an error when it overflows an int.
func (i Info) Elems() (int, error) {
	n := uint64(1)
	for _, d := range i.Shape {
		if d < 0 {
			return 0, fmt.Errorf("tensor %q: negative dimension in shape %v", i.Name, i.Shape)
		}
		hi, lo := bits.Mul64(n, uint64(d))
		if hi != 0 || lo > math.MaxInt64 {
			return 0, fmt.Errorf("tensor %q: element count of shape %v overflows", i.Name, i.Shape)
		}
		n = lo
	}
	return int(n), nil
}

// Bytes is the size of the data, or an error when it overflows or does not fill whole bytes.
func (i Info) Bytes() (int64, error) {
	n, err := i.Elems()
	if err != nil {
		return 0, err
	}
	hi, lo := bits.Mul64(uint64(n), uint64(i.DType.Bits()))
	if hi != 0 || lo > math.MaxInt64 {
		return 0, fmt.Errorf("tensor %q: byte size of shape %v overflows", i.Name, i.Shape)
	}
	if lo%8 != 0 {
		return 0, fmt.Errorf("tensor %q: %d elements of %s do not fill whole bytes", i.Name, n, i.DType)
	}
	return int64(lo / 8), nil
}

// Size is Bytes for an Info that has been checked already.
func (i Info) Size() int64 {
	n, err := i.Bytes()
	if err != nil {
		panic(err)
	}
	return n
}

// SameShape reports whether both have the same dimensions.
func (i Info) SameShape(o Info) bool { return slices.Equal(i.Shape, o.Shape) }

func (i Info) String() string { return fmt.Sprintf("%s %s %v", i.Name, i.DType, i.Shape) }
