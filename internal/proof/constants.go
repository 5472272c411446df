package proof

import (
	"math"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/rowsum"
	"famkit/internal/tensor"
)

// What a softmax takes out does not count: a bias of k where k is not turned adds one number to all scores of a
// query, a vector that all rows of a router have more one number to all scores of experts.

// withoutBias: a bias that only one of the models has is zero, or a constant that the softmax takes out.
func (p *pass) withoutBias(w *rowsum.Worker, order int, cond string, b arch.Bound, ck *arch.Checkpoint) error {
	t, err := p.constantsOut(w, b, ck, b.Tensor, 0)
	if err != nil {
		return err
	}
	bad, first, err := w.Scan(t)
	if err != nil {
		return err
	}
	if bad == nil && first != nil {
		bad = first
		bad.Text += ", wanted 0: only one of the models has such a bias"
	}
	p.judge(cond, order, b.Info().Name, &rowsum.Outcome{Bad: bad, Bytes: b.Info().Size()})
	return nil
}

// withoutConstants gives both tensors of a comparison, biases of k without what the softmax takes out.
func (p *pass) withoutConstants(w *rowsum.Worker, c *rowsum.Comparison, b, source arch.Bound) (parent,
	child tensor.Tensor, err error) {
	if role := b.Spec.Role; role != arch.K.Bias() && role != arch.QKV.Bias() {
		return c.Parent, c.Child, nil
	}
	most, err := largest(w, source.Tensor)
	if err != nil {
		return nil, nil, err
	}
	if parent, err = p.constantsOut(w, source, p.parent, c.Parent, math.Inf(1)); err != nil {
		return nil, nil, err
	}
	child, err = p.constantsOut(w, b, p.child, c.Child, most)
	return parent, child, err
}

func largest(w *rowsum.Worker, t tensor.Tensor) (float64, error) {
	v, err := w.Vector(t)
	most := 0.0
	for _, x := range v {
		most = math.Max(most, math.Abs(x))
	}
	return most, err
}

// constantsOut puts zeros in the place of a k bias at elements that are not turned: q times it is the same for every
// key. Where scores are capped, or k is normed, it is no constant. Numbers that are much larger than most would take
// the scores' digits, and stay.
func (p *pass) constantsOut(w *rowsum.Worker, b arch.Bound, ck *arch.Checkpoint, t tensor.Tensor,
	most float64) (tensor.Tensor, error) {
	m := ck.Model
	var places []int32
	switch b.Spec.Role {
	case arch.K.Bias():
		places = rowsum.Identity(m.KVHeads * m.HeadDim).Src
	case arch.QKV.Bias():
		places = Places(m, b.Spec.Role, b.Spec.Dims[0])[arch.K.Bias()]
	}
	if places == nil || m.AttnSoftcap != 0 || m.QKNorm || m.QKNormFull || m.Turned() >= m.HeadDim {
		return t, nil
	}
	v, err := w.Vector(t)
	if err != nil || len(places) > len(v) {
		return t, err
	}
	v = slices.Clone(v)
	for i, at := range places {
		if x := math.Abs(v[at]); i%m.HeadDim >= m.Turned() && x <= muchLarger*math.Max(1, most) {
			v[at] = 0
		}
	}
	return numbersOf(t.Info(), v), nil
}

// inMemory is a tensor of numbers that are held.
type inMemory struct {
	info tensor.Info
	data []byte
}

func numbersOf(info tensor.Info, v []float64) inMemory {
	t := inMemory{info, make([]byte, info.Size())}
	tensor.Encode(t.data, v, info.DType)
	return t
}

func (t inMemory) Info() tensor.Info { return t.info }

func (t inMemory) ReadAt(b []byte, off int64) (int, error) { return copy(b, t.data[off:]), nil }

// scoresKept judges a router: its rows are the parent's, or all have one vector more, in which case what they differ by
// from the first is the parent's.
func (p *pass) scoresKept(w *rowsum.Worker, order int, b, source arch.Bound, cond string) error {
	c, places, err := p.comparison(b, source)
	if err != nil {
		p.refusef(cond, order, b.Info().Name, "%v", err)
		return nil
	}
	o, err := w.Compare(c)
	if err != nil {
		return err
	}
	if o.Bad != nil {
		shifted, err := p.shiftedRouter(w, c, b, source)
		if err != nil {
			return err
		}
		if shifted != nil {
			p.note("all rows of %s have one vector more than the parent's, which the softmax takes out", b.Info().Name)
			o = shifted
		}
	}
	p.outcome(o, order, b, places, cond)
	return nil
}

// shiftedRouter compares what rows of a router differ by from the first, nil where that does not hold exactly.
func (p *pass) shiftedRouter(w *rowsum.Worker, c *rowsum.Comparison, b, source arch.Bound) (*rowsum.Outcome, error) {
	r, err := p.routing(w, b, source)
	if err != nil || len(r.is) == 0 || r.experts.Src[0] < 0 {
		return nil, err
	}
	most, size := 0.0, 0.0
	for _, row := range r.was {
		for _, x := range row {
			most = math.Max(most, math.Abs(x))
		}
	}
	was, exact := lessRow(r.was, int(r.experts.Src[0]))
	is, too := lessRow(r.is, 0)
	for _, row := range r.is {
		for _, x := range row {
			size = math.Max(size, math.Abs(x))
		}
	}
	if !exact || !too || !(size <= muchLarger*most) {
		return nil, nil
	}
	own := *c
	own.MayRound, own.Roundings = false, 0
	own.Parent, own.Child = asF64(source.Info(), was), asF64(b.Info(), is)
	o, err := w.Compare(&own)
	if err != nil || o.Bad != nil {
		return nil, err
	}
	return o, nil
}

func asF64(info tensor.Info, v []float64) inMemory {
	info.DType = tensor.F64
	return numbersOf(info, v)
}

// lessRow subtracts a row from all, and reports whether no difference is rounded.
func lessRow(rows [][]float64, first int) (out []float64, exact bool) {
	exact = true
	for _, row := range rows {
		for i, x := range row {
			d := x - rows[first][i]
			v := d - x
			exact = exact && (x-(d-v))+(-rows[first][i]-v) == 0
			out = append(out, d)
		}
	}
	return out, exact
}
