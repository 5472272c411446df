// Package decoder runs and differentiates a decoder-only transformer on an engine. There is one decoder: the
// arch.Model says which tensors it has, which norms and biases, and what each layer sees. A block is
//
//	m = x + post(attention(pre(x)))
//	y = m + post(mlp(pre(m)))    or, where attention and MLP are parallel,    y = m + post(mlp(pre(x)))
//
// with each of the norms pre and post there or not, and the MLP gated, plain, or a mixture of experts.
//
// Weights lie in one arena and gradients in another of the same layout, every tensor as the checkpoint stores it,
// fused, transposed or interleaved: the products and the attention are told how, so that a parameter, its gradient
// and its optimizer state have the tensor's own name, shape and order of elements. Nothing is allocated after New. A
// training decoder keeps for every block what its backward pass reads: the block's input, both normed inputs with
// their statistics, q, k and v (normed and rotated apart from raw where q and k have norms), the attention's output
// and log-sum-exp, the stream between attention and MLP, gate and up, and their product; before a norm of a branch's
// output that output, and of a mixture its routing and what each expert gave. Unless Recompute says more, nothing is
// computed again but the attention's scores. Per row and layer of a plain block that is 4*hidden + 2*heads*head_dim +
// 2*kv*head_dim + 3*ffn elements and a few.
package decoder

import (
	"math"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/engine"
	"famkit/internal/fault"
)

// Decoder holds weights, and where it trains gradients and activations, on one engine. It is not safe for
// concurrent use.
type Decoder struct {
	e engine.Engine
	m *arch.Model
	o Options

	spec   engine.Spec
	layout *layout
	mem    *arenas

	act    engine.Act
	scale  float64 // of the attention's scores
	packed packing // of q, k and v in a row of their product

	embed     gain // [vocab, hidden]
	pos       gain // [positions, hidden], where positions are learned
	blocks    []block
	finalNorm gain
	head      linear

	ids, targets engine.Buf // [rows] of I32
	order        engine.Buf // [rows] of I32: the rows by their id, where it trains
	sorting      sorting
	turn, local  turns      // of all layers, and of the sliding ones where they differ
	tabled       int        // the sequence length that turn is for,
	elastic      bool       // since the frequencies depend on it
	last         engine.Buf // [rows, hidden]: the stream after the last block
	finalOut     engine.Buf // [rows, hidden]: normed
	finalStat    stat
	loss         engine.Buf // [rows]
	sums         sums
	host         [2]float64 // what Read fills: a variable of its own would be allocated

	work
	logits engine.Buf // [chunk, vocab]
	chunk  int        // rows of logits at a time

	cache            cache
	batch, seq, rows int  // of the batch that is set
	labelled         bool // it has targets
	ops              ops
}

// work is what the passes leave nothing in.
type work struct {
	dx    engine.Buf // [rows, hidden]: gradient of the residual stream
	dn    engine.Buf // [rows, hidden]: gradient of a normed input
	dpost engine.Buf // [rows, hidden]: gradient of what a branch gave before its norm
	dside engine.Buf // [rows, hidden]: what a parallel MLP adds to the stream's gradient

	dfinal engine.Buf // [rows, hidden]

	dh        engine.Buf // as block.h
	gathered  engine.Buf // [rows*top_k, hidden]: the inputs of experts
	dexpert   engine.Buf // [rows*top_k, hidden]: gradient of their outputs, then of their inputs
	drouting  engine.Buf // [rows*top_k]: of the experts' weights
	drouted   engine.Buf // [rows, experts]: of the router's output
	dattn     engine.Buf // [rows, heads*head_dim]
	dqkv, dqk engine.Buf // as block.qkvOut and block.qk
	delta     engine.Buf // [rows*heads]
	scores    engine.Buf // what the engine wants for an attention
}

// sums are what the host may read, of F64 [1] each. Loss, norm and factor follow each other.
type sums struct {
	loss      engine.Buf // of all batches since ZeroGrad
	norm      engine.Buf // of the gradients
	factor    engine.Buf // that clips them
	evaluated engine.Buf // loss of a batch that is evaluated only
}

// ops are the arguments of operators, kept here because what passes through an interface would be allocated anew
// for every call.
type ops struct {
	mm      engine.MatMul
	norm    engine.Norm
	rope    engine.Rope
	attn    engine.Attention
	gate    engine.Gate
	embed   engine.Embed
	route   engine.Route
	combine engine.Combine
	grouped engine.Grouped
	ce      engine.CrossEntropy
	clip    engine.Clip
}

// New allocates a decoder for m on e, its weights zero. It refuses a model that it cannot run.
func New(e engine.Engine, m *arch.Model, o Options) (*Decoder, error) {
	d, err := shape(m, e.Spec(), o)
	if err != nil {
		return nil, err
	}
	d.e, d.mem = e, newArenas(d.spec.Formats)
	d.take(d.mem)
	if err := d.mem.allocate(e); err != nil {
		return nil, err
	}
	d.take(d.mem)
	d.ops.clip.Grads = []engine.Buf{d.mem.grads.buf}
	return d, d.uploadTurns(o.positions())
}

// shape checks the model and fixes everything but memory.
func shape(m *arch.Model, spec engine.Spec, o Options) (*Decoder, error) {
	if o.Batch < 1 || o.SeqLen < 1 || o.Batch > math.MaxInt32/o.SeqLen {
		return nil, fault.Usagef("batch %d of %d tokens: both must be positive and their product below 2^31", o.Batch,
			o.SeqLen)
	}
	if !slices.Contains([]Recompute{RecomputeNone, RecomputeAttention, RecomputeBlock}, o.Recompute) {
		return nil, fault.Usagef("recompute %q: want none, attention or block", o.Recompute)
	}
	if m.LearnedPos && o.positions() > m.MaxPos {
		return nil, fault.Inputf("sequences of %d tokens: the model has learned %d positions", o.positions(), m.MaxPos)
	}
	if o.Cache > 0 && (o.Train || o.Batch != 1 || !spec.Cached) {
		return nil, fault.Usagef("keys and values are kept for one sequence that is not trained on, by an engine that " +
			"reads them")
	}
	d := &Decoder{m: m, o: o, spec: spec, scale: m.Scale()}
	var err error
	if d.layout, err = newLayout(m); err != nil {
		return nil, err
	}
	if err := d.planTurns(); err != nil {
		return nil, err
	}
	if err := d.planBlocks(); err != nil {
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
		return nil, fault.Inputf("config.json: hidden_act %q: the decoder runs %s, %s and %s", m.Act, arch.SiLU,
			arch.GELUTanh, arch.GELU)
	}
	return d, nil
}

// Engine is the engine that the decoder runs on.
func (d *Decoder) Engine() engine.Engine { return d.e }

// Model is the model that it runs.
func (d *Decoder) Model() *arch.Model { return d.m }

// Need is the memory that New has taken.
func (d *Decoder) Need() Need { return d.mem.need() }
