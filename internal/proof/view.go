package proof

import (
	"errors"
	"fmt"

	"famkit/internal/tensor"
)

// errInexact is of a view that would have to round: its checkpoint is not the one that it is a view of.
var errInexact = errors.New("is no number of its type once it is scaled")

// view is a tensor whose rows and columns are picked from another's, each times a power of two. It has the other's
// name and type. A vector is a column.
type view struct {
	from               tensor.Tensor
	info               tensor.Info
	rows, cols         []int32 // nil: all, in order
	rowScale, colScale []float64
}

// picked is a view of some rows and columns.
func picked(t tensor.Tensor, rows, cols []int32) *view {
	info := t.Info()
	v := &view{from: t, info: info, rows: rows, cols: cols}
	v.info.Shape = append([]int(nil), info.Shape...)
	if rows != nil {
		v.info.Shape[0] = len(rows)
	}
	if cols != nil {
		v.info.Shape[1] = len(cols)
	}
	return v
}

// scaled is a view whose rows and columns are multiplied; nil for 1.
func scaled(t tensor.Tensor, rows, cols []float64) *view {
	v := picked(t, nil, nil)
	v.rowScale, v.colScale = rows, cols
	return v
}

func (v *view) Info() tensor.Info { return v.info }

// wide is how many columns a tensor has, 1 for a vector.
func wide(info tensor.Info) int {
	if len(info.Shape) == 1 {
		return 1
	}
	return info.Shape[1]
}

// ReadAt serves whole elements, which is all that is asked for here.
func (v *view) ReadAt(b []byte, off int64) (int, error) {
	size := v.info.DType.Bits() / 8
	if off%int64(size) != 0 || len(b)%size != 0 {
		return 0, fmt.Errorf("tensor %q: a part of an element was asked for", v.info.Name)
	}
	width := wide(v.info)
	for done := 0; done < len(b); {
		at := int(off)/size + done/size
		row, col := at/width, at%width
		n := min(width-col, (len(b)-done)/size)
		if err := v.part(b[done:done+n*size], row, col, size); err != nil {
			return done, err
		}
		done += n * size
	}
	return len(b), nil
}

// part reads part of a row, from a column on.
func (v *view) part(b []byte, row, col, size int) error {
	from, width := row, wide(v.from.Info())
	if v.rows != nil {
		from = int(v.rows[row])
	}
	if v.cols == nil {
		if err := tensor.ReadFull(v.from, b, int64(from*width+col)*int64(size)); err != nil {
			return err
		}
		return v.scale(b, row, col)
	}
	whole := make([]byte, width*size)
	if err := tensor.ReadFull(v.from, whole, int64(from*width)*int64(size)); err != nil {
		return err
	}
	for i := 0; i < len(b)/size; i++ {
		c := int(v.cols[col+i])
		copy(b[i*size:(i+1)*size], whole[c*size:(c+1)*size])
	}
	return v.scale(b, row, col)
}

// scale multiplies numbers of a row, and refuses to round.
func (v *view) scale(b []byte, row, col int) error {
	if v.rowScale == nil && v.colScale == nil {
		return nil
	}
	d := v.info.DType
	x := make([]float64, len(b)*8/d.Bits())
	tensor.Decode(x, b, d)
	for i := range x {
		if v.rowScale != nil {
			x[i] *= v.rowScale[row]
		}
		if v.colScale != nil {
			x[i] *= v.colScale[col+i]
		}
	}
	tensor.Encode(b, x, d)
	y := make([]float64, len(x))
	tensor.Decode(y, b, d)
	for i := range x {
		if x[i] != y[i] && x[i] == x[i] {
			return fmt.Errorf("tensor %q: element %d %d %w", v.info.Name, row, col+i, errInexact)
		}
	}
	return nil
}
