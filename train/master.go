package train

import (
	"math"
	"slices"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/decoder"
	"famkit/internal/fault"
	"famkit/internal/tensor"
	"famkit/internal/trainstate"
)

// grownRounding bounds how far grown master weights are from the grown weights, in units of the weights' rounding: both
// are rounded after the growth's scales and shares, once each.
const grownRounding = 8

// masters compares the master weights of a training with the weights that are stored in its name. Master weights take
// the place of what is stored, so a model that was changed after its training saved it would lose the change without a
// word.
type masters struct {
	ck    *arch.Checkpoint
	state format.Handle // optimizer.safetensors
	path  string        // its path
	grown bool          // not trained since a growth: weights and master weights were grown apart
}

// check refuses a master weight that is none of the stored weight: rounded to the stored type it must be that weight.
// After a growth it may differ by a few roundings of the tensor as a whole.
func (m *masters) check(p decoder.Param) error {
	stored, err := m.ck.Source.Tensor(p.Name)
	if err != nil {
		return nil // stored in another layout
	}
	master, err := m.state.Tensor(trainstate.MasterWeight + p.Name)
	if err != nil {
		return err
	}
	if !slices.Equal(stored.Info().Shape, master.Info().Shape) || !stored.Info().DType.Real() ||
		!master.Info().DType.Real() {
		return nil // said when it is loaded
	}
	ok, err := m.agree(stored, master)
	if err != nil {
		return fault.Unread(err, "%s: tensor %q", m.path, master.Info().Name)
	}
	if ok {
		return nil
	}
	return fault.Hint(fault.Inputf("%s: tensor %q: is not the master of the weight %q, which was changed after it was "+
		"saved",
		m.path, master.Info().Name, p.Name), "%v, without %v, begins from the weights as they are",
		fault.Arg("fresh-optimizer"),
		fault.Arg("resume"))
}

// agree reads both tensors a piece at a time.
func (m *masters) agree(stored, master tensor.Tensor) (bool, error) {
	n, err := stored.Info().Elems()
	if err != nil {
		return false, err
	}
	const piece = 1 << 18
	d := stored.Info().DType
	apart, size := 0.0, 0.0
	var w, x []float64
	for off := 0; off < n; off += len(w) {
		k := min(piece, n-off)
		if w, err = decoded(w[:0], stored, off, k); err != nil {
			return false, err
		}
		if x, err = decoded(x[:0], master, off, k); err != nil {
			return false, err
		}
		for i := range w {
			far := distance(x[i], w[i], d)
			if !m.grown && !(far <= d.Unit()*math.Abs(x[i])+d.Smallest()) { // what is no number is apart too
				return false, nil
			}
			apart, size = apart+far, size+math.Abs(x[i])
		}
	}
	return !m.grown || apart <= grownRounding*d.Unit()*size+float64(n)*d.Smallest(), nil
}

// distance is that of a number from its rounding to a type, 0 for what the type does not hold.
func distance(x, w float64, d tensor.DType) float64 {
	if math.IsNaN(x) && math.IsNaN(w) || math.IsInf(w, 0) && math.Abs(x) >= d.Largest() {
		return 0
	}
	return math.Abs(x - w)
}

// decoded appends n elements of t from off.
func decoded(dst []float64, t tensor.Tensor, off, n int) ([]float64, error) {
	d := t.Info().DType
	width := d.Bits() / 8
	b := make([]byte, n*width)
	if err := tensor.Fill(t, b, int64(off)*int64(width)); err != nil {
		return nil, err
	}
	dst = slices.Grow(dst, n)[:n]
	tensor.Decode(dst, b, d)
	return dst, nil
}
