package ref

import (
	"famkit/internal/engine"
	"famkit/internal/engine/host"
)

// tileRows is how many rows of C are computed together, so that B is read from memory once for all of them.
const tileRows = 64

// MatMul computes C = op(A) op(B) + Beta*C + Bias + Add, each element summed over k in order.
func (e *Engine) MatMul(o *engine.MatMul) {
	e.rows(o.M, func(lo, hi int) {
		a, sum := make([]float64, min(tileRows, hi-lo)*o.K), make([]float64, min(tileRows, hi-lo)*o.N)
		for ; lo < hi; lo += tileRows {
			n := min(tileRows, hi-lo)
			t := tile{o, lo, n, a[:n*o.K], sum[:n*o.N]}
			t.gather()
			if o.TransB {
				t.dots(f64(o.B))
			} else {
				t.axpys(f64(o.B))
			}
			t.finish()
		}
	})
}

// Grouped computes one group after the other.
func (e *Engine) Grouped(o *engine.Grouped) { host.EachGroup(o, new(engine.MatMul), e.MatMul) }

// tile is a few rows of a product: their rows of op(A) and their sums.
type tile struct {
	*engine.MatMul
	first, rows int
	a, sum      []float64 // [rows, K], [rows, N]
}

func (t *tile) gather() {
	a := f64(t.A)
	for i := range t.rows {
		row := t.a[i*t.K:][:t.K]
		if !t.TransA {
			copy(row, a[(t.first+i)*t.LDA:])
			continue
		}
		for k := range row {
			row[k] = a[k*t.LDA+t.first+i]
		}
	}
}

// dots computes products of rows of A and rows of B, four of B at a time to hide the latency of one addition chain.
func (t *tile) dots(b []float64) {
	j := 0
	for ; j+4 <= t.N; j += 4 {
		b0, b1 := b[j*t.LDB:][:t.K], b[(j+1)*t.LDB:][:t.K]
		b2, b3 := b[(j+2)*t.LDB:][:t.K], b[(j+3)*t.LDB:][:t.K]
		for i := range t.rows {
			var s0, s1, s2, s3 float64
			for k, v := range t.a[i*t.K:][:t.K] {
				s0 += v * b0[k]
				s1 += v * b1[k]
				s2 += v * b2[k]
				s3 += v * b3[k]
			}
			sum := t.sum[i*t.N+j:][:4]
			sum[0], sum[1], sum[2], sum[3] = s0, s1, s2, s3
		}
	}
	for ; j < t.N; j++ {
		for i := range t.rows {
			t.sum[i*t.N+j] = dot(t.a[i*t.K:][:t.K], b[j*t.LDB:])
		}
	}
}

// axpys adds multiples of B's rows.
func (t *tile) axpys(b []float64) {
	clear(t.sum)
	for k := range t.K {
		row := b[k*t.LDB:][:t.N]
		for i := range t.rows {
			axpy(t.sum[i*t.N:][:t.N], t.a[i*t.K+k], row)
		}
	}
}

// finish adds what MatMul asks for beside the product.
func (t *tile) finish() {
	c, bias, add := f64(t.C), f64(t.Bias), f64(t.Add)
	for i := range t.rows {
		row := t.first + i
		out := c[row*t.LDC:][:t.N]
		for j, s := range t.sum[i*t.N:][:t.N] {
			if t.Beta != 0 {
				s += t.Beta * out[j]
			}
			if bias != nil {
				s += bias[j]
			}
			if add != nil {
				s += add[row*t.LDAdd+j]
			}
			out[j] = s
		}
	}
}

// BiasGrad adds the column sums of dY to dBias.
func (e *Engine) BiasGrad(dBias, dY engine.Buf, rows, n, stride int) {
	d, y := f64(dBias), f64(dY)
	e.rows(n, func(lo, hi int) {
		for r := range rows {
			for j := lo; j < hi; j++ {
				d[j] += y[r*stride+j]
			}
		}
	})
}
