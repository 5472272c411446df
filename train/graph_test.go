package train

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/nlpodyssey/spago/mat"
	"github.com/nlpodyssey/spago/nn"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/decoder"
	"famkit/internal/engine"
)

// fakeNet records the order of calls; its head may fail.
type fakeNet struct {
	calls []int
	err   error
}

const (
	embedForward = 100 * (iota + 1)
	embedBackward
	headForward
	blockForward
	blockBackward
)

func (n *fakeNet) EmbedForward()       { n.calls = append(n.calls, embedForward) }
func (n *fakeNet) EmbedBackward()      { n.calls = append(n.calls, embedBackward) }
func (n *fakeNet) BlockForward(l int)  { n.calls = append(n.calls, blockForward+l) }
func (n *fakeNet) BlockBackward(l int) { n.calls = append(n.calls, blockBackward+l) }
func (n *fakeNet) HeadForward(float64) error {
	n.calls = append(n.calls, headForward)
	return n.err
}

func fakeParams(layers int) []decoder.Param {
	list := []decoder.Param{{Name: "embed", Role: arch.Embed, Layer: -1}, {Name: "norm", Role: arch.FinalNorm, Layer: -1}}
	for l := range layers {
		list = append(list, decoder.Param{Name: "q", Role: arch.Q, Layer: l})
	}
	return list
}

// within fails the test when f has not returned in time: an operator that forgets its AccGrad makes spago wait for
// ever.
func within(t *testing.T, d time.Duration, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(d):
		t.Fatal("the graph does not complete")
	}
}

func TestGraphRunsTheChainInOrder(t *testing.T) {
	net := &fakeNet{}
	g := newGraph(net, fakeParams(3), 3, false, true)
	within(t, 10*time.Second, func() {
		for range 2 {
			net.calls = nil
			if err := g.pass(0.5); err != nil {
				t.Error(err)
			}
		}
	})
	want := []int{embedForward, blockForward, blockForward + 1, blockForward + 2, headForward,
		blockBackward + 2, blockBackward + 1, blockBackward, embedBackward}
	if !slices.Equal(net.calls, want) {
		t.Errorf("calls %v, want %v", net.calls, want)
	}
}

func TestGraphKeepsErrorsFromSpago(t *testing.T) {
	reason := errors.New("the head fails")
	net := &fakeNet{err: reason}
	g := newGraph(net, fakeParams(2), 2, false, false)
	within(t, 10*time.Second, func() {
		if err := g.pass(1); !errors.Is(err, reason) {
			t.Errorf("got %v", err)
		}
		if slices.Contains(net.calls, embedBackward) {
			t.Error("the backward pass ran after a failed forward pass")
		}
		net.err = nil
		if err := g.pass(1); err != nil {
			t.Errorf("the next pass fails too: %v", err)
		}
	})
}

// oracleDecoder loads an oracle model on the reference engine, with a batch set.
func oracleDecoder(t *testing.T, model string) *decoder.Decoder {
	t.Helper()
	e, err := engine.New("ref", engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := format.Open(oracle + model)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = h.Close(), e.Close() })
	ck, err := arch.Bind(h)
	if err != nil {
		t.Fatal(err)
	}
	d, err := decoder.New(e, ck.Model, decoder.Options{Batch: 2, SeqLen: 9, Train: true})
	if err == nil {
		err = d.Load(ck)
	}
	ids, targets := make([]int32, 18), make([]int32, 18)
	for i := range ids {
		ids[i], targets[i] = int32(i*37%97), int32(i*53%97)
	}
	if err == nil {
		err = d.SetBatch(2, 9, ids, targets)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func float64s(b engine.Buf) []float64 { return unsafe.Slice((*float64)(b.Ptr), b.N) }

func TestGraphGradientIsTheDecoders(t *testing.T) {
	for _, model := range []string{"llama-tied", "qwen3"} {
		d := oracleDecoder(t, model)
		const scale = 1.0 / 18
		d.ZeroGrad()
		d.EmbedForward()
		for l := range d.Model().Layers {
			d.BlockForward(l)
		}
		if err := d.HeadForward(scale); err != nil {
			t.Fatal(err)
		}
		for l := d.Model().Layers - 1; l >= 0; l-- {
			d.BlockBackward(l)
		}
		d.EmbedBackward()
		want := slices.Clone(float64s(d.Gradients()))
		before, err := d.Figures()
		if err != nil {
			t.Fatal(err)
		}

		g := newGraph(d, d.Params(), d.Model().Layers, true, d.Model().Tied)
		d.ZeroGrad()
		within(t, time.Minute, func() {
			if err := g.pass(scale); err != nil {
				t.Error(err)
			}
			if got, err := d.Figures(); err != nil || got != before {
				t.Errorf("%s: %+v, %v; the decoder's are %+v", model, got, err, before)
			}
		})
		if !slices.Equal(float64s(d.Gradients()), want) {
			t.Errorf("%s: gradients differ from the decoder's", model)
		}
	}
}

// Spago's parameters are the engine's memory: what one writes the other reads.
func TestGraphSharesTheEnginesMemory(t *testing.T) {
	d := oracleDecoder(t, "llama-untied")
	g := newGraph(d, d.Params(), d.Model().Layers, true, false)
	if err := g.pass(1); err != nil {
		t.Fatal(err)
	}
	n := 0
	nn.ForEachParam(g, func(*nn.Param) { n++ })
	if n != len(d.Params()) {
		t.Errorf("spago sees %d parameters, the decoder has %d", n, len(d.Params()))
	}
	p, buf := g.Blocks[1].Weights[0], engine.Buf{}
	for _, q := range d.Params() {
		if q.Layer == 1 {
			buf = q.G
			if &mat.Data[float64](p)[0] != &float64s(q.W)[0] {
				t.Error("the parameter's values are not the engine's weights")
			}
			break
		}
	}
	grad := mat.Data[float64](p.Grad())
	if &grad[0] != &float64s(buf)[0] || math.Abs(grad[0]) == 0 {
		t.Errorf("the parameter's gradient %v is not the engine's", grad[0])
	}
	p.ZeroGrad()
	if grad[0] != 0 || !p.HasGrad() {
		t.Error("ZeroGrad does not clear the engine's gradient in place")
	}
	p.AccGrad(p.Matrix)
	if grad[0] != mat.Data[float64](p)[0] {
		t.Error("AccGrad does not add to the engine's gradient in place")
	}
}
