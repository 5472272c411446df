package infer

import (
	"context"
	"math"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/proof"
	"famkit/internal/rowsum"
)

// Rewritten finds the claim of a child that is also stored otherwise: queries with keys and values of their own or
// shared ones, powers of two that were moved between tensors, elements of v and neurons of experts in another order.
// plain is what Claim has found: layers and the stream.
func Rewritten(ctx context.Context, parent, child *arch.Checkpoint, plain *proof.Claim) (*proof.Claim, error) {
	c := &proof.Claim{Layers: plain.Layers, Maps: map[arch.Axis]proof.Map{}, Shards: plain.Shards,
		Rewritten: &proof.Rewriting{Unfolded: true, Layers: map[int]*proof.LayerRewriting{}}}
	for _, a := range []arch.Axis{arch.Vocab, arch.Pos, arch.Hidden, arch.HeadDim} {
		if m, ok := plain.Maps[a]; ok {
			c.Maps[a] = m
		}
	}
	stream, ok := c.Stream(parent.Model, child.Model)
	if !ok {
		return plain, nil
	}
	f := &finder{claim: c, w: &rowsum.Worker{Ctx: ctx}, stream: stream}
	var err error
	if f.parent, f.child, err = c.Present(parent, child); err != nil {
		return nil, err
	}
	c.Rewritten.FinalNorm, err = f.finalNorm()
	if err != nil {
		return nil, err
	}
	found, how := make([]own, len(c.Layers)), make([]*proof.LayerRewriting, len(c.Layers))
	var jobs []func(w *rowsum.Worker) error
	for i, l := range c.Layers {
		if l < 0 {
			continue
		}
		found[i], how[i] = own{}, &proof.LayerRewriting{}
		jobs = append(jobs, func(w *rowsum.Worker) error {
			return (&rewriteFinder{layerFinder{finder: f, w: w, layer: i, own: found[i]}, how[i]}).find()
		})
	}
	if err := each(ctx, jobs); err != nil {
		return nil, err
	}
	for i, r := range how {
		if r != nil {
			c.Rewritten.Layers[i] = r
		}
	}
	f.settle(found)
	return c, nil
}

// rewriteFinder looks for how one layer is stored.
type rewriteFinder struct {
	layerFinder
	how *proof.LayerRewriting
}

func (f *rewriteFinder) find() error {
	var err error
	if f.how.AttnNorm, err = f.moved(arch.AttnNorm, f.claim.Layers[f.layer], f.layer); err != nil {
		return err
	}
	if f.how.MLPNorm, err = f.moved(arch.MLPNorm, f.claim.Layers[f.layer], f.layer); err != nil {
		return err
	}
	f.columns = f.how.AttnNorm
	if err := f.attention(); err != nil {
		return err
	}
	f.columns = f.how.MLPNorm
	return f.mlp()
}

// power is the power of two, of either sign, that a ratio stands for; 1 where it stands for none.
func power(ratio float64) float64 {
	if ratio == 0 || math.IsNaN(ratio) || math.IsInf(ratio, 0) {
		return 1
	}
	k := math.Copysign(math.Exp2(math.Round(math.Log2(math.Abs(ratio)))), ratio)
	if math.Abs(ratio/k-1) > closeness {
		return 1
	}
	return k
}

// someMoved is a list of scales, nil where all are 1.
func someMoved(list []float64) []float64 {
	if !slices.ContainsFunc(list, func(k float64) bool { return k != 1 }) {
		return nil
	}
	return list
}

// moved finds which powers of two were moved from a norm's gain into what reads it.
func (f *finder) moved(role arch.Role, was, is int) ([]float64, error) {
	from, ok := f.parent.At(arch.Key{Role: role, Layer: was, Expert: -1})
	to, ok2 := f.child.At(arch.Key{Role: role, Layer: is, Expert: -1})
	if !ok || !ok2 || f.parent.Model.GainOffset != 0 || f.child.Model.GainOffset != 0 {
		return nil, nil
	}
	a, err := f.w.Vector(from.Tensor)
	if err != nil {
		return nil, err
	}
	b, err := f.w.Vector(to.Tensor)
	if err != nil || len(b) != f.stream.To() {
		return nil, err
	}
	squares := 0.0
	for t, s := range f.stream.Src {
		if s == 0 {
			squares += f.stream.ScaleAt(t) * f.stream.ScaleAt(t)
		}
	}
	rho := squares * float64(f.stream.From) / float64(f.stream.To())
	out := make([]float64, len(b))
	for t, s := range f.stream.Src {
		out[t] = 1
		if s >= 0 && int(s) < len(a) {
			out[t] = 1 / power(b[t]*f.stream.ScaleAt(t)/(a[s]*math.Sqrt(rho)))
		}
	}
	return someMoved(out), nil
}

func (f *finder) finalNorm() ([]float64, error) {
	if f.child.Model.Tied || f.parent.Model.Tied {
		return nil, nil
	}
	return f.moved(arch.FinalNorm, -1, -1)
}

