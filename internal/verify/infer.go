package verify

import (
	"context"
	"math"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/growth"
	"famkit/internal/tensor"
)

// Infer finds a claim for a child that came without a plan: grown by copies, zero padding, padding with the mean, fresh
// neurons or heads, or identity blocks. It looks at samples and may be wrong; what it finds proves nothing by itself.
func Infer(ctx context.Context, parent, child *arch.Checkpoint) (*Claim, error) {
	f := &finder{parent: parent, child: child, claim: &Claim{Maps: map[arch.Axis]growth.AxisMap{}}, w: &worker{ctx: ctx}}
	if upcycled := parent.Model.MoE == nil && child.Model.MoE != nil; parent.Model.Spec != child.Model.Spec && !upcycled {
		return nil, fault.Inputf("--infer: the parent is a %s, the child a %s", parent.Model.Spec.Name, child.Model.Spec.Name)
	}
	for _, a := range []arch.Axis{arch.Vocab, arch.Pos} {
		f.append(a)
	}
	if err := f.hidden(); err != nil {
		return nil, err
	}
	if err := f.layers(); err != nil {
		return nil, err
	}
	return f.claim, f.inner(ctx)
}

// finder is a search on its way.
type finder struct {
	parent, child *arch.Checkpoint
	claim         *Claim
	w             *worker
	stream        *relation
}

// append says that an axis keeps its indices and has new ones at its end.
func (f *finder) append(a arch.Axis) {
	from, to := f.parent.Model.Size(a), f.child.Model.Size(a)
	if from >= to {
		return
	}
	m := growth.AxisMap{Fill: growth.FillMean, Src: make([]int32, to)}
	for t := range m.Src {
		m.Src[t] = int32(t)
		if t >= from {
			m.Src[t] = noSource
		}
	}
	f.claim.Maps[a] = m
}

// layers takes the layers that add something for the parent's, in order.
func (f *finder) layers() error {
	silent, err := f.silent(f.child)
	if err != nil {
		return err
	}
	was, err := f.silent(f.parent)
	if err != nil {
		return err
	}
	if err := f.cancelling(silent, was); err != nil {
		return err
	}
	from := 0
	for i := range silent {
		l := noSource
		left := len(silent) - i
		if from < len(was) && (was[from] == silent[i] || left == len(was)-from) {
			l = from
			from++
		}
		f.claim.Layers = append(f.claim.Layers, l)
	}
	return nil
}

// cancelling looks for layers whose writers are not zero but cancel, where more layers add something than in the parent.
func (f *finder) cancelling(silent, was []bool) error {
	more := count(silent, false) - count(was, false)
	p := &prover{parent: f.parent, child: f.child, claim: f.claim, stream: f.stream, ledger: newLedger()}
	for range silent {
		p.layers = append(p.layers, newLayerState())
	}
	for _, b := range f.child.Tensors {
		if more <= 0 || b.Layer < 0 || silent[b.Layer] || !isBias(b.Spec.Role) || conditionOf(b.Spec) != condWriters {
			continue
		}
		if err := p.silentTensor(f.w, 0, b); err != nil {
			return err
		}
	}
	for i := range silent {
		if more <= 0 || silent[i] {
			continue
		}
		quiet := true
		for _, h := range branches {
			why, err := p.cancels(f.w.ctx, i, h)
			if err != nil {
				return err
			}
			quiet = quiet && why == ""
		}
		if quiet {
			silent[i] = true
			more--
		}
	}
	return nil
}

func count(v []bool, of bool) int {
	n := 0
	for _, x := range v {
		if x == of {
			n++
		}
	}
	return n
}

