package verify

import (
	"slices"

	"famkit/expand"
	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/tensor"
)

func rowOf(b arch.Bound, r int) ([]float64, error) {
	info := b.Info()
	raw := make([]byte, info.Shape[1]*info.DType.Bits()/8)
	if err := tensor.ReadFull(b.Tensor, raw, int64(r)*int64(len(raw))); err != nil {
		return nil, err
	}
	v := make([]float64, info.Shape[1])
	tensor.Decode(v, raw, info.DType)
	return v, nil
}

// inner finds the maps of neurons and heads in the first layers that have a source.
func (f *finder) inner() error {
	layer := slices.IndexFunc(f.claim.Layers, func(l int) bool { return l >= 0 })
	if layer < 0 {
		return nil
	}
	if err := f.heads(layer); err != nil {
		return err
	}
	return f.neurons()
}

// rows gives a role's rows of a layer, summed over the copies of the stream: each a sample of the source columns.
func (f *finder) rows(ck *arch.Checkpoint, role arch.Role, layer int) ([][]float64, error) {
	stream := sameRelation(f.parent.Model.Hidden)
	if ck == f.child {
		stream = f.stream
		if f.parent.Model.PreNorm {
			stream = stream.scaled(nil)
		}
	}
	sample := spread(stream.from, sampleRows)
	place := make([]int, stream.from)
	for i := range place {
		place[i] = -1
	}
	for i, s := range sample {
		place[s] = i
	}
	p := &prover{child: ck, parent: ck}
	for _, b := range ck.Tensors {
		if b.Layer != layer || b.Expert > 0 || len(b.Spec.Dims) != 2 {
			continue
		}
		for i, d := range b.Spec.Dims {
			if d.Use != arch.Writes || d.Parts == nil && b.Spec.Role != role {
				continue
			}
			at, ok := p.childPlaces(b.Spec.Role, d)[role]
			if !ok {
				continue
			}
			return folded(b, i, at, stream, place, len(sample))
		}
	}
	return nil, nil
}

// folded reads rows, or columns, of a tensor and sums them over the copies of what they read.
func folded(b arch.Bound, dim int, at []int32, read *relation, place []int, n int) ([][]float64, error) {
	out := make([][]float64, len(at))
	for i := range out {
		out[i] = make([]float64, n)
	}
	if dim == 0 {
		for i, r := range at {
			v, err := rowOf(b, int(r))
			if err != nil {
				return nil, err
			}
			for c, x := range v {
				if s := read.src[c]; s >= 0 && place[s] >= 0 {
					out[i][place[s]] += x * read.scale(c)
				}
			}
		}
		return out, nil
	}
	for r, s := range read.src {
		if s < 0 || place[s] < 0 {
			continue
		}
		v, err := rowOf(b, r)
		if err != nil {
			return nil, err
		}
		for i, c := range at {
			out[i][place[s]] += v[c] * read.scale(r)
		}
	}
	return out, nil
}

// neurons finds the maps of the MLP, and of an expert, by the gate's rows, or by the only ones.
func (f *finder) neurons() error {
	role := arch.Up
	if f.parent.Model.Gated {
		role = arch.Gate
	}
	for axis, mixture := range map[arch.Axis]bool{arch.FFN: false, arch.ExpertFFN: true} {
		for i, l := range f.claim.Layers {
			if l < 0 || f.child.Model.Mixture(i) != mixture {
				continue
			}
			if err := f.find(axis, role, i, func(_ *arch.Checkpoint, rows [][]float64) [][]float64 { return rows }); err != nil {
				return err
			}
			break
		}
	}
	return nil
}

// find matches what of makes of the rows of a role in parent and child, and claims the map.
func (f *finder) find(axis arch.Axis, role arch.Role, layer int, of func(*arch.Checkpoint, [][]float64) [][]float64) error {
	was, err := f.rows(f.parent, role, f.claim.Layers[layer])
	if err != nil {
		return err
	}
	is, err := f.rows(f.child, role, layer)
	if err != nil || len(was) == 0 || len(is) == 0 {
		return err
	}
	from := of(f.parent, was)
	src, _ := match(from, of(f.child, is), false)
	f.claimMap(axis, src, len(from))
	return nil
}

func (f *finder) claimMap(axis arch.Axis, src []int32, from int) {
	same := len(src) == from
	for t, s := range src {
		same = same && int(s) == t
	}
	if same {
		return
	}
	m := expand.AxisMap{Src: src}
	if slices.Contains(src, noSource) {
		m.Fill = expand.FillRandom
	}
	f.claim.Maps[axis] = m
}

// heads finds kv heads by their k rows, and query heads in their groups by their q rows.
func (f *finder) heads(layer int) error {
	m, c := f.parent.Model, f.child.Model
	if c.HeadDim != m.HeadDim {
		if c.HeadDim%m.HeadDim != 0 {
			return fault.Inputf("--infer: heads of %d elements cannot have become heads of %d", m.HeadDim, c.HeadDim)
		}
		f.claimMap(arch.HeadDim, spreadPairs(m.HeadDim, c.HeadDim, m.Turned()), m.HeadDim)
	}
	elements := f.claim.Maps[arch.HeadDim].Src
	heads := func(ck *arch.Checkpoint, rows [][]float64) [][]float64 {
		if ck == f.child {
			return joined(rows, c.HeadDim, elements)
		}
		return joined(rows, m.HeadDim, nil)
	}
	if err := f.find(arch.KV, arch.K, layer, heads); err != nil {
		return err
	}
	was, err := f.rows(f.parent, arch.Q, f.claim.Layers[layer])
	if err != nil {
		return err
	}
	is, err := f.rows(f.child, arch.Q, layer)
	if err != nil || len(was) == 0 || len(is) == 0 {
		return err
	}
	group, wide := m.Heads/m.KVHeads, c.Heads/c.KVHeads
	if wide == group {
		return nil
	}
	src, _ := match(heads(f.parent, was)[:group], heads(f.child, is)[:wide], true)
	f.claimMap(arch.Group, src, group)
	return nil
}

// spreadPairs is the map under which rotary pairs keep their frequencies in a larger head.
func spreadPairs(from, to, rotary int) []int32 {
	r, half := to/from, rotary/2*(to/from)
	src := make([]int32, to)
	for t := range src {
		src[t] = noSource
		switch rest := t - 2*half; {
		case t < 2*half && t%half%r == 0:
			src[t] = int32(t/half*rotary/2 + t%half/r)
		case rest >= 0 && rotary+rest < from:
			src[t] = int32(rotary + rest)
		}
	}
	return src
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
