package proof

import (
	"fmt"
	"math"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/rowsum"
	"famkit/internal/tensor"
)

// A checkpoint can be stored in several ways that compute the same for reasons of its own, whatever it is compared
// with: queries that share a key and value or have copies of them, a power of two that stands in a gain or in the
// matrix behind it, elements of v and columns of o in another order. A rewriting puts a child, as a view that is
// never stored, into the way in which the parent has it. Nothing of it is rounded. Then the conditions are judged of
// the view.

// Rewriting is what is claimed of how a child is stored. A wrong one makes another model of it, which is then
// refused, or is refused by itself where it would change the child's function.
type Rewriting struct {
	// Unfolded gives every query head a key and a value of its own, in both models: copies of those it shares.
	Unfolded bool
	// Layers are rewritings of the child's layers, by their number.
	Layers map[int]*LayerRewriting
	// FinalNorm multiplies the final norm's gain, channel by channel, and divides the head's columns.
	FinalNorm []float64
}

// LayerRewriting moves powers of two, of either sign, between tensors of a layer, and puts elements into another
// order; nil lists do nothing. The lists go over the child's elements, kv heads unfolded where that is claimed.
type LayerRewriting struct {
	// AttnNorm and MLPNorm multiply the gain of the norm before a branch, and its bias, and divide the columns that read
	// it.
	AttnNorm, MLPNorm []float64
	// Keys multiply the rows of k, and divide those of the q that are multiplied with them.
	Keys []float64
	// Values says which row of v each is, within its head, and by what it is multiplied; columns of o follow.
	Values Map
	// Neurons multiply the rows of up, and divide the columns of down; of a mixture those of all experts, one after the
	// other.
	Neurons []float64
	// Order says which neuron of its expert each neuron of the experts is.
	Order []int32
}

// Present gives both models as the claim speaks of them. It does not read weights.
func (c *Claim) Present(parent, child *arch.Checkpoint) (p, k *arch.Checkpoint, err error) {
	r := c.Rewritten
	if r == nil {
		r = &Rewriting{}
	}
	p, k = split(parent, child, c.Rewritten != nil)
	if !p.Model.Tied && k.Model.Tied || r.FinalNorm != nil {
		p, k = untied(p), untied(k)
	}
	if r.Unfolded {
		p, k = unfolded(p), unfolded(k)
	}
	w := &rewriter{ck: k, r: r}
	if err := w.check(); err != nil {
		return nil, nil, err
	}
	return p, w.apply(), nil
}

// with is a checkpoint with other tensors, and a model of its own to change.
func with(ck *arch.Checkpoint, tensors []arch.Bound) *arch.Checkpoint {
	return &arch.Checkpoint{Model: ck.Model.Clone(), Config: ck.Config, Source: ck.Source, Tensors: tensors}
}

// split takes fused tensors apart where only one of the models has them fused, or where it is asked for.
func split(a, b *arch.Checkpoint, always bool) (*arch.Checkpoint, *arch.Checkpoint) {
	fused := func(ck *arch.Checkpoint) bool {
		return slices.ContainsFunc(ck.Tensors, func(b arch.Bound) bool {
			return slices.ContainsFunc(b.Spec.Dims, func(d arch.Dim) bool { return d.Parts != nil })
		})
	}
	if x, y := fused(a), fused(b); !x && !y || x == y && !always {
		return a, b
	}
	return apart(a), apart(b)
}

// apart gives each projection of a fused tensor a tensor of its own.
func apart(ck *arch.Checkpoint) *arch.Checkpoint {
	var out []arch.Bound
	for _, b := range ck.Tensors {
		i := slices.IndexFunc(b.Spec.Dims, func(d arch.Dim) bool { return d.Parts != nil })
		if i < 0 {
			out = append(out, b)
			continue
		}
		places := Places(ck.Model, b.Spec.Role, b.Spec.Dims[i])
		for _, part := range partsOf(b.Spec.Role, b.Spec.Dims[i]) {
			spec := *b.Spec
			spec.Role, spec.Dims = part.Role, slices.Clone(b.Spec.Dims)
			spec.Dims[i] = arch.Dim{Use: spec.Dims[i].Use, Axes: part.Axes}
			own := b
			own.Spec = &spec
			if i == 0 {
				own.Tensor = picked(b.Tensor, places[part.Role], nil)
			} else {
				own.Tensor = picked(b.Tensor, nil, places[part.Role])
			}
			out = append(out, own)
		}
	}
	return with(ck, out)
}

