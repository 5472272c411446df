package conform

import (
	"math"
	"math/rand/v2"

	"famkit/internal/engine"
)

func layerNorms(r *rand.Rand) []check {
	var out []check
	for i, s := range normSizes {
		for _, accumulate := range []bool{false, true} {
			o := engine.Norm{Rows: s[0], Groups: s[1], Dim: s[2], StrideX: s[1]*s[2] + s[3], StrideY: s[1]*s[2] + s[4],
				Eps: 1e-2, PlusOne: float64(i % 2), Accumulate: accumulate}
			out = append(out, layerNormForward(r, o), layerNormBackward(r, o))
		}
	}
	same := engine.Norm{Rows: 20, Groups: 1, Dim: 37, StrideX: 37, StrideY: 37, Eps: 1e-6}
	return append(out, layerNormInPlace(r, same))
}

// lifted is numbers around one, so that a mean that is forgotten shows.
func lifted(r *rand.Rand, n int) []float64 {
	x := random(r, n)
	for i := range x {
		x[i] = float64(float32(x[i] + 1))
	}
	return x
}

func layerNormForward(r *rand.Rand, o engine.Norm) check {
	return check{name: normName(&o, "LayerNorm"), terms: 1,
		bufs: []data{{f: lifted(r, o.Rows*o.StrideX), off: 1}, {f: poison(o.Rows * o.StrideY), off: 3},
			{f: random(r, o.Dim), off: 1, kind: master},
			{f: random(r, o.Dim), off: 2, kind: master}, {f: poison(o.Rows * o.Groups), private: true, kind: stat},
			{f: poison(o.Rows * o.Groups), private: true, kind: stat}},
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p := o
			p.X, p.Y, p.Gain, p.Bias, p.Stat, p.Mean = b[0], b[1], b[2], b[3], b[4], b[5]
			e.LayerNorm(&p)
			return nil
		},
		plain: func(x [][]float64) []float64 {
			for v := range o.Rows * o.Groups {
				from, to := v/o.Groups*o.StrideX+v%o.Groups*o.Dim, v/o.Groups*o.StrideY+v%o.Groups*o.Dim
				plainLayerNorm(&o, x[0][from:][:o.Dim], x[1][to:][:o.Dim], x[2], x[3])
			}
			return nil
		}}
}

func plainLayerNorm(o *engine.Norm, x, y, gain, bias []float64) {
	var mean, variance float64
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		variance += (v - mean) * (v - mean) / float64(len(x))
	}
	for i, v := range x {
		y[i] = (v-mean)/math.Sqrt(variance+o.Eps)*(gain[i]+o.PlusOne) + bias[i]
	}
}

func layerNormBackward(r *rand.Rand, o engine.Norm) check {
	dx := poison(o.Rows * o.StrideX)
	if o.Accumulate {
		dx = random(r, o.Rows*o.StrideX)
	}
	stats := o.Rows * o.Groups
	return check{name: normName(&o, "LayerNormGrad"), terms: 1,
		bufs: []data{{f: lifted(r, o.Rows*o.StrideX), off: 1}, {f: poison(o.Rows * o.StrideY)},
			{f: random(r, o.Dim), off: 1, kind: master}, {f: random(r, o.Dim), kind: master},
			{f: poison(stats), private: true, kind: stat}, {f: poison(stats), private: true, kind: stat}, {f: dx, off: 2},
			{f: random(r, o.Rows*o.StrideY), off: 1}, {f: random(r, o.Dim), off: 3, kind: master},
			{f: random(r, o.Dim), off: 1, kind: master}},
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p := o
			p.X, p.Y, p.Gain, p.Bias, p.Stat, p.Mean = b[0], b[1], b[2], b[3], b[4], b[5]
			p.DX, p.DY, p.DGain, p.DBias = b[6], b[7], b[8], b[9]
			e.LayerNorm(&p)
			e.LayerNormGrad(&p)
			return nil
		}}
}

// layerNormInPlace has DX in DY's memory.
func layerNormInPlace(r *rand.Rand, o engine.Norm) check {
	n := o.Rows * o.StrideX
	return check{name: "LayerNormGrad/in place",
		bufs: []data{{f: lifted(r, n)}, {f: poison(n)}, {f: random(r, o.Dim), kind: master},
			{f: random(r, o.Dim), kind: master}, {f: poison(o.Rows), private: true, kind: stat},
			{f: poison(o.Rows), private: true, kind: stat},
			{f: random(r, n)}, {f: random(r, o.Dim), kind: master}, {f: random(r, o.Dim), kind: master}},
		run: func(e engine.Engine, b []engine.Buf) []float64 {
			p := o
			p.X, p.Y, p.Gain, p.Bias, p.Stat, p.Mean = b[0], b[1], b[2], b[3], b[4], b[5]
			p.DX, p.DY, p.DGain, p.DBias = b[6], b[6], b[7], b[8]
			e.LayerNorm(&p)
			e.LayerNormGrad(&p)
			return nil
		}}
}

func layerNormDerivative(t Reporter, e engine.Engine, r *rand.Rand) derivative {
	o := engine.Norm{Rows: 4, Groups: 3, Dim: 5, StrideX: 15, StrideY: 15, Eps: 1e-3, PlusOne: 1,
		Stat: hold(t, e, make([]float64, 12)), Mean: hold(t, e, make([]float64, 12))}
	return derivative{name: "LayerNorm", inputs: [][]float64{lifted(r, 60), random(r, 5), random(r, 5)}, out: 60,
		forward: func(e engine.Engine, in []engine.Buf, out engine.Buf) {
			p := o
			p.X, p.Gain, p.Bias, p.Y = in[0], in[1], in[2], out
			e.LayerNorm(&p)
		},
		backward: func(e engine.Engine, in []engine.Buf, out, dout engine.Buf, din []engine.Buf) {
			p := o
			p.X, p.Gain, p.Bias, p.Y, p.DY, p.DX, p.DGain, p.DBias = in[0], in[1], in[2], out, dout, din[0], din[1], din[2]
			e.LayerNormGrad(&p)
		}}
}
