package proof

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/rowsum"
	"famkit/internal/tensor"
)

// pairing looks for neurons and heads in groups of equals, whose writer's columns cancel. Equal means that their rows,
// added up over channels of the stream that are always the same, are the same numbers; which are is found here, from
// SHA-256 of those sums, so that nothing has to be claimed.
type pairing struct {
	w       *rowsum.Worker
	child   *arch.Checkpoint
	preNorm bool
	stream  *rowsum.Relation
	// same gives the class of each channel of the stream: channels of one class always hold the same, times their scales.
	// One that is always zero has none.
	same rowsum.Classes
}

// pairing starts a search.
func (p *pass) pairing(w *rowsum.Worker) *pairing {
	return &pairing{w, p.child, p.parent.Model.PreNorm, p.stream, p.same}
}

// Cancels reports whether what a layer of the child adds to the stream, whose copies are claimed by stream, cancels in
// both branches. It is for those who look for such layers.
func Cancels(ctx context.Context, stream *rowsum.Relation, parent, child *arch.Checkpoint, layer int) (bool, error) {
	s := &space{parent: parent, child: child, stream: stream}
	p := &pairing{&rowsum.Worker{Ctx: ctx}, child, parent.Model.PreNorm, stream, s.streamClasses()}
	if child.Model.PostNorm {
		return false, nil
	}
	for _, h := range branches {
		if why, err := p.cancels(layer, h); err != nil || why != "" {
			return false, err
		}
	}
	return true, nil
}

// cancels says by "" that what a branch writes cancels, else why it does not: its bias is zero, and the writer's
// columns over each group of equals add up to zero, exactly.
func (p *pairing) cancels(layer int, h branch) (string, error) {
	if b, ok := p.child.At(arch.Key{Role: h.writers[1], Layer: layer, Expert: -1}); ok {
		if _, first, err := p.w.Scan(b.Tensor); err != nil || first != nil {
			return ": its bias is not zero", err
		}
	}
	experts := []int{-1}
	if h.name == "mlp" {
		experts = (&space{child: p.child}).expertsOf(layer)
	}
	read, err := p.heard(layer, h)
	if err != nil {
		return "", err
	}
	for _, e := range experts {
		d, err := p.digests(layer, e, h, read)
		if err != nil {
			return "", err
		}
		if why, err := p.sumsToZero(layer, e, h, p.equals(d, h)); why != "" || err != nil {
			return why, err
		}
	}
	return "", nil
}

// heard relates the channels of the stream that the readers of a branch hear alike: of one class, with one gain and
// bias in the norm in between, since no other condition asks for that norm. A channel that is always zero is heard
// where the bias there is not.
func (p *pairing) heard(layer int, h branch) (*rowsum.Relation, error) {
	if !p.preNorm {
		return &rowsum.Relation{From: p.same.N, Src: p.same.Of, Scale: p.stream.Scale}, nil
	}
	gains, biases, err := (&space{}).gainAt(p.w, p.child, h.preNorm, layer)
	if err != nil {
		return nil, err
	}
	type hearing struct {
		class             int32
		gain, bias, scale float64
	}
	out := &rowsum.Relation{Src: make([]int32, len(p.same.Of))}
	number := map[hearing]int32{}
	for t, class := range p.same.Of {
		a := hearing{class, at(gains, t), at(biases, t), p.stream.ScaleAt(t)}
		if class < 0 {
			if a.bias == 0 {
				out.Src[t] = NoSource
				continue
			}
			a.class = NoSource - int32(t) // like no other
		}
		n, ok := number[a]
		if !ok {
			n = int32(len(number))
			number[a] = n
		}
		out.Src[t] = n
	}
	out.From = len(number)
	return out, nil
}

// digest is what makes an element.
type digest struct {
	sum  string
	zero bool // what the row makes is zero
}

// digests gives what makes each neuron, or each element of q, k and v.
func (p *pairing) digests(layer, expert int, h branch, read *rowsum.Relation) (map[arch.Role][]digest, error) {
	sums := map[arch.Role][]*rowsum.Digest{}
	for _, b := range p.child.Layer(layer) {
		if b.Expert != expert && b.Expert >= 0 {
			continue
		}
		for i, d := range b.Spec.Dims {
			if d.Use != arch.Writes && d.Use != arch.Scales {
				continue
			}
			for role, places := range Places(p.child.Model, b.Spec.Role, d) {
				of, ok := p.makes(role, h)
				if !ok {
					continue
				}
				if sums[of] == nil {
					sums[of] = rowsum.NewDigests(len(places))
				}
				if err := p.w.Digests(b.Tensor, i, places, read, sums[of]); err != nil {
					return nil, err
				}
			}
		}
	}
	out := map[arch.Role][]digest{}
	for role, list := range sums {
		for _, d := range list {
			out[role] = append(out[role], digest{d.Key(), !d.Set})
		}
	}
	return out, nil
}

