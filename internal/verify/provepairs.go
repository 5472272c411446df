package verify

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math"

	"famkit/internal/arch"
	"famkit/internal/tensor"
)

// A block without a source may hold neurons and heads in groups of equals, written with weights that cancel. Equal means
// that their rows, summed over the copies of the stream that the norm before gives alike, are the same numbers; which are is
// found here, from SHA-256 of those sums, so that nothing has to be claimed.

// readersOf are the roles that make what a branch's writer reads.
var readersOf = map[string][]arch.Role{
	"attention": {arch.Q, arch.K, arch.V},
	"mlp":       {arch.Gate, arch.Up},
}

// digests are the sums of each row of a role, hashed.
type digests map[arch.Role][]digest

type digest struct {
	sum  [sha256.Size]byte
	zero bool // what the row makes is zero
}

// rowHash is a digest on its way.
type rowHash struct {
	hash.Hash
	set bool // some number is not zero
}

// cancels reports by "" that what a branch writes cancels, else why it does not.
func (p *prover) cancels(ctx context.Context, layer int, h branch) (string, error) {
	if l := p.layers[layer]; l.loud[h.writers[1]] != nil {
		return ": its bias is not zero", nil
	}
	w := &worker{ctx: ctx}
	experts := []int{-1}
	if h.name == "mlp" && p.child.Model.Mixture(layer) {
		experts = nil
		for e := range p.child.Model.MoE.Experts {
			experts = append(experts, e)
		}
	}
	for _, e := range experts {
		d, err := p.digestsOf(w, layer, e, h)
		if err != nil {
			return "", err
		}
		if why, err := p.sumsToZero(w, layer, e, h, p.equals(d, h)); why != "" || err != nil {
			return why, err
		}
	}
	return "", nil
}

// digestsOf hashes what makes each neuron, or each element of q, k and v.
func (p *prover) digestsOf(w *worker, layer, expert int, h branch) (digests, error) {
	sums := map[arch.Role][]*rowHash{}
	read, err := p.heard(layer, h)
	if err != nil {
		return nil, err
	}
	for _, b := range p.child.Tensors {
		if b.Layer != layer || b.Expert != expert && b.Expert >= 0 {
			continue
		}
		for i, d := range b.Spec.Dims {
			if d.Use != arch.Writes && d.Use != arch.Scales {
				continue
			}
			at := p.childPlaces(b.Spec.Role, d)
			for role, places := range at {
				if !p.makes(role, h) {
					continue
				}
				if err := addDigests(w, b, i, trimBias(role), places, read, sums); err != nil {
					return nil, err
				}
			}
		}
	}
	out := digests{}
	for role, list := range sums {
		for _, s := range list {
			out[role] = append(out[role], digest{[sha256.Size]byte(s.Sum(nil)), !s.set})
		}
	}
	return out, nil
}

// makes reports whether a role, or its bias or norm, is one that a branch's writer depends on.
func (p *prover) makes(role arch.Role, h branch) bool {
	role = trimBias(role)
	for _, r := range readersOf[h.name] {
		if role == r || p.parent.Model.QKNormFull && (r == arch.Q && role == arch.QNorm || r == arch.K && role == arch.KNorm) {
			return true
		}
	}
	return false
}

// childPlaces gives where the parts of a dimension lie in the child, for roles inside a block.
func (p *prover) childPlaces(role arch.Role, d arch.Dim) map[arch.Role][]int32 {
	parts := d.Parts
	if parts == nil {
		parts = []arch.Part{{Role: role, Axes: d.Axes}}
	}
	m := p.child.Model
	turns := 1
	rels := make([]*relation, len(parts))
	for i, part := range parts {
		axes := part.Axes
		if d.Interleave != "" {
			turns, axes = m.Size(d.Interleave), axes[1:]
		}
		n := 1
		for _, a := range axes {
			n *= m.Size(a)
		}
		rels[i] = sameRelation(n)
	}
	return layParts(parts, rels, sameRelation(turns), 1, func(arch.Role) float64 { return 1 }).at
}

// addDigests adds what tensor b holds at the given places of dimension i, summed over what reads the same.
func addDigests(w *worker, b arch.Bound, i int, role arch.Role, places []int32, read *relation, sums map[arch.Role][]*rowHash) error {
	switch role {
	case arch.QNorm:
		role = arch.Q
	case arch.KNorm:
		role = arch.K
	}
	if sums[role] == nil {
		sums[role] = newHashes(len(places))
	}
	if len(b.Spec.Dims) == 1 {
		v, err := vector(b.Tensor)
		if err != nil {
			return err
		}
		for t, at := range places {
			addNumber(sums[role][t], v[at])
		}
		return nil
	}
	if i == 0 {
		return rowDigests(w, b, read, places, sums[role])
	}
	return columnDigests(b, read, places, sums[role])
}

func newHashes(n int) []*rowHash {
	out := make([]*rowHash, n)
	for t := range out {
		out[t] = &rowHash{Hash: sha256.New()}
	}
	return out
}