// untied gives the head a tensor of its own, which is the embedding.
func untied(ck *arch.Checkpoint) *arch.Checkpoint {
	embed, ok := ck.At(arch.Key{Role: arch.Embed, Layer: -1, Expert: -1})
	if !ck.Model.Tied || !ok {
		return ck
	}
	head := embed
	head.Spec = &arch.TensorSpec{Role: arch.Head, Name: embed.Spec.Name, Dims: []arch.Dim{
		{Use: arch.Writes, Axes: []arch.Axis{arch.Vocab}}, {Use: arch.Reads, Axes: []arch.Axis{arch.Hidden}}}}
	out := with(ck, append(slices.Clone(ck.Tensors), head))
	out.Model.Tied = false
	return out
}

// unfolded gives every query head a kv head of its own. A norm over all k keeps its mean: all are repeated equally
// often.
func unfolded(ck *arch.Checkpoint) *arch.Checkpoint {
	m := ck.Model
	group := m.Size(arch.Group)
	if group <= 1 {
		return ck
	}
	var rows []int32
	for h := range m.Heads {
		for e := range m.HeadDim {
			rows = append(rows, int32(h/group*m.HeadDim+e))
		}
	}
	out := with(ck, slices.Clone(ck.Tensors))
	for i, b := range out.Tensors {
		if slices.Equal(b.Spec.Dims[0].Axes, []arch.Axis{arch.KV, arch.HeadDim}) {
			out.Tensors[i].Tensor = picked(b.Tensor, rows, nil)
		}
	}
	out.Model.KVHeads = m.Heads
	return out
}

// presented is a model as a claim speaks of it.
func (r *Rewriting) presented(m *arch.Model) *arch.Model {
	if r == nil || !r.Unfolded {
		return m
	}
	out := m.Clone()
	out.KVHeads = m.Heads
	return out
}

// rewriter rewrites a child.
type rewriter struct {
	ck *arch.Checkpoint
	r  *Rewriting
}

// The powers of two that may be moved: enough for what people do, and no overflow of what is in between.
const leastMoved, mostMoved = 0x1p-16, 0x1p16

// powers refuses lists that are not of the wanted length, or have other scales than powers of two of a reasonable size.
func powers(what string, list []float64, n int) error {
	if list == nil {
		return nil
	}
	if len(list) != n {
		return fmt.Errorf("%s: %d scales, wanted %d", what, len(list), n)
	}
	for i, k := range list {
		if size := math.Abs(k); !rowsum.IsPower(k) || size < leastMoved || size > mostMoved {
			return fmt.Errorf("%s: element %d is scaled by %v, which is no power of two from 2^-16 to 2^16", what, i, k)
		}
	}
	return nil
}

// order refuses what does not have each element once, within its own group of n.
func order(what string, list []int32, total, n int) error {
	if list == nil {
		return nil
	}
	if len(list) != total || n < 1 {
		return fmt.Errorf("%s: an order of %d elements, wanted %d", what, len(list), total)
	}
	seen := make([]bool, total)
	for i, s := range list {
		if s < 0 || int(s) >= total || int(s)/n != i/n || seen[s] {
			return fmt.Errorf("%s: element %d is element %d: wanted each once, within its own head or expert", what, i, s)
		}
		seen[s] = true
	}
	return nil
}

// check refuses a rewriting that would change the child's function.
func (w *rewriter) check() error {
	m := w.ck.Model
	if err := powers("final norm", w.r.FinalNorm, m.Hidden); err != nil {
		return err
	}
	if w.r.FinalNorm != nil && m.GainOffset != 0 {
		return fmt.Errorf("final norm: gains that are stored less %v are not scaled", m.GainOffset)
	}
	for l, r := range w.r.Layers {
		if l < 0 || l >= m.Layers || r == nil {
			return fmt.Errorf("layer %d of %d is rewritten", l, m.Layers)
		}
		if err := w.checkLayer(l, r); err != nil {
			return fmt.Errorf("layer %d: %w", l, err)
		}
	}
	return nil
}

