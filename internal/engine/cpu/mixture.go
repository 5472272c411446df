package cpu

import (
	"math"

	"famkit/internal/engine"
	"famkit/internal/engine/host"
)

// route chooses experts for rows, and takes gradients back.
type route struct {
	e              *Engine
	o              engine.Route
	z, p, w, dw, d []float32
	chosen         []int32
	grad           bool
}

func (e *Engine) routeTask(o *engine.Route, grad bool) *route {
	t := &e.tasks.route
	*t = route{e, *o, host.F32s(o.Logits), host.F32s(o.P), host.F32s(o.Weight), host.F32s(o.DWeight), host.F32s(o.DLogits),
		host.I32s(o.Chosen), grad}
	return t
}

// Route splits rows; the places are given in order by one thread.
func (e *Engine) Route(o *engine.Route) {
	t := e.routeTask(o, false)
	e.run(t, o.Rows*o.Experts*o.TopK)
	host.Places(o)
}

// RouteGrad splits rows.
func (e *Engine) RouteGrad(o *engine.Route) { e.run(e.routeTask(o, true), o.Rows*o.Experts) }

func (t *route) part(i, n int) {
	lo, hi := share(t.o.Rows, 1, i, n)
	for r := lo; r < hi; r++ {
		if t.grad {
			t.back(r)
		} else {
			t.forward(r)
		}
	}
}

func (t *route) forward(r int) {
	o := &t.o
	z, p := t.z[r*o.Experts:][:o.Experts], t.p[r*o.Experts:][:o.Experts]
	top := float32(math.Inf(-1))
	for _, v := range z {
		top = max(top, v)
	}
	for i, v := range z {
		p[i] = v - top
	}
	t.e.k.Exp(p, p)
	t.e.k.ScaledCopy(p, p, float32(1/t.e.k.Sum(p)))
	chosen, w := t.chosen[r*o.TopK:][:o.TopK], t.w[r*o.TopK:][:o.TopK]
	sum := float32(0)
	for k := range chosen {
		chosen[k] = int32(host.Best(z, chosen[:k]))
		w[k] = p[chosen[k]]
		sum += w[k]
	}
	if o.Normalise {
		t.e.k.ScaledCopy(w, w, 1/sum)
	}
}

// back does what the reference engine's RouteGrad explains.
func (t *route) back(r int) {
	o := &t.o
	w, dw, d := t.w[r*o.TopK:][:o.TopK], t.dw[r*o.TopK:][:o.TopK], t.d[r*o.Experts:][:o.Experts]
	mean := float32(0)
	for k, v := range w {
		mean += v * dw[k]
	}
	if o.Normalise {
		clear(d)
	} else {
		t.e.k.ScaledCopy(d, t.p[r*o.Experts:][:o.Experts], -mean)
	}
	for k, x := range t.chosen[r*o.TopK:][:o.TopK] {
		if o.Normalise {
			d[x] = w[k] * (dw[k] - mean)
		} else {
			d[x] = w[k]*dw[k] + d[x]
		}
	}
}

// combine adds up what the experts give.
type combine struct {
	e               *Engine
	o               engine.Combine
	x, w, y, add    []float32
	dx, dy, dweight []float32
	place           []int32
	grad            bool
}

func (e *Engine) combineTask(o *engine.Combine, grad bool) {
	e.tasks.combine = combine{e, *o, host.F32s(o.X), host.F32s(o.Weight), host.F32s(o.Y), host.F32s(o.Add),
		host.F32s(o.DX), host.F32s(o.DY), host.F32s(o.DWeight), host.I32s(o.Place), grad}
	e.run(&e.tasks.combine, o.Rows*o.TopK*o.Dim)
}

// Combine splits rows.
func (e *Engine) Combine(o *engine.Combine) { e.combineTask(o, false) }

// CombineGrad splits rows: no two of them have a place in common.
func (e *Engine) CombineGrad(o *engine.Combine) { e.combineTask(o, true) }

func (t *combine) part(i, n int) {
	lo, hi := share(t.o.Rows, 1, i, n)
	for r := lo; r < hi; r++ {
		if t.grad {
			t.back(r)
		} else {
			t.forward(r)
		}
	}
}

func (t *combine) forward(r int) {
	d, k := t.o.Dim, t.o.TopK
	y := t.y[r*d:][:d]
	if t.add == nil {
		clear(y)
	} else {
		copy(y, t.add[r*d:])
	}
	for i := r * k; i < (r+1)*k; i++ {
		x := t.x[int(t.place[i])*d:][:d]
		if t.w == nil {
			t.e.k.Add(y, x)
		} else {
			t.e.k.ScaledAdd(y, x, t.w[i])
		}
	}
}

func (t *combine) back(r int) {
	d, k := t.o.Dim, t.o.TopK
	dy := t.dy[r*d:][:d]
	for i := r * k; i < (r+1)*k; i++ {
		at := int(t.place[i]) * d
		t.dweight[i] = float32(t.e.k.Dot(dy, t.x[at:][:d]))
		t.e.k.ScaledCopy(t.dx[at:][:d], dy, t.w[i])
	}
}
