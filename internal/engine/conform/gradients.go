package conform

import (
	"math"
	"math/rand/v2"

	"famkit/internal/engine"
)

// derivative is an operator with inputs to differentiate by. Its loss is the sum of weights times out.
type derivative struct {
	name    string
	inputs  [][]float64
	out     int // elements
	forward func(e engine.Engine, in []engine.Buf, out engine.Buf)
	// backward adds to or overwrites din from dout; it may use up out and dout. din starts as zeros.
	backward func(e engine.Engine, in []engine.Buf, out, dout engine.Buf, din []engine.Buf)
}

// gradients compares the backward operators of a float64 engine with central differences of its own forward ones.
func gradients(t Reporter, e engine.Engine) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, d := range derivatives(t, e, r) {
		d.check(t, e, r)
	}
}

func (d *derivative) check(t Reporter, e engine.Engine, r *rand.Rand) {
	weights := random(r, d.out)
	in, din := make([]engine.Buf, len(d.inputs)), make([]engine.Buf, len(d.inputs))
	for i, x := range d.inputs {
		in[i], din[i] = hold(t, e, x), hold(t, e, make([]float64, len(x)))
	}
	out, dout := hold(t, e, make([]float64, d.out)), hold(t, e, weights)
	loss := func() float64 {
		d.forward(e, in, out)
		var s float64
		for i, v := range download(t, e, out) {
			s += v * weights[i]
		}
		return s
	}
	numeric := make([][]float64, len(d.inputs))
	const h = 1e-5
	for i, x := range d.inputs {
		for j, v := range x {
			x[j] = v + h
			fill(t, e, in[i], x)
			up := loss()
			x[j] = v - h
			fill(t, e, in[i], x)
			numeric[i] = append(numeric[i], (up-loss())/(2*h))
			x[j] = v
		}
		fill(t, e, in[i], x)
	}
	loss()
	d.backward(e, in, out, dout, din)
	for i := range din {
		compare(t, d.name+": gradient", download(t, e, din[i]), numeric[i], 2e-8, 0)
	}
}

func hold(t Reporter, e engine.Engine, x []float64) engine.Buf {
	t.Helper()
	d := data{f: x}
	return place(t, e, d)
}

func place(t Reporter, e engine.Engine, d data) engine.Buf {
	t.Helper()
	spec := e.Spec()
	return d.place(t, e, &spec)
}

func derivatives(t Reporter, e engine.Engine, r *rand.Rand) []derivative {
	out := []derivative{normDerivative(t, e, r), layerNormDerivative(t, e, r), ropeDerivative(t, e, r),
		mixtureDerivative(t, e, r, false), mixtureDerivative(t, e, r, true)}
	for _, a := range []engine.Act{engine.SiLU, engine.GELUTanh, engine.GELU} {
		out = append(out, gateDerivative(r, a), actDerivative(r, a))
	}
	for _, a := range []engine.Attention{
		{B: 2, T: 6, Heads: 4, KVHeads: 2, HeadDim: 3},
		{B: 1, T: 7, Heads: 2, KVHeads: 1, HeadDim: 4, Window: 3, Softcap: 0.8},
	} {
		out = append(out, attentionDerivative(t, e, r, a))
	}
	for _, c := range []float64{0, 2} {
		out = append(out, lossDerivative(t, e, r, c))
	}
	return out
}

func normDerivative(t Reporter, e engine.Engine, r *rand.Rand) derivative {
	o := engine.Norm{Rows: 4, Groups: 3, Dim: 5, StrideX: 15, StrideY: 15, Eps: 1e-3, PlusOne: 1,
		Stat: hold(t, e, make([]float64, 12))}
	return derivative{name: "RMSNorm", inputs: [][]float64{random(r, 60), random(r, 5)}, out: 60,
		forward: func(e engine.Engine, in []engine.Buf, out engine.Buf) {
			p := o
			p.X, p.Gain, p.Y = in[0], in[1], out
			e.RMSNorm(&p)
		},
		backward: func(e engine.Engine, in []engine.Buf, out, dout engine.Buf, din []engine.Buf) {
			p := o
			p.X, p.Gain, p.Y, p.DX, p.DGain, p.DY = in[0], in[1], out, din[0], din[1], dout
			e.RMSNormGrad(&p)
		}}
}