// lead gives the place of the largest number, and that number; -1 where all are zero.
func lead(v []float64) (int, float64) {
	best, most := -1, 0.0
	for i, x := range v {
		if math.Abs(x) > math.Abs(most) {
			best, most = i, x
		}
	}
	return best, most
}

// unit divides a vector by its largest number.
func unit(v []float64) []float64 {
	_, most := lead(v)
	out := make([]float64, len(v))
	if most == 0 {
		return out
	}
	for i, x := range v {
		out[i] = x / most
	}
	return out
}

// ratioOf is by what b is a, as the largest number of a tells; 0 where nothing does.
func ratioOf(a, b []float64) float64 {
	i, most := lead(a)
	if i < 0 || i >= len(b) {
		return 0
	}
	return b[i] / most
}

// attention finds the heads, the scales of keys, and the order and scales of values.
func (f *rewriteFinder) attention() error {
	m, c := f.parent.Model, f.child.Model
	was, is := f.claim.Layers[f.layer], f.layer
	var rows [2][3][][]float64
	for i, ck := range []*arch.Checkpoint{f.parent, f.child} {
		for k, role := range []arch.Role{arch.Q, arch.K, arch.V} {
			layer := was
			if i == 1 {
				layer = is
			}
			v, err := f.rows(ck, layer, rowsOfRole{role: role})
			if err != nil {
				return err
			}
			rows[i][k] = v
		}
	}
	if m.HeadDim != c.HeadDim || len(rows[0][0]) != m.Heads*m.HeadDim || len(rows[1][0]) != c.Heads*c.HeadDim ||
		len(rows[0][1]) != len(rows[0][0]) || len(rows[1][1]) != len(rows[1][0]) {
		return (&f.layerFinder).heads()
	}
	from, to := headVectors(m, rows[0][0], rows[0][1]), headVectors(c, rows[1][0], rows[1][1])
	src, _ := match(from, to, same)
	f.own[arch.KV] = &rowsum.Relation{From: len(from), Src: src}
	f.keys(src, rows)
	f.values(src, rows)
	return nil
}

// pairOf gives the elements that turn together with element e of a head, and are scaled together.
func pairOf(m *arch.Model, e int) []int {
	switch half := m.Turned() / 2; {
	case e < half:
		return []int{e, e + half}
	case e < 2*half:
		return []int{e - half, e}
	}
	return []int{e}
}

// headVectors gives a vector of each head that scales of keys do not change.
func headVectors(m *arch.Model, q, k [][]float64) [][]float64 {
	out := make([][]float64, m.Heads)
	for h := range out {
		for e := range m.HeadDim {
			pair := pairOf(m, e)
			if pair[0] != e {
				continue
			}
			for _, rows := range [][][]float64{k, q} {
				var v []float64
				for _, x := range pair {
					v = append(v, rows[h*m.HeadDim+x]...)
				}
				if !m.QKNorm && !m.QKNormFull {
					v = unit(v)
				}
				out[h] = append(out[h], v...)
			}
		}
	}
	return out
}

func (f *rewriteFinder) keys(src []int32, rows [2][3][][]float64) {
	m := f.child.Model
	if m.QKNorm || m.QKNormFull {
		return
	}
	out := slices.Repeat([]float64{1}, m.Heads*m.HeadDim)
	joinedPair := func(side, kind, head int, pair []int) []float64 {
		var v []float64
		for _, x := range pair {
			v = append(v, rows[side][kind][head*m.HeadDim+x]...)
		}
		return v
	}
	for h, s := range src {
		for e := range m.HeadDim {
			if s < 0 {
				break
			}
			pair := pairOf(m, e)
			k := power(ratioOf(joinedPair(0, 1, int(s), pair), joinedPair(1, 1, h, pair)))
			if lead, _ := lead(joinedPair(0, 1, int(s), pair)); lead < 0 { // the key is zero: as the query tells
				k = 1 / power(ratioOf(joinedPair(0, 0, int(s), pair), joinedPair(1, 0, h, pair)))
			}
			out[h*m.HeadDim+e] = 1 / k
		}
	}
	f.how.Keys = someMoved(out)
}

func (f *rewriteFinder) values(src []int32, rows [2][3][][]float64) {
	hd := f.child.Model.HeadDim
	n := len(src) * hd
	order, scale := rowsum.Identity(n).Src, slices.Repeat([]float64{1}, n)
	for h, s := range src {
		if s < 0 {
			continue
		}
		from, to := rows[0][2][int(s)*hd:(int(s)+1)*hd], rows[1][2][h*hd:(h+1)*hd]
		found, ratio := match(from, to, upToScale)
		for e, j := range placed(found, hd) {
			order[h*hd+e] = int32(h*hd + j)
			if int(found[j]) == e {
				scale[h*hd+e] = 1 / power(ratio[j])
			}
		}
	}
	f.how.Values.Scale = someMoved(scale)
	if !slices.IsSorted(order) {
		f.how.Values.Src = order
	}
}

// placed puts each element of found into the place that it says, as far as that is free, and the others into what is
// left.
func placed(found []int32, n int) []int {
	out, used := slices.Repeat([]int{-1}, n), make([]bool, len(found))
	for j, s := range found {
		if s >= 0 && int(s) < n && out[s] < 0 {
			out[s], used[j] = j, true
		}
	}
	next := 0
	for e := range out {
		for out[e] < 0 {
			if !used[next] {
				out[e], used[next] = next, true
			}
			next++
		}
	}
	return out
}