// makes gives the projection of a branch that a weight, a bias or a norm over all heads belongs to.
func (p *pairing) makes(role arch.Role, h branch) (arch.Role, bool) {
	role = role.Weight()
	if p.child.Model.QKNormFull {
		switch role {
		case arch.QNorm:
			role = arch.Q
		case arch.KNorm:
			role = arch.K
		}
	}
	return role, slices.Contains(h.makers, role)
}

// equals numbers the elements that a branch's writer reads, equal ones alike.
func (p *pairing) equals(d map[arch.Role][]digest, h branch) []int32 {
	var keys []string
	if h.name == "attention" {
		keys = p.headKeys(d)
	} else {
		for t := range d[arch.Up] {
			key := d[arch.Up][t].sum
			if p.child.Model.Gated {
				key += d[arch.Gate][t].sum
			}
			keys = append(keys, key)
		}
	}
	number := map[string]int32{}
	out := make([]int32, len(keys))
	for t, k := range keys {
		n, ok := number[k]
		if !ok {
			n = int32(len(number))
			number[k] = n
		}
		out[t] = n
	}
	return out
}

// headKeys: an element of a head's output depends on the head's q and k, and on its own row of v. An element of q
// does not count where k's rows for it and for its rotary partner are zero, unless q is normed.
func (p *pairing) headKeys(d map[arch.Role][]digest) []string {
	m := p.child.Model
	hd, group := m.HeadDim, m.Heads/m.KVHeads
	whole := func(list []digest, head int, counts func(e int) bool) string {
		h := sha256.New()
		for e := range hd {
			if counts(e) {
				_, _ = h.Write([]byte(list[head*hd+e].sum))
			} else {
				_, _ = h.Write(make([]byte, sha256.Size))
			}
		}
		return string(h.Sum(nil))
	}
	var keys []string
	for kv := range m.KVHeads {
		k := whole(d[arch.K], kv, func(int) bool { return true })
		scored := func(e int) bool {
			return m.QKNorm || m.QKNormFull || !d[arch.K][kv*hd+e].zero || !d[arch.K][kv*hd+turnsWith(e, m.Turned())].zero
		}
		for g := range group {
			q := whole(d[arch.Q], kv*group+g, scored)
			for e := range hd {
				keys = append(keys, q+k+d[arch.V][kv*hd+e].sum)
			}
		}
	}
	return keys
}

// zeros is a tensor of zeros.
type zeros struct{ info tensor.Info }

func (z zeros) Info() tensor.Info { return z.info }

func (z zeros) ReadAt(b []byte, _ int64) (int, error) {
	clear(b)
	return len(b), nil
}

// sumsToZero checks that the writer's weights of equal inputs add up to zero, without any rounding.
func (p *pairing) sumsToZero(layer, expert int, h branch, groups []int32) (string, error) {
	b, ok := p.child.At(arch.Key{Role: h.writers[0], Layer: layer, Expert: expert})
	if !ok {
		return "", nil
	}
	info, most := b.Info(), int(slices.Max(groups))+1
	read := rowsum.Side{Relation: &rowsum.Relation{From: most, Src: groups}, Reads: true}
	c := &rowsum.Comparison{Child: b.Tensor, Cancels: true}
	shape := []int{info.Shape[0], most}
	if b.Spec.Dims[0].Use == arch.Reads {
		c.Rows, c.Cols = read, rowsum.Side{Relation: rowsum.Identity(info.Shape[1])}
		shape = []int{most, info.Shape[1]}
	} else {
		c.Rows, c.Cols = rowsum.Side{Relation: rowsum.Identity(info.Shape[0])}, read
	}
	if n, err := (tensor.Info{Name: "zeros", DType: info.DType, Shape: shape}).Elems(); err != nil || n > math.MaxInt32 {
		return fmt.Sprintf(": %d groups of equals are too many", most), nil
	}
	c.Parent = zeros{tensor.Info{Name: "zeros", DType: info.DType, Shape: shape}}
	o, err := p.w.Compare(c)
	if err != nil || o.Bad == nil {
		return "", err
	}
	return fmt.Sprintf(": %s %v: %s", o.Bad.Where, o.Bad.Index, o.Bad.Text), nil
}
