package infer

import (
	"slices"

	"famkit/internal/arch"
	"famkit/internal/proof"
	"famkit/internal/rowsum"
	"famkit/internal/tensor"
)

// layerFinder looks for the maps of one layer of the child that has a source.
type layerFinder struct {
	*finder
	w     *rowsum.Worker
	layer int
	own   own
	// columns are what the child's columns over the stream are divided by, nil for 1; see rewritten.go.
	columns []float64
}

func (f *layerFinder) find() error {
	if err := f.heads(); err != nil {
		return err
	}
	return f.neurons()
}

// heads finds kv heads by their k rows, and query heads by the q rows of the first group that has a source.
func (f *layerFinder) heads() error {
	kv, err := f.match(arch.KV, rowsOfRole{role: arch.K}, rowsOfRole{role: arch.K}, same)
	if err != nil || kv == nil {
		return err
	}
	g := slices.IndexFunc(kv, func(s int32) bool { return s >= 0 })
	if g < 0 {
		return nil
	}
	group := func(m *arch.Model, kv int) rowsOfRole {
		n := m.Heads / m.KVHeads * m.HeadDim
		return rowsOfRole{role: arch.Q, lo: kv * n, hi: (kv + 1) * n}
	}
	_, err = f.match(arch.Group, group(f.parent.Model, int(kv[g])), group(f.child.Model, g), upToScale)
	return err
}

// neurons finds the maps of experts by their router's rows, and of neurons, of an expert's too, by the gate's rows or
// by the only ones.
func (f *layerFinder) neurons() error {
	axis, was, is := arch.FFN, rowsOfRole{role: arch.Up}, rowsOfRole{role: arch.Up}
	if f.parent.Model.Gated {
		was.role, is.role = arch.Gate, arch.Gate
	}
	if f.child.Model.Mixture(f.layer) {
		axis, is.parts = arch.ExpertFFN, f.claim.Shards
		experts, err := f.match(arch.Experts, rowsOfRole{role: arch.Router}, rowsOfRole{role: arch.Router}, same)
		if err != nil {
			return err
		}
		if len(experts) > 0 {
			was.expert = int(max(0, experts[0]))
		}
	}
	_, err := f.match(axis, was, is, same)
	return err
}

// rowsOfRole are rows lo to hi of a projection, all where both are 0; in a mixture of an expert, or of the first
// parts experts together.
type rowsOfRole struct {
	role          arch.Role
	expert, parts int
	lo, hi        int
}

// match finds what rows of the child are among the parent's and keeps it as the layer's map of an axis; nil where
// either model has no such rows.
func (f *layerFinder) match(axis arch.Axis, was, is rowsOfRole, like likeness) ([]int32, error) {
	from, err := f.vectors(f.parent, f.claim.Layers[f.layer], was)
	if err != nil {
		return nil, err
	}
	to, err := f.vectors(f.child, f.layer, is)
	if err != nil || len(from) == 0 || len(to) == 0 {
		return nil, err
	}
	src, _ := match(from, to, like)
	f.own[axis] = &rowsum.Relation{From: len(from), Src: src}
	return src, nil
}

// vectors gives rows, summed over the copies of the stream: each a sample of the source columns. Those of a head are
// joined to one, of the elements that have a source.
func (f *layerFinder) vectors(ck *arch.Checkpoint, layer int, r rowsOfRole) ([][]float64, error) {
	rows, err := f.rows(ck, layer, r)
	if err != nil || r.role != arch.K && r.role != arch.Q {
		return rows, err
	}
	var elements []int32
	if ck == f.child {
		elements = f.claim.Maps[arch.HeadDim].Src
	}
	return joined(rows, ck.Model.HeadDim, elements), nil
}

func (f *layerFinder) rows(ck *arch.Checkpoint, layer int, r rowsOfRole) ([][]float64, error) {
	if n := r.parts; n > 1 {
		var all [][]float64
		for r.parts, r.expert = 0, 0; r.expert < n; r.expert++ {
			rows, err := f.rows(ck, layer, r)
			if err != nil {
				return nil, err
			}
			all = append(all, rows...)
		}
		return all, nil
	}
	for _, b := range ck.Tensors {
		if b.Layer != layer || b.Expert >= 0 && b.Expert != r.expert || len(b.Spec.Dims) != 2 {
			continue
		}
		for i, d := range b.Spec.Dims {
			if d.Use != arch.Writes || d.Parts == nil && b.Spec.Role != r.role {
				continue
			}
			at, ok := proof.Places(ck.Model, b.Spec.Role, d)[r.role]
			if !ok {
				continue
			}
			if r.hi > 0 {
				at = at[r.lo:r.hi]
			}
			return f.folded(b, i, at, f.heard(ck))
		}
	}
	return nil, nil
}

// sampled is an element of the stream that is sampled: number to of the sample, times k.
type sampled struct {
	at, to int
	k      float64
}

// sample gives the elements of a model's stream whose sources are a sample of the parent's.
func (f *finder) sample(ck *arch.Checkpoint) []sampled {
	stream := rowsum.Identity(f.parent.Model.Hidden)
	if ck == f.child {
		stream = f.stream
		if f.parent.Model.PreNorm {
			stream = stream.Scaled(nil)
		}
	}
	number := map[int32]int{}
	for i, s := range spread(stream.From, sampleRows) {
		number[int32(s)] = i
	}
	var out []sampled
	for t, s := range stream.Src {
		if i, ok := number[s]; ok {
			out = append(out, sampled{t, i, stream.ScaleAt(t)})
		}
	}
	return out
}

// heard is a sample as a layer's tensors read it.
func (f *layerFinder) heard(ck *arch.Checkpoint) []sampled {
	list := f.sample(ck)
	if ck == f.child && f.columns != nil {
		for i := range list {
			list[i].k /= f.columns[list[i].at]
		}
	}
	return list
}

// folded reads rows, or columns, of a tensor and sums them over the copies of what is sampled.
func (f *layerFinder) folded(b arch.Bound, dim int, at []int32, sample []sampled) ([][]float64, error) {
	info := b.Info()
	n := min(sampleRows, f.parent.Model.Hidden)
	out := make([][]float64, len(at))
	for i := range out {
		out[i] = make([]float64, n)
	}
	size := info.DType.Bits() / 8
	row := make([]byte, info.Shape[1]*size)
	add := func(i, from int, p sampled) {
		var x [1]float64
		tensor.Decode(x[:], row[from*size:(from+1)*size], info.DType)
		out[i][p.to] += x[0] * p.k
	}
	read := func(r int) error {
		if err := f.w.Ctx.Err(); err != nil {
			return err
		}
		return tensor.ReadFull(b.Tensor, row, int64(r)*int64(len(row)))
	}
	if dim == 0 {
		for i, r := range at {
			if err := read(int(r)); err != nil {
				return nil, err
			}
			for _, p := range sample {
				add(i, p.at, p)
			}
		}
		return out, nil
	}
	for _, p := range sample {
		if err := read(p.at); err != nil {
			return nil, err
		}
		for i, c := range at {
			add(i, int(c), p)
		}
	}
	return out, nil
}

// joined puts the rows of each head of hd elements into one vector; of the picked elements in their order.
func joined(rows [][]float64, hd int, pick []int32) [][]float64 {
	var out [][]float64
	for h := 0; h+hd <= len(rows); h += hd {
		var v []float64
		for e := range hd {
			if pick == nil || pick[e] >= 0 {
				v = append(v, rows[h+e]...)
			}
		}
		out = append(out, v)
	}
	return out
}