// mlp finds the neurons and their scales, of experts expert by expert.
func (f *rewriteFinder) mlp() error {
	if f.claim.Shards > 1 || !f.parent.Model.Gated {
		return (&f.layerFinder).neurons()
	}
	was, is := f.claim.Layers[f.layer], f.layer
	if !f.child.Model.Mixture(is) {
		src, scale, err := f.matched(was, is, -1, -1)
		if err != nil {
			return err
		}
		f.own[arch.FFN] = &rowsum.Relation{From: f.parent.Model.FFN, Src: src}
		f.how.Neurons = someMoved(scale)
		return nil
	}
	experts := rowsum.Identity(f.child.Model.MoE.Experts).Src
	if f.parent.Model.Mixture(was) {
		var err error
		if experts, err = f.expertsFound(was, is); err != nil {
			return err
		}
		f.own[arch.Experts] = &rowsum.Relation{From: f.parent.Model.MoE.Experts, Src: experts}
	}
	return f.expertNeurons(was, is, experts)
}

// expertsFound matches routers' rows, whatever vector all of them have more.
func (f *rewriteFinder) expertsFound(was, is int) ([]int32, error) {
	from, err := f.rows(f.parent, was, rowsOfRole{role: arch.Router})
	if err != nil {
		return nil, err
	}
	to, err := f.rows(f.child, is, rowsOfRole{role: arch.Router})
	if err != nil {
		return nil, err
	}
	src, _ := match(centred(from), centred(to), same)
	return src, nil
}

// centred takes the mean of rows away from each.
func centred(rows [][]float64) [][]float64 {
	if len(rows) == 0 {
		return rows
	}
	mean := make([]float64, len(rows[0]))
	for _, row := range rows {
		for i, x := range row {
			mean[i] += x / float64(len(rows))
		}
	}
	out := make([][]float64, len(rows))
	for e, row := range rows {
		out[e] = make([]float64, len(row))
		for i, x := range row {
			out[e][i] = x - mean[i]
		}
	}
	return out
}

// expertNeurons takes the map of the first expert for all, and the order of the others that makes it so.
func (f *rewriteFinder) expertNeurons(was, is int, experts []int32) error {
	n := f.child.Model.MoE.FFN
	var first []int32
	var order []int32
	var scales []float64
	from := f.parent.Model.FFN
	for e, s := range experts {
		source := -1
		if f.parent.Model.Mixture(was) {
			source, from = int(max(0, s)), f.parent.Model.MoE.FFN
		}
		src, scale, err := f.matched(was, is, source, e)
		if err != nil {
			return err
		}
		if e == 0 {
			first = src
		}
		at := ordered(first, src)
		for i := range n {
			order = append(order, int32(e*n+at[i]))
			scales = append(scales, scale[at[i]])
		}
	}
	f.own[arch.ExpertFFN] = &rowsum.Relation{From: from, Src: first}
	f.how.Neurons = someMoved(scales)
	if !slices.IsSorted(order) {
		f.how.Order = order
	}
	return nil
}

// ordered gives for each place of first an element of src with the same source, each once.
func ordered(first, src []int32) []int {
	free := map[int32][]int{}
	for j, s := range src {
		free[s] = append(free[s], j)
	}
	out, used := make([]int, len(first)), make([]bool, len(src))
	for i, s := range first {
		out[i] = -1
		if list := free[s]; len(list) > 0 {
			out[i], free[s] = list[0], list[1:]
			used[out[i]] = true
		}
	}
	next := 0
	for i := range out {
		for out[i] < 0 {
			if !used[next] {
				out[i], used[next] = next, true
			}
			next++
		}
	}
	return out
}

// matched finds which neurons of an MLP, or of an expert, the child's are, and by what their rows of up were divided.
func (f *rewriteFinder) matched(was, is, source, expert int) ([]int32, []float64, error) {
	var rows [2][2][][]float64
	for i, side := range []struct {
		ck            *arch.Checkpoint
		layer, expert int
	}{{f.parent, was, source}, {f.child, is, expert}} {
		for k, role := range []arch.Role{arch.Gate, arch.Up} {
			v, err := f.rows(side.ck, side.layer, rowsOfRole{role: role, expert: side.expert})
			if err != nil {
				return nil, nil, err
			}
			rows[i][k] = v
		}
	}
	vectors := func(of [2][][]float64) [][]float64 {
		out := make([][]float64, len(of[0]))
		for i := range out {
			out[i] = append(slices.Clone(of[0][i]), unit(of[1][i])...)
		}
		return out
	}
	src, _ := match(vectors(rows[0]), vectors(rows[1]), same)
	scale := make([]float64, len(src))
	for t, s := range src {
		scale[t] = 1
		if s >= 0 {
			scale[t] = 1 / power(ratioOf(rows[0][1][s], rows[1][1][t]))
		}
	}
	return src, scale, nil
}
