package decoder

import (
	"slices"

	"famkit/internal/arch"
	"famkit/internal/engine"
	"famkit/internal/fault"
)

// linear is a product with a weight stored [out, in], or [in, out], perhaps with a bias, and their gradients.
type linear struct {
	w, b, dw, db engine.Buf
	in, out      int
	transposed   bool // stored [in, out]
}

// gain is a norm's weight and bias, or a table, and its gradients.
type gain struct{ w, b, dw, db engine.Buf }

// stat is what a norm keeps for its backward pass.
type stat struct{ scale, mean engine.Buf }

// mlp is the two products of an MLP: gate and up in one, or up alone; and down. Of a mixture it is the first
// expert's, and the weights of the next are step elements further on.
type mlp struct {
	in, down linear
	step     int
}

// block is the weights of one layer and its saved activations. Without training all layers share activations.
type block struct {
	attnNorm, attnPost, mlpNorm, mlpPost, qNorm, kNorm gain

	qkv, o linear
	mlp    mlp
	router linear // of a mixture

	mixture bool
	window  int
	turn    *turns     // nil without a rotary embedding
	keys    engine.Buf // [Cache, kv*head_dim]
	values  engine.Buf // as keys
	saved
}

// saved is what the backward pass of a block reads. Blocks that compute a part again share its memory.
type saved struct {
	x, mid engine.Buf // [rows, hidden]: the stream before attention and after it
	attentionSaved
	mlpSaved
}

type attentionSaved struct {
	normed1      engine.Buf // [rows, hidden]: what the branch reads; the stream itself without a norm before it
	stat1        stat
	qkvOut       engine.Buf // [rows, (heads+2*kv)*head_dim]
	qk           engine.Buf // [rows, (heads+kv)*head_dim]: normed and rotated, where q and k have norms
	qStat, kStat engine.Buf // [rows*heads], [rows*kv]
	attn         engine.Buf // [rows, heads*head_dim]
	lse          engine.Buf // [rows*heads]
	attnOut      engine.Buf // [rows, hidden]: what the branch gave, where it is normed
	postStat1    stat
}

type mlpSaved struct {
	normed2   engine.Buf // as normed1
	stat2     stat
	gu        engine.Buf // [rows, 2*ffn], of a mixture [rows*top_k, 2*ffn]; [.., ffn] where there is no gate
	h         engine.Buf // [rows, ffn], of a mixture [rows*top_k, ffn]
	mlpOut    engine.Buf // as attnOut
	postStat2 stat

	routed                engine.Buf // [rows, experts]: the router's output
	chances               engine.Buf // [rows, experts]: its softmax
	routing               engine.Buf // [rows*top_k]: weights of the chosen experts
	chosen, place, source engine.Buf // [rows*top_k] of I32: see engine.Route
	starts                engine.Buf // [experts+1] of I32
	expertOut             engine.Buf // [rows*top_k, hidden]
}

// packing is where q, k and v stand in a row of their product.
type packing struct {
	k, v          int // elements before the first key and value
	stepQ, stepKV int // see engine.Attention
}

// Widths of the packed heads of a row.
func (d *Decoder) qWidth() int   { return d.m.Heads * d.m.HeadDim }
func (d *Decoder) kvWidth() int  { return d.m.KVHeads * d.m.HeadDim }
func (d *Decoder) qkWidth() int  { return d.qWidth() + d.kvWidth() }
func (d *Decoder) qkvWidth() int { return d.qWidth() + 2*d.kvWidth() }

// normsQK tells whether q and k have norms.
func (d *Decoder) normsQK() bool { return d.m.QKNorm || d.m.QKNormFull }

// halves is how many products the MLP's first one joins.
func (d *Decoder) halves() int {
	if d.m.Gated {
		return 2
	}
	return 1
}

// inner is the size of a block's MLP, or of one of its experts, and slots the rows that it works on for each row of
// the batch.
func (d *Decoder) inner(b *block) (ffn, slots int) {
	if b.mixture {
		return d.m.MoE.FFN, d.m.MoE.TopK
	}
	return d.m.FFN, 1
}

// planBlocks fixes what the blocks are, and how their products are stored.
func (d *Decoder) planBlocks() error {
	m := d.m
	if m.MoE != nil && (m.MoE.TopK < 1 || m.MoE.TopK > m.MoE.Experts) {
		return fault.Inputf("config.json: %d experts for a token: wanted 1 to %d", m.MoE.TopK, m.MoE.Experts)
	}
	d.blocks = make([]block, m.Layers)
	d.packed = packing{k: d.qWidth(), v: d.qkWidth()}
	for l := range d.blocks {
		b := &d.blocks[l]
		b.mixture = m.Mixture(l)
		b.turn = d.turnsOf(l)
		if len(m.Window) > 0 {
			b.window = m.Window[l]
		}
		if err := d.planAttention(l, b); err != nil {
			return err
		}
		if err := d.planMLP(l, b); err != nil {
			return err
		}
	}
	return nil
}

func (d *Decoder) planAttention(l int, b *block) error {
	m := d.m
	qkv, err := d.layout.formOf(l, -1, joined(m, l, -1, arch.QKV, arch.Q, arch.K, arch.V))
	if err != nil {
		return err
	}
	if qkv.turns {
		step := (m.Heads/m.KVHeads + 2) * m.HeadDim
		d.packed = packing{k: step - 2*m.HeadDim, v: step - m.HeadDim, stepQ: step, stepKV: step}
	}
	if qkv.turns && d.normsQK() {
		return fault.Inputf("layer %d: the decoder runs no norms of q and k that take turns in one tensor", l)
	}
	o, err := d.layout.formOf(l, -1, []arch.Role{arch.O})
	b.qkv.transposed, b.o.transposed = qkv.transposed, o.transposed
	return err
}

func (d *Decoder) planMLP(l int, b *block) error {
	y, first := d.layout, -1
	if b.mixture {
		first = 0
		if err := d.planExperts(l, b); err != nil {
			return err
		}
	}
	in, err := y.formOf(l, first, inner(d.m, l, first))
	if err != nil {
		return err
	}
	down, err := y.formOf(l, first, []arch.Role{arch.Down})
	if err != nil {
		return err
	}
	b.mlp.in.transposed, b.mlp.down.transposed = in.transposed, down.transposed
	router, err := y.formOf(l, -1, []arch.Role{arch.Router})
	b.router.transposed = router.transposed
	return err
}

// planExperts finds the distance between the weights of experts. One product runs over all of them, so these must be
// stored alike.
func (d *Decoder) planExperts(l int, b *block) error {
	y := d.layout
	roles := append(slices.Clone(inner(d.m, l, 0)), arch.Down)
	for _, r := range roles {
		first := y.find(slot{r, l, 0})
		for x := range d.m.MoE.Experts {
			if p := y.find(slot{r.Bias(), l, x}); p != nil {
				return fault.Inputf("tensor %q: the decoder runs no biases of experts", p.name)
			}
			p := y.find(slot{r, l, x})
			if x == 1 && r == roles[0] {
				b.mlp.step = p.off - first.off
			}
			if p.off != first.off+x*b.mlp.step || p.n != first.n {
				return fault.Inputf("tensor %q: the decoder runs experts only where all are stored alike", p.name)
			}
		}
	}
	return nil
}