func (w *rewriter) checkLayer(l int, r *LayerRewriting) error {
	m := w.ck.Model
	kv := m.KVHeads * m.HeadDim
	experts, neurons := 1, m.FFN
	if m.Mixture(l) {
		experts, neurons = m.MoE.Experts, m.MoE.FFN
	}
	for _, err := range []error{
		powers("norm before attention", r.AttnNorm, m.Hidden), powers("norm before the MLP", r.MLPNorm, m.Hidden),
		powers("keys", r.Keys, kv), powers("values", r.Values.Scale, kv), powers("neurons", r.Neurons, experts*neurons),
		order("values", r.Values.Src, kv, m.HeadDim), order("neurons", r.Order, experts*neurons, neurons),
	} {
		if err != nil {
			return err
		}
	}
	switch {
	case (r.AttnNorm != nil || r.MLPNorm != nil) && (!m.PreNorm || m.GainOffset != 0):
		return fmt.Errorf("norms before the branches: there are none, or their gains are stored less %v", m.GainOffset)
	case r.Keys != nil && (m.QKNorm || m.QKNormFull):
		return fmt.Errorf("keys: they are normed, so that a scale is lost")
	case r.Neurons != nil && !m.Gated:
		return fmt.Errorf("neurons: there is no gate, so that the activation sees the scale")
	case r.Order != nil && !m.Mixture(l):
		return fmt.Errorf("neurons: an order of experts' neurons, and no experts")
	}
	for i, k := range r.Keys { // what is turned together has one scale
		head, e := i/m.HeadDim, i%m.HeadDim
		if other := r.Keys[head*m.HeadDim+turnsWith(e, m.Turned())]; other != k {
			return fmt.Errorf("keys: elements %d and %d turn together, and are scaled by %v and %v", e, turnsWith(e, m.Turned()),
				k, other)
		}
	}
	return nil
}

// apply gives the view.
func (w *rewriter) apply() *arch.Checkpoint {
	if w.r.Layers == nil && w.r.FinalNorm == nil {
		return w.ck
	}
	out := with(w.ck, slices.Clone(w.ck.Tensors))
	for i, b := range out.Tensors {
		t := b.Tensor
		switch r := w.r.Layers[b.Layer]; {
		case b.Layer < 0 && w.r.FinalNorm != nil:
			t = w.outside(b)
		case b.Layer >= 0 && r != nil:
			t = w.inside(b, r)
		}
		out.Tensors[i].Tensor = t
	}
	return out
}

// outside rewrites the final norm and the head.
func (w *rewriter) outside(b arch.Bound) tensor.Tensor {
	switch b.Spec.Role {
	case arch.FinalNorm, arch.FinalNorm.Bias():
		return scaled(b.Tensor, w.r.FinalNorm, nil)
	case arch.Head:
		return scaled(b.Tensor, nil, inverse(w.r.FinalNorm))
	}
	return b.Tensor
}

// inside rewrites a tensor of a layer: what reads the stream first, then what it makes.
func (w *rewriter) inside(b arch.Bound, r *LayerRewriting) tensor.Tensor {
	t := b.Tensor
	role := b.Spec.Role
	switch role.Weight() {
	case arch.AttnNorm:
		return scaledBy(t, r.AttnNorm, nil)
	case arch.MLPNorm:
		return scaledBy(t, r.MLPNorm, nil)
	case arch.Q, arch.K, arch.V:
		if !role.IsBias() {
			t = w.reads(b, t, inverse(r.AttnNorm))
		}
	case arch.Gate, arch.Up, arch.Router:
		if !role.IsBias() {
			t = w.reads(b, t, inverse(r.MLPNorm))
		}
	}
	switch role.Weight() {
	case arch.K:
		return w.makes(b, t, nil, r.Keys)
	case arch.Q:
		return w.makes(b, t, nil, inverse(w.byQuery(r.Keys)))
	case arch.V:
		return w.makes(b, t, r.Values.Src, r.Values.Scale)
	case arch.O:
		if !role.IsBias() {
			return w.takes(b, t, w.queried(r.Values.Src), inverse(w.byQuery(r.Values.Scale)))
		}
	case arch.Gate:
		return w.makes(b, t, w.ofExpert(b, r.Order), nil)
	case arch.Up:
		return w.makes(b, t, w.ofExpert(b, r.Order), w.scaleOfExpert(b, r.Neurons))
	case arch.Down:
		if !role.IsBias() {
			return w.takes(b, t, w.ofExpert(b, r.Order), inverse(w.scaleOfExpert(b, r.Neurons)))
		}
	}
	return t
}

