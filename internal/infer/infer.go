// Package infer finds a claim about a child that came without a plan, from the weights. It looks at samples and may be
// wrong: what it finds is a claim like any other, and proves nothing by itself.
package infer

import (
	"context"
	"math"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/proof"
	"famkit/internal/rowsum"
)

// Claim finds the claim of a child that was grown by copies, zero padding, padding with the mean, fresh neurons or
// heads, or identity blocks.
func Claim(ctx context.Context, parent, child *arch.Checkpoint) (*proof.Claim, error) {
	f := &finder{parent: parent, child: child, claim: &proof.Claim{Maps: map[arch.Axis]proof.Map{}},
		w: &rowsum.Worker{Ctx: ctx}}
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
	claim         *proof.Claim
	w             *rowsum.Worker
	stream        *rowsum.Relation
}

// append says that an axis keeps its indices and has new ones at its end.
func (f *finder) append(a arch.Axis) {
	from, to := f.parent.Model.Size(a), f.child.Model.Size(a)
	if from >= to {
		return
	}
	m := proof.Map{Src: make([]int32, to)}
	for t := range m.Src {
		m.Src[t] = int32(t)
		if t >= from {
			m.Src[t] = proof.NoSource
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
		l := proof.NoSource
		left := len(silent) - i
		if from < len(was) && (was[from] == silent[i] && f.seesAlike(from, i) || left == len(was)-from) {
			l = from
			from++
		}
		f.claim.Layers = append(f.claim.Layers, l)
	}
	return nil
}

// seesAlike reports whether a layer of the child could be one of the parent: it has the same window, and its layer
// type.
func (f *finder) seesAlike(was, is int) bool {
	m, c := f.parent.Model, f.child.Model
	if was < len(m.Window) && is < len(c.Window) && m.Window[was] != c.Window[is] {
		return false
	}
	return was >= len(m.LayerType) || is >= len(c.LayerType) || m.LayerType[was] == c.LayerType[is]
}

// cancelling looks for layers whose writers are not zero but cancel, where more layers add something than in the
// parent.
func (f *finder) cancelling(silent, was []bool) error {
	more := count(silent, false) - count(was, false)
	for i := range silent {
		if more <= 0 || silent[i] {
			continue
		}
		quiet, err := proof.Quiet(f.w.Ctx, f.child, i)
		if err == nil && !quiet {
			quiet, err = proof.Cancels(f.w.Ctx, f.stream, f.parent, f.child, i)
		}
		if err != nil {
			return err
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

// silent reports for each layer whether all that writes the stream is zero, or the norms behind it are.
func (f *finder) silent(ck *arch.Checkpoint) ([]bool, error) {
	loud, through := make([]bool, ck.Model.Layers), make([]bool, ck.Model.Layers)
	for _, b := range ck.Tensors {
		role := b.Spec.Role.Weight()
		switch post := role == arch.AttnPostNorm || role == arch.MLPPostNorm; {
		case b.Layer < 0:
		case post:
			v, err := f.w.Vector(b.Tensor)
			if err != nil {
				return nil, err
			}
			passes := func(x float64) bool { return x+ck.Model.GainOffset != 0 }
			through[b.Layer] = through[b.Layer] || slices.ContainsFunc(v, passes)
		case b.Spec.WritesStream() && !loud[b.Layer]:
			_, first, err := f.w.Scan(b.Tensor)
			if err != nil {
				return nil, err
			}
			loud[b.Layer] = first != nil
		}
	}
	out := make([]bool, len(loud))
	for i := range out {
		out[i] = !loud[i] || ck.Model.PostNorm && !through[i]
	}
	return out, nil
}

// sampleRows is how many rows of the embedding tell its columns apart.
const sampleRows = 96

// columns reads a sample of a matrix's rows and gives its columns.
func (f *finder) columns(b arch.Bound, rows []int) ([][]float64, error) {
	info := b.Info()
	wide := info.Shape[1]
	out := make([][]float64, wide)
	for c := range out {
		out[c] = make([]float64, len(rows))
	}
	for i, r := range rows {
		v, err := f.w.Row(b.Tensor, r)
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
		return fault.Inputf("the child's embedding has fewer rows than the parent's")
	}
	rows := spread(was.Info().Shape[0], sampleRows)
	from, err := f.columns(was, rows)
	if err != nil {
		return err
	}
	to, err := f.columns(is, rows)
	if err != nil {
		return err
	}
	src, ratio := match(from, to, upToScale)
	f.stream = &rowsum.Relation{From: len(from), Src: src}
	if s := f.parent.Model.EmbedScale; s != 0 && f.child.Model.EmbedScale != 0 {
		for t := range ratio {
			ratio[t] *= f.child.Model.EmbedScale / s
		}
	}
	f.stream.Scale = f.likely(ratio)
	m := proof.Map{Src: src, Scale: f.stream.Scale}
	if len(from) != len(to) || m.Scale != nil || slices.Contains(src, proof.NoSource) || !slices.IsSorted(src) {
		f.claim.Maps[arch.Hidden] = m
	}
	return nil
}

// likely replaces measured scales, which are rounded, by what they probably stand for: 1, another power of two, or
// the square root that keeps the norm or multiplies it as the epsilon was; nil where all are 1.
func (f *finder) likely(ratio []float64) []float64 {
	copies := f.stream.Copies()
	d, to := float64(f.stream.From), float64(f.stream.To())
	rho := f.child.Model.Eps / f.parent.Model.Eps // what the mean square was multiplied by, as the epsilon tells
	sourced := 0
	for _, s := range f.stream.Src {
		if s >= 0 {
			sourced++
		}
	}
	all := true
	out := slices.Clone(ratio)
	for t, s := range f.stream.Src {
		if s < 0 {
			out[t] = 1
			continue
		}
		for _, k := range []float64{1, math.Sqrt(to / (d * float64(copies[s]))),
			math.Sqrt(rho * to / (d * float64(copies[s]))), math.Sqrt(to / float64(sourced)),
			math.Exp2(math.Round(math.Log2(math.Abs(ratio[t]))))} {
			if math.Abs(math.Abs(ratio[t])-k) < 0.01*k {
				out[t] = math.Copysign(k, ratio[t])
				break
			}
		}
		if c := rho * to / d; out[t] == ratio[t] { // one of n shares of the whole, in several growths
			if n := math.Round(c / (ratio[t] * ratio[t])); n >= 1 && math.Abs(c/(n*ratio[t]*ratio[t])-1) < 0.02 {
				out[t] = math.Copysign(math.Sqrt(c/n), ratio[t])
			}
		}
		all = all && out[t] == 1
	}
	if all {
		return nil
	}
	for t, s := range f.stream.Src { // what has no source is scaled like the rest
		if s < 0 {
			out[t] = math.Abs(out[slices.IndexFunc(f.stream.Src, func(s int32) bool { return s >= 0 })])
		}
	}
	return out
}