// silent reports for each layer whether all that writes the stream is zero.
func (f *finder) silent(ck *arch.Checkpoint) ([]bool, error) {
	loud := make([]bool, ck.Model.Layers)
	postNorm := make(map[slotKey]bool)
	for _, b := range ck.Tensors {
		role := trimBias(b.Spec.Role)
		isPost := role == arch.AttnPostNorm || role == arch.MLPPostNorm
		if b.Layer < 0 || !isPost && (conditionOf(b.Spec) != condWriters || loud[b.Layer]) {
			continue
		}
		if isPost {
			v, err := vector(b.Tensor)
			if err != nil {
				return nil, err
			}
			key := slotKey{role, b.Layer, -1}
			postNorm[key] = postNorm[key] || slices.ContainsFunc(v, func(x float64) bool { return x+ck.Model.GainOffset != 0 })
			continue
		}
		_, first, _, err := scan(f.w, b)
		if err != nil {
			return nil, err
		}
		loud[b.Layer] = first != nil
	}
	out := make([]bool, len(loud))
	for i := range out {
		out[i] = !loud[i]
		if ck.Model.PostNorm {
			out[i] = out[i] || !postNorm[slotKey{arch.AttnPostNorm, i, -1}] && !postNorm[slotKey{arch.MLPPostNorm, i, -1}]
		}
	}
	return out, nil
}

// sampleRows is how many rows of the embedding tell its columns apart.
const sampleRows = 96

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

// columns reads a sample of a matrix's rows and gives its columns.
func columns(b arch.Bound, rows []int) ([][]float64, error) {
	info := b.Info()
	wide := info.Shape[1]
	out := make([][]float64, wide)
	for c := range out {
		out[c] = make([]float64, len(rows))
	}
	for i, r := range rows {
		v, err := rowOf(b, r)
		if err != nil {
			return nil, err
		}
		for c, x := range v {
			out[c][i] = x
		}
	}
	return out, nil
}

func spread(n, most int) []int {
	k := min(n, most)
	out := make([]int, k)
	for i := range out {
		out[i] = i * n / k
	}
	return out
}

// hidden finds the columns of the child's embedding among the parent's, up to their scale.
func (f *finder) hidden() error {
	was, ok := f.parent.Find(arch.Embed, -1)
	is, ok2 := f.child.Find(arch.Embed, -1)
	if !ok || !ok2 || was.Info().Shape[0] > is.Info().Shape[0] {
		return fault.Inputf("--infer: the child's embedding has fewer rows than the parent's")
	}
	rows := spread(was.Info().Shape[0], sampleRows)
	from, err := columns(was, rows)
	if err != nil {
		return err
	}
	to, err := columns(is, rows)
	if err != nil {
		return err
	}
	src, ratio := match(from, to, upToScale)
	f.stream = &relation{from: len(from), src: src}
	if s := f.parent.Model.EmbedScale; s != 0 && f.child.Model.EmbedScale != 0 {
		for t := range ratio {
			ratio[t] *= f.child.Model.EmbedScale / s
		}
	}
	f.stream.k = f.likely(ratio)
	m := growth.AxisMap{Src: src, Write: f.stream.k}
	if f.stream.fresh() {
		m.Fill = growth.FillZero
		if f.parent.Model.LayerNorm {
			m.Fill = growth.FillMean
		}
	}
	if len(from) != len(to) || m.Write != nil || slices.Contains(src, noSource) || !slices.IsSorted(src) {
		f.claim.Maps[arch.Hidden] = m
	}
	return nil
}

// likely replaces measured scales, which are rounded, by what they probably stand for: 1, another power of two, or the square
// root that keeps the norm; nil where all are 1.
func (f *finder) likely(ratio []float64) []float64 {
	copies := f.stream.copies()
	d, to := float64(f.stream.from), float64(f.stream.to())
	sourced := 0
	for _, s := range f.stream.src {
		if s >= 0 {
			sourced++
		}
	}
	all := true
	out := slices.Clone(ratio)
	for t, s := range f.stream.src {
		if s < 0 {
			out[t] = 1
			continue
		}
		for _, k := range []float64{1, math.Sqrt(to / (d * float64(copies[s]))), math.Sqrt(to / float64(sourced)), math.Exp2(math.Round(math.Log2(math.Abs(ratio[t]))))} {
			if math.Abs(math.Abs(ratio[t])-k) < 0.01*k {
				out[t] = math.Copysign(k, ratio[t])
				break
			}
		}
		all = all && out[t] == 1
	}
	if all {
		return nil
	}
	for t, s := range f.stream.src { // what has no source is scaled like the rest
		if s < 0 {
			out[t] = math.Abs(out[slices.IndexFunc(f.stream.src, func(s int32) bool { return s >= 0 })])
		}
	}
	return out
}
