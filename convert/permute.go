package convert

import (
	"io"

	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// gathered is a tensor whose rows are those of another in a different order.
type gathered struct {
	tensor.Tensor
	row  int64             // bytes of a row; an element where the tensor has one dimension
	from func(int64) int64 // row of the other tensor that stands in a row of this one
}

// unpermute puts the rows of q or k, weights [heads*headDim, hidden] or bias [heads*headDim], into the order of
// transformers. llama.cpp rotates neighbouring rows of a head, transformers rows that are half a head apart: row
// 2j+s of a head there is row s*headDim/2+j here.
func unpermute(t tensor.Tensor, headDim int) tensor.Tensor {
	info := t.Info()
	row := int64(info.DType.Bits() / 8)
	for _, d := range info.Shape[1:] {
		row *= int64(d)
	}
	n, half := int64(headDim), int64(headDim)/2
	return &gathered{t, row, func(r int64) int64 {
		head, i := r-r%n, r%n
		return head + i%half*2 + i/half
	}}
}

// ReadAt implements io.ReaderAt.
func (g *gathered) ReadAt(p []byte, off int64) (int, error) {
	size := g.Info().Size()
	if off < 0 {
		return 0, fault.Failedf("tensor %q: read at offset %d", g.Info().Name, off)
	}
	if off >= size {
		return 0, io.EOF
	}
	short := int64(len(p)) > size-off
	if short {
		p = p[:size-off]
	}
	done := int64(0)
	for done < int64(len(p)) {
		at := off + done
		skip := at % g.row
		n := min(g.row-skip, int64(len(p))-done)
		if err := tensor.Fill(g.Tensor, p[done:done+n], g.from(at/g.row)*g.row+skip); err != nil {
			return int(done), err
		}
		done += n
	}
	if short {
		return int(done), io.EOF
	}
	return int(done), nil
}
