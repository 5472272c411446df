// Package decoder runs and differentiates a decoder-only transformer on an engine. There is one decoder: the
// arch.Model says which tensors it has, which norms and biases, and what each layer sees.
//
// Weights lie in one arena and gradients in another of the same layout. Nothing is allocated after New. A training
// decoder keeps for every block what its backward pass reads: the block's input, both normed inputs with their
// rsqrt, q, k and v (normed and rotated apart from raw where q and k have norms), the attention's output and
// log-sum-exp, the stream between attention and MLP, gate and up, and their product. Nothing is recomputed but the
// attention's scores. Per row and layer that is 4*hidden + 2*heads*head_dim + 2*kv*head_dim + 3*ffn elements and a few.
package decoder

import (
	"math"

	"famkit/internal/arch"
	"famkit/internal/engine"
	"famkit/internal/fault"
)

// linear is a product with a weight stored [out, in], perhaps with a bias, and their gradients.
type linear struct {
	w, b, dw, db engine.Buf
	in, out      int
}

// gain is a norm's weight and its gradient.
type gain struct{ w, dw engine.Buf }

// block is the weights of one layer and its saved activations. Without training all layers share activations.
type block struct {
	attnNorm, mlpNorm, qNorm, kNorm gain
	qkv, o, gateUp, down            linear
	window                          int

	x, mid       engine.Buf // [rows, hidden]: the stream before attention and before the MLP
	normed1      engine.Buf // [rows, hidden]
	normed2      engine.Buf
	stat1, stat2 engine.Buf // [rows]
	qkvOut       engine.Buf // [rows, (heads+2*kv)*head_dim]
	qk           engine.Buf // [rows, (heads+kv)*head_dim]: normed and rotated, where q and k have norms
	qStat, kStat engine.Buf // [rows*heads], [rows*kv]
	attn         engine.Buf // [rows, heads*head_dim]
	lse          engine.Buf // [rows*heads]
	gu           engine.Buf // [rows, 2*ffn]
	h            engine.Buf // [rows, ffn]
}

// Decoder holds weights, and where it trains gradients and activations, on one engine. It is not safe for
// concurrent use.
type Decoder struct {
	e engine.Engine
	m *arch.Model
	o Options

	layout *layout
	mem    arenas

	act     engine.Act
	invFreq []float64
	scale   float64 // of the attention's scores

	embed     gain // [vocab, hidden]
	blocks    []block
	finalNorm gain
	head      linear

	ids, targets engine.Buf // [rows] of I32
	cos, sin     engine.Buf // [SeqLen, len(invFreq)]
	last         engine.Buf // [rows, hidden]: the stream after the last block
	finalOut     engine.Buf // [rows, hidden]: normed
	finalStat    engine.Buf // [rows]
	loss         engine.Buf // [rows]

	dx     engine.Buf // [rows, hidden]: gradient of the residual stream
	dn     engine.Buf // [rows, hidden]: gradient of a normed input
	dh     engine.Buf // [rows, ffn]
	dattn  engine.Buf // [rows, heads*head_dim]
	dqkv   engine.Buf // as qkvOut
	dqk    engine.Buf // as qk
	delta  engine.Buf // [rows*heads]
	logits engine.Buf // [chunk, vocab]
	dfinal engine.Buf // [rows, hidden]
	chunk  int        // rows of logits at a time

	batch, seq, rows int  // of the batch that is set
	labelled         bool // it has targets
	ops              ops
}

// ops are the arguments of operators, kept here because what passes through an interface would be allocated anew
// for every call.
type ops struct {
	mm    engine.MatMul
	norm  engine.Norm
	rope  engine.Rope
	attn  engine.Attention
	gate  engine.Gate
	embed engine.Embed
	ce    engine.CrossEntropy
}

// New allocates a decoder for m on e, its weights zero. It refuses a model that it cannot run.
func New(e engine.Engine, m *arch.Model, o Options) (*Decoder, error) {
	d, err := shape(m, o)
	if err != nil {
		return nil, err
	}
	d.e = e
	d.take(&d.mem)
	if err := d.mem.allocate(e); err != nil {
		return nil, err
	}
	d.take(&d.mem)
	return d, d.uploadRope()
}

// shape checks the model and fixes everything but memory.
func shape(m *arch.Model, o Options) (*Decoder, error) {
	if o.Batch < 1 || o.SeqLen < 1 || o.Batch > math.MaxInt32/o.SeqLen {
		return nil, fault.Usagef("batch %d of %d tokens: both must be positive and their product below 2^31", o.Batch, o.SeqLen)
	}
	d := &Decoder{m: m, o: o, scale: m.Scale()}
	var err error
	if d.layout, err = newLayout(m); err != nil {
		return nil, err
	}
	if d.invFreq, err = m.RopeInvFreq(); err != nil {
		return nil, err
	}
	switch m.Act {
	case arch.SiLU:
		d.act = engine.SiLU
	case arch.GELUTanh:
		d.act = engine.GELUTanh
	case arch.GELU:
		d.act = engine.GELU
	default:
		return nil, fault.Inputf("config.json: hidden_act %q: the decoder runs %s, %s and %s", m.Act, arch.SiLU, arch.GELUTanh, arch.GELU)
	}
	return d, nil
}

// uploadRope fills the tables of the rotary embedding, computed in float64 for any engine.
func (d *Decoder) uploadRope() error {
	cos, sin := make([]float64, d.cos.N), make([]float64, d.sin.N)
	for t := range d.o.SeqLen {
		for i, f := range d.invFreq {
			s, c := math.Sincos(float64(t) * f)
			cos[t*len(d.invFreq)+i], sin[t*len(d.invFreq)+i] = c, s
		}
	}
	if err := upload(d.e, d.cos, cos); err != nil {
		return err
	}
	return upload(d.e, d.sin, sin)
}

// Engine is the engine that the decoder runs on.
func (d *Decoder) Engine() engine.Engine { return d.e }

// Model is the model that it runs.
func (d *Decoder) Model() *arch.Model { return d.m }

// Need is the memory that New has taken.
func (d *Decoder) Need() Need { return d.mem.need(d.e.Real()) }
