// Package generate continues token sequences with a model: what follows is computed from kept keys and values
// (package decoder), chosen as transformers' generate chooses (sample.go), and shown as text while it comes
// (stream.go).
package generate

import (
	"context"
	"math"
	"slices"
	"time"

	"famkit/internal/arch"
	"famkit/internal/decoder"
	"famkit/internal/engine"
	"famkit/internal/fault"
	"famkit/internal/tensor"
	"famkit/internal/units"
)

// prefillRows is how many ids of a prompt are run at a time.
const prefillRows = 128

// Why a continuation ends.
const (
	AtStop   = "stop"   // the model gave a token that ends the text
	AtLength = "length" // as many tokens as were asked for, or the model's last position
)

// Options of one continuation.
type Options struct {
	Sampling
	MaxTokens int     // new tokens at most
	Stop      []int32 // tokens that end the text; they are not part of it
}

// Result is a continuation.
type Result struct {
	IDs    []int32 // without the token that ended it
	Finish string
	// Prefill and Decode are the seconds that the prompt and the new tokens took.
	Prefill, Decode float64
}

// Generator continues sequences of one model on one engine, one at a time.
type Generator struct {
	d   *decoder.Decoder
	max int  // positions
	all bool // every token runs the whole sequence: the plain twin of kept keys and values
	raw []byte
	z   []float64
}

// New loads a model for sequences of at most positions tokens, prompt included. Engines that keep no keys and values
// run the whole sequence for every token; plain asks for that.
func New(e engine.Engine, ck *arch.Checkpoint, positions int, plain bool) (*Generator, error) {
	spec := e.Spec()
	g := &Generator{max: positions, all: plain || !spec.Cached}
	o := decoder.Options{Batch: 1, SeqLen: min(prefillRows, positions), Cache: positions}
	if g.all {
		o = decoder.Options{Batch: 1, SeqLen: positions}
	}
	need, available := decoder.Plan(ck.Model, spec, o).Total(), e.Available()
	if available > 0 && need > available {
		return nil, fault.Failedf("too little memory: wanted %s for %d positions, available %s", units.Bytes(need), positions,
			units.Bytes(available))
	}
	var err error
	if g.d, err = decoder.New(e, ck.Model, o); err != nil {
		return nil, err
	}
	g.z = make([]float64, ck.Model.Vocab)
	g.raw = make([]byte, 8*len(g.z))
	return g, g.d.Load(ck)
}

// Run continues a prompt of at least one id and gives every new id to emit (nil: nobody) as it comes.
func (g *Generator) Run(ctx context.Context, prompt []int32, o Options, emit func(id int32) error) (*Result, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if len(prompt) == 0 || len(prompt) > g.max {
		return nil, fault.Inputf("a prompt of %d tokens: wanted 1 to %d", len(prompt), g.max)
	}
	r := &Result{IDs: []int32{}, Finish: AtLength}
	ids := slices.Clone(prompt)
	g.d.Forget()
	began := time.Now()
	for n := 0; n < o.MaxTokens; n++ {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err := g.logits(ids); err != nil {
			return nil, err
		}
		id := o.next(g.z, ids, n)
		if n == 0 {
			r.Prefill, began = time.Since(began).Seconds(), time.Now()
		}
		if slices.Contains(o.Stop, id) {
			r.Finish = AtStop
			break
		}
		ids, r.IDs = append(ids, id), append(r.IDs, id)
		if emit != nil {
			if err := emit(id); err != nil {
				return nil, err
			}
		}
		if len(ids) == g.max {
			break
		}
	}
	r.Decode = time.Since(began).Seconds()
	return r, nil
}

// logits computes what follows ids, of which those that were run before are kept.
func (g *Generator) logits(ids []int32) error {
	b, err := g.run(ids)
	if err != nil {
		return err
	}
	if err := g.d.Engine().Download(g.raw, tensor.F64, b); err != nil {
		return err
	}
	tensor.Decode(g.z, g.raw, tensor.F64)
	for _, v := range g.z {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fault.Failedf("the logits after %d tokens are not finite numbers", len(ids))
		}
	}
	return nil
}

func (g *Generator) run(ids []int32) (engine.Buf, error) {
	if g.all {
		if err := g.d.Forward(1, len(ids), ids); err != nil {
			return engine.Buf{}, err
		}
		return g.d.LogitRows(len(ids)-1, 1)
	}
	if err := g.d.Extend(ids[g.d.Kept():]); err != nil {
		return engine.Buf{}, err
	}
	return g.d.LastLogits()
}