func ropeDerivative(t Reporter, e engine.Engine, r *rand.Rand) derivative {
	cos, sin := make([]float64, 9), make([]float64, 9)
	for i := range cos {
		sin[i], cos[i] = math.Sincos(float64(i))
	}
	o := engine.Rope{Rows: 6, T: 3, Heads: 2, HeadDim: 8, Dim: 6, Stride: 16, Cos: hold(t, e, cos), Sin: hold(t, e, sin)}
	turn := func(e engine.Engine, src, dst engine.Buf, inverse bool) {
		e.Copy(dst, src)
		p := o
		p.X, p.Inverse = dst, inverse
		e.Rope(&p)
	}
	return derivative{name: "Rope", inputs: [][]float64{random(r, 96)}, out: 96,
		forward: func(e engine.Engine, in []engine.Buf, out engine.Buf) { turn(e, in[0], out, false) },
		backward: func(e engine.Engine, _ []engine.Buf, _, dout engine.Buf, din []engine.Buf) {
			turn(e, dout, din[0], true)
		}}
}

func gateDerivative(r *rand.Rand, act engine.Act) derivative {
	o := engine.Gate{Rows: 3, Dim: 7, StrideG: 7, StrideH: 7, Act: act}
	return derivative{name: "Gate", inputs: [][]float64{scaled(random(r, 21), 4), random(r, 21)}, out: 21,
		forward: func(e engine.Engine, in []engine.Buf, out engine.Buf) {
			p := o
			p.G, p.U, p.H = in[0], in[1], out
			e.Gate(&p)
		},
		backward: func(e engine.Engine, in []engine.Buf, _, dout engine.Buf, din []engine.Buf) {
			p := o
			p.G, p.U, p.DH, p.DG, p.DU = in[0], in[1], dout, din[0], din[1]
			e.GateGrad(&p)
		}}
}

// actDerivative has no up projection.
func actDerivative(r *rand.Rand, act engine.Act) derivative {
	o := engine.Gate{Rows: 3, Dim: 7, StrideG: 7, StrideH: 7, Act: act}
	return derivative{name: "Gate alone", inputs: [][]float64{scaled(random(r, 21), 4)}, out: 21,
		forward: func(e engine.Engine, in []engine.Buf, out engine.Buf) {
			p := o
			p.G, p.H = in[0], out
			e.Gate(&p)
		},
		backward: func(e engine.Engine, in []engine.Buf, _, dout engine.Buf, din []engine.Buf) {
			p := o
			p.G, p.DH, p.DG = in[0], dout, din[0]
			e.GateGrad(&p)
		}}
}

func attentionDerivative(t Reporter, e engine.Engine, r *rand.Rand, o engine.Attention) derivative {
	q, kv := o.Heads*o.HeadDim, o.KVHeads*o.HeadDim
	o.Scale, o.StrideQ, o.StrideK, o.StrideV, o.StrideO = 0.9, q, kv, kv, q
	stats := make([]float64, o.B*o.Heads*o.T)
	o.LSE, o.Delta = hold(t, e, stats), hold(t, e, stats)
	with := func(in []engine.Buf, out engine.Buf) engine.Attention {
		p := o
		p.Q, p.K, p.V, p.O = in[0], in[1], in[2], out
		return p
	}
	rows := o.B * o.T
	return derivative{name: attentionName(&o, "Attention"), inputs: [][]float64{random(r, rows*q), random(r, rows*kv),
		random(r, rows*kv)}, out: rows * q,
		forward: func(e engine.Engine, in []engine.Buf, out engine.Buf) {
			p := with(in, out)
			e.Attention(&p)
		},
		backward: func(e engine.Engine, in []engine.Buf, out, dout engine.Buf, din []engine.Buf) {
			p := with(in, out)
			p.DO, p.DQ, p.DK, p.DV = dout, din[0], din[1], din[2]
			e.AttentionGrad(&p)
		}}
}

// lossDerivative weighs all rows alike, since the operator scales its gradient by one number.
func lossDerivative(t Reporter, e engine.Engine, r *rand.Rand, softcap float64) derivative {
	o := engine.CrossEntropy{Rows: 4, Vocab: 9, Scale: 1, Softcap: softcap, Loss: hold(t, e, make([]float64, 4))}
	d := data{i: []int32{3, -100, 8, 0}}
	o.Targets = place(t, e, d)
	scratch := hold(t, e, make([]float64, 36))
	run := func(e engine.Engine, z engine.Buf, grad bool) {
		e.Copy(scratch, z)
		p := o
		p.Logits, p.Grad = scratch, grad
		e.CrossEntropy(&p)
	}
	return derivative{name: "CrossEntropy", inputs: [][]float64{scaled(random(r, 36), 4)}, out: 1,
		forward: func(e engine.Engine, in []engine.Buf, out engine.Buf) {
			run(e, in[0], false)
			var s float64
			for _, v := range download(t, e, o.Loss) {
				s += v
			}
			fill(t, e, out, []float64{s})
		},
		backward: func(e engine.Engine, in []engine.Buf, _, dout engine.Buf, din []engine.Buf) {
			o.Scale = download(t, e, dout)[0]
			run(e, in[0], true)
			e.Copy(din[0], scratch)
		}}
}
