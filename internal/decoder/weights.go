package decoder

import (
	"encoding/binary"
	"math"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/engine"
	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// Param is one tensor of the model: its weights and, where the decoder trains, its gradients, row-major as the
// checkpoint stores it. Off is where its elements start in Weights, and in any memory laid out as Weights is. Copy is
// what products read instead of W where the engine keeps narrower copies; AdamW writes both, and Refresh makes the
// copies after W was written otherwise. A fused tensor is one parameter of its own role, a transposed one has its
// stored shape [in, out].
type Param struct {
	Name   string
	Role   arch.Role
	Layer  int // -1 outside the blocks
	Expert int // -1 where the tensor is not one of an expert's
	Shape  []int
	Off    int
	W, G   engine.Buf
	Copy   engine.Buf
}

// Params lists the tensors in the checkpoint's order. A tied head appears once, as the embedding.
func (d *Decoder) Params() []Param {
	out := make([]Param, len(d.layout.places))
	for i, p := range d.layout.places {
		out[i] = Param{Name: p.name, Role: p.role, Layer: p.layer, Expert: p.expert, Shape: slices.Clone(p.shape), Off: p.off,
			W: d.mem.weights.buf.At(p.off, p.n)}
		if d.o.Train {
			out[i].G = d.mem.grads.buf.At(p.off, p.n)
		}
		if d.spec.Copied() {
			out[i].Copy = d.mem.copies.buf.At(p.off, p.n)
		}
	}
	return out
}

// Weights is the memory of all parameters; what lies between them is zero.
func (d *Decoder) Weights() engine.Buf { return d.mem.weights.buf }

// Gradients is the memory of all gradients, laid out as Weights; what lies between them is zero. It is absent unless
// the decoder trains.
func (d *Decoder) Gradients() engine.Buf { return d.mem.grads.buf }

// Refresh rounds all weights into the copies that products read, on engines that keep such.
func (d *Decoder) Refresh() {
	if d.spec.Copied() {
		d.e.Copy(d.mem.copies.buf, d.mem.weights.buf)
	}
}

// piece is the number of elements that Load and Init convert at a time.
const piece = 1 << 20

// Load reads the weights from a checkpoint of the same model, a piece at a time.
func (d *Decoder) Load(ck *arch.Checkpoint) error {
	var buf []byte
	bound := map[slot]arch.Bound{}
	for _, t := range ck.Tensors {
		bound[slot{t.Spec.Role, t.Layer, t.Expert}] = t
	}
	for _, p := range d.Params() {
		t, ok := bound[slot{p.Role, p.Layer, p.Expert}]
		if !ok {
			return fault.Inputf("tensor %q is missing", p.Name)
		}
		info := t.Info()
		if !slices.Equal(info.Shape, p.Shape) {
			return fault.Inputf("tensor %q: wanted shape %v, found %v", info.Name, p.Shape, info.Shape)
		}
		if !info.DType.Real() {
			return fault.Inputf("tensor %q: cannot compute with %s (F16, BF16, F32 and F64 only)", info.Name, info.DType)
		}
		width := info.DType.Bits() / 8
		for off := 0; off < p.W.N; off += piece {
			n := min(piece, p.W.N-off)
			buf = slices.Grow(buf[:0], n*width)[:n*width]
			if err := tensor.Fill(t, buf, int64(off)*int64(width)); err != nil {
				return fault.Failedf("tensor %q: %w", info.Name, err)
			}
			if err := d.e.Upload(p.W.At(off, n), buf, info.DType); err != nil {
				return fault.Failedf("tensor %q: %w", info.Name, err)
			}
		}
	}
	d.Refresh()
	return d.e.Sync()
}

// upload converts host numbers into a buffer.
func upload(e engine.Engine, dst engine.Buf, src []float64) error {
	b := make([]byte, 8*len(src))
	for i, v := range src {
		binary.LittleEndian.PutUint64(b[8*i:], math.Float64bits(v))
	}
	return e.Upload(dst, b, tensor.F64)
}