func addNumber(h *rowHash, v float64) {
	if v == 0 {
		v = 0 // both zeros are one number
	} else {
		h.set = true
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], math.Float64bits(v))
	_, _ = h.Write(b[:])
}

// addSum adds the sum of element t. One that is not known exactly equals no other.
func addSum(h *rowHash, s sum, t int) {
	hi, lo := twoSum(s.hi, s.lo) // the same two numbers in whatever order they were added
	addNumber(h, hi)
	addNumber(h, lo)
	if s.lossy {
		addNumber(h, float64(t))
		h.set = true
	}
}

func rowDigests(w *worker, b arch.Bound, read *relation, places []int32, to []*rowHash) error {
	info := b.Info()
	width := info.Shape[1] * info.DType.Bits() / 8
	w.its, w.vals, w.sums = resized(w.its, width), resized(w.vals, info.Shape[1]), resized(w.sums, read.from)
	for t, at := range places {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		if err := tensor.ReadFull(b.Tensor, w.its, int64(at)*int64(width)); err != nil {
			return err
		}
		tensor.Decode(w.vals, w.its, info.DType)
		clear(w.sums)
		for c, x := range w.vals {
			if s := read.src[c]; s >= 0 {
				w.sums[s].addProduct(x, read.scale(c))
			}
		}
		for _, s := range w.sums {
			addSum(to[t], s, t)
		}
	}
	return nil
}

// columnDigests is rowDigests for a matrix stored [in, out]. It holds the whole of it: GPT-2's are small.
func columnDigests(b arch.Bound, read *relation, places []int32, to []*rowHash) error {
	v, err := vector(b.Tensor)
	if err != nil {
		return err
	}
	wide := b.Info().Shape[1]
	start, list := invert(read)
	for s := range read.from {
		for t, at := range places {
			var total sum
			for _, r := range list[start[s]:start[s+1]] {
				total.addProduct(v[int(r)*wide+int(at)], read.scale(int(r)))
			}
			addSum(to[t], total, t)
		}
	}
	return nil
}

// equals numbers the elements that a branch's writer reads, equal ones alike.
func (p *prover) equals(d digests, h branch) []int32 {
	var keys []string
	if h.name == "mlp" {
		for t := range d[arch.Up] {
			key := string(d[arch.Up][t].sum[:])
			if p.parent.Model.Gated {
				key += string(d[arch.Gate][t].sum[:])
			}
			keys = append(keys, key)
		}
	} else {
		keys = p.headKeys(d)
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

// headKeys: an element of a head's output depends on the head's q and k, and on its own row of v. An element of q does not
// count where what it is multiplied with in the scores is zero.
func (p *prover) headKeys(d digests) []string {
	m := p.child.Model
	hd, group := m.HeadDim, m.Heads/m.KVHeads
	whole := func(list []digest, head int, counts func(e int) bool) string {
		h := sha256.New()
		for e := range hd {
			if counts(e) {
				_, _ = h.Write(list[head*hd+e].sum[:])
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
				keys = append(keys, q+k+string(d[arch.V][kv*hd+e].sum[:]))
			}
		}
	}
	return keys
}

// turnsWith gives the element of a head that is turned together with element e, e itself where it is not turned.
func turnsWith(e, turned int) int {
	switch {
	case e < turned/2:
		return e + turned/2
	case e < turned:
		return e - turned/2
	}
	return e
}

// nothing is a tensor of zeros.
type nothing struct{ info tensor.Info }

func (n nothing) Info() tensor.Info { return n.info }

func (n nothing) ReadAt(b []byte, _ int64) (int, error) {
	clear(b)
	return len(b), nil
}

// sumsToZero checks that the writer's weights of equal inputs add up to zero, exactly.
func (p *prover) sumsToZero(w *worker, layer, expert int, h branch, groups []int32) (string, error) {
	most := int32(0)
	for _, g := range groups {
		most = max(most, g+1)
	}
	for _, b := range p.child.Tensors {
		if b.Layer != layer || b.Spec.Role != h.writers[0] || b.Expert != expert {
			continue
		}
		info := b.Info()
		read := side{relation: &relation{from: int(most), src: groups}, reads: true}
		c := &product{name: info.Name, child: b.Tensor}
		shape := []int{info.Shape[0], int(most)}
		if b.Spec.Dims[0].Use == arch.Reads {
			c.rows, c.cols = read, side{relation: sameRelation(info.Shape[1])}
			shape = []int{int(most), info.Shape[1]}
		} else {
			c.rows, c.cols = side{relation: sameRelation(info.Shape[0])}, read
		}
		c.parent = nothing{tensor.Info{Name: "nothing", DType: info.DType, Shape: shape}}
		o, err := w.check(c)
		if err != nil {
			return "", err
		}
		if o.bad != nil {
			return fmt.Sprintf(": %s %v: %s", o.bad.Where, o.bad.Index, o.bad.Text), nil
		}
	}
	return "", nil
}
