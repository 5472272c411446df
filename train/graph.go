package train

import (
	"unsafe"

	"github.com/nlpodyssey/spago/ag"
	"github.com/nlpodyssey/spago/mat"
	"github.com/nlpodyssey/spago/nn"

	"famkit/internal/arch"
	"famkit/internal/decoder"
	"famkit/internal/engine"
)

// This is the one file that knows spago. A micro-batch is a chain of operators: embedding, one per block,
// head with loss. Activations and gradients stay in the decoder's buffers; what flows along the chain is a
// 1x1 token, so that spago neither clones activations nor decides an order of summation: each operator
// has one consumer, which makes the backward pass deterministic.
//
// Three rules of spago that this file keeps: Backward calls AccGrad exactly once for its operand operator
// (or ag.Backward waits for ever), no error leaves Forward or Backward (spago would end the process), and
// parameters share the engine's memory by ReplaceValue (NewParam copies).

// network is the part of a decoder that the graph drives.
type network interface {
	EmbedForward()
	BlockForward(l int)
	HeadForward(gradScale float64) error
	BlockBackward(l int)
	EmbedBackward()
}

// stage is a module of the graph: the parameters that one operator uses.
type stage struct {
	nn.Module
	Weights []*nn.Param
}

// graph is the model as spago sees it. Embed, Blocks and Head list the parameters; a tied head is the
// embedding's parameter once more.
type graph struct {
	nn.Module
	Embed  *stage
	Blocks []*stage
	Head   *stage

	net network
	err error // first failure of a pass; spago must not see it
}

// newGraph wraps the parameters of a decoder with the given number of layers. Where shared is true the
// buffers are memory of this process and spago's values and gradients are the engine's own.
func newGraph(net network, params []decoder.Param, layers int, shared, tied bool) *graph {
	g := &graph{Embed: &stage{}, Head: &stage{}, net: net}
	for range layers {
		g.Blocks = append(g.Blocks, &stage{})
	}
	for _, p := range params {
		w := newParam(p, shared)
		switch {
		case p.Layer >= 0:
			g.Blocks[p.Layer].Weights = append(g.Blocks[p.Layer].Weights, w)
		case p.Role == arch.Embed:
			g.Embed.Weights = append(g.Embed.Weights, w)
			if tied {
				g.Head.Weights = append(g.Head.Weights, w)
			}
		default:
			g.Head.Weights = append(g.Head.Weights, w)
		}
	}
	return g
}

// pass runs one micro-batch that the decoder holds already: forward, then backward, adding gradients of
// scale times the loss sum. Losses stay in the engine's memory.
func (g *graph) pass(scale float64) error {
	g.err = nil
	var x mat.Tensor = ag.NewOperator(&operator{g: g, weights: g.Embed.Weights,
		forward:  func() error { g.net.EmbedForward(); return nil },
		backward: g.net.EmbedBackward}).Run()
	for l, b := range g.Blocks {
		x = ag.NewOperator(&operator{g: g, in: x, weights: b.Weights,
			forward:  func() error { g.net.BlockForward(l); return nil },
			backward: func() { g.net.BlockBackward(l) }}).Run()
	}
	loss := ag.NewOperator(&operator{g: g, in: x, weights: g.Head.Weights,
		forward:  func() error { return g.net.HeadForward(scale) }, // leaves the gradient of its input behind
		backward: func() {}}).Run()
	if g.err != nil {
		return g.err
	}
	if err := ag.Backward(loss); err != nil {
		return err
	}
	return g.err
}

// operator is one link of the chain as spago's AutoGradFunction.
type operator struct {
	g        *graph
	in       mat.Tensor // the operator before, nil for the embedding
	weights  []*nn.Param
	forward  func() error
	backward func()
}

// Forward runs the stage. Its value is a 1x1 token.
func (o *operator) Forward() (mat.Tensor, error) {
	if o.g.err == nil {
		o.g.err = o.forward()
	}
	return mat.Scalar(0.0), nil
}

// Backward runs the stage's backward pass, which leaves weight gradients in the engine's buffers, and hands
// the token on whatever happened.
func (o *operator) Backward(gy mat.Tensor) error {
	if o.g.err == nil {
		o.backward()
	}
	if o.in != nil {
		o.in.AccGrad(gy)
	}
	return nil
}

// Operands are the operator before and the weights. Weights are leaves: they make the chain require
// gradients, and nothing waits for them.
func (o *operator) Operands() []mat.Tensor {
	var xs []mat.Tensor
	if o.in != nil {
		xs = append(xs, o.in)
	}
	for _, w := range o.weights {
		xs = append(xs, w)
	}
	return xs
}

// weight is a matrix over engine memory whose gradient is engine memory too.
type weight struct {
	mat.Matrix
	grad mat.Matrix
}

// Grad is the accumulated gradient, in place.
func (w *weight) Grad() mat.Tensor { return w.grad }

// HasGrad reports true: the gradient's memory always exists.
func (w *weight) HasGrad() bool { return true }

// AccGrad adds gx to the gradient in place.
func (w *weight) AccGrad(gx mat.Tensor) { w.grad.AddInPlace(gx.(mat.Matrix)) }

// ZeroGrad clears the gradient in place.
func (w *weight) ZeroGrad() { w.grad.Zeros() }

// newParam makes the parameter of p: over the engine's memory where it is shared, else a 1x1 stand-in.
func newParam(p decoder.Param, shared bool) *nn.Param {
	param := nn.NewParam(mat.Scalar(0.0))
	if !shared {
		return param
	}
	rows, cols := 1, p.W.N
	if len(p.Shape) == 2 {
		rows, cols = p.Shape[0], p.Shape[1]
	}
	w := &weight{Matrix: dense(p.W, rows, cols), grad: dense(p.G, rows, cols)}
	w.SetRequiresGrad(true)
	param.ReplaceValue(w)
	return param
}

// dense is a spago matrix over the memory of b.
func dense(b engine.Buf, rows, cols int) mat.Matrix {
	if b.Type == engine.F64 {
		return mat.NewDense[float64](mat.WithShape(rows, cols), mat.WithBacking(unsafe.Slice((*float64)(b.Ptr), b.N)))
	}
	return mat.NewDense[float32](mat.WithShape(rows, cols), mat.WithBacking(unsafe.Slice((*float32)(b.Ptr), b.N)))
}