// scaledBy scales a vector, or rows, where there is a scale.
func scaledBy(t tensor.Tensor, rows, cols []float64) tensor.Tensor {
	if rows == nil && cols == nil {
		return t
	}
	return scaled(t, rows, cols)
}

// reads scales the dimension over the stream, makes that over heads or neurons, takes what reads those.
func (w *rewriter) reads(b arch.Bound, t tensor.Tensor, k []float64) tensor.Tensor {
	return w.dim(t, dimOf(b, arch.Reads), nil, k)
}

func (w *rewriter) makes(b arch.Bound, t tensor.Tensor, pick []int32, k []float64) tensor.Tensor {
	return w.dim(t, dimOf(b, arch.Writes), pick, k)
}

func (w *rewriter) takes(b arch.Bound, t tensor.Tensor, pick []int32, k []float64) tensor.Tensor {
	return w.dim(t, dimOf(b, arch.Reads), pick, k)
}

func dimOf(b arch.Bound, use arch.Use) int {
	return slices.IndexFunc(b.Spec.Dims, func(d arch.Dim) bool { return d.Use == use })
}

// dim picks and scales along a dimension. The order is applied first.
func (w *rewriter) dim(t tensor.Tensor, i int, pick []int32, k []float64) tensor.Tensor {
	if pick != nil && i == 0 {
		t = picked(t, pick, nil)
	} else if pick != nil {
		t = picked(t, nil, pick)
	}
	if i == 0 {
		return scaledBy(t, k, nil)
	}
	return scaledBy(t, nil, k)
}

// byQuery gives each element of the query heads the scale of the kv head that it reads.
func (w *rewriter) byQuery(k []float64) []float64 {
	if k == nil {
		return nil
	}
	m, group := w.ck.Model, w.ck.Model.Size(arch.Group)
	out := make([]float64, 0, m.Heads*m.HeadDim)
	for h := range m.Heads {
		out = append(out, k[h/group*m.HeadDim:(h/group+1)*m.HeadDim]...)
	}
	return out
}

// queried gives the order of the query heads' elements that an order of the kv heads' elements means.
func (w *rewriter) queried(src []int32) []int32 {
	if src == nil {
		return nil
	}
	m, group := w.ck.Model, w.ck.Model.Size(arch.Group)
	var out []int32
	for h := range m.Heads {
		for e := range m.HeadDim {
			out = append(out, int32(h*m.HeadDim)+src[h/group*m.HeadDim+e]%int32(m.HeadDim))
		}
	}
	return out
}

// ofExpert is the part of an order that a tensor's expert has.
func (w *rewriter) ofExpert(b arch.Bound, list []int32) []int32 {
	if list == nil || b.Expert < 0 {
		return nil
	}
	n := w.ck.Model.MoE.FFN
	out := make([]int32, n)
	for i, s := range list[b.Expert*n : (b.Expert+1)*n] {
		out[i] = s % int32(n)
	}
	return out
}

func (w *rewriter) scaleOfExpert(b arch.Bound, k []float64) []float64 {
	if k == nil || b.Expert < 0 {
		return k
	}
	n := w.ck.Model.MoE.FFN
	return k[b.Expert*n : (b.Expert+1)*n]
}

func inverse(k []float64) []float64 {
	if k == nil {
		return nil
	}
	out := make([]float64, len(k))
	for i, x := range k {
		out[i] = 1 / x
	}
	return out
}
