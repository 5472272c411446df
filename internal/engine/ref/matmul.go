package ref

import "famkit/internal/engine"

// MatMul computes C = op(A) op(B) + Beta*C + Bias + Add, each element summed over k in order.
func (e *Engine) MatMul(o *engine.MatMul) {
	a, b, c := f64(o.A), f64(o.B), f64(o.C)
	bias, add := f64(o.Bias), f64(o.Add)
	e.rows(o.M, func(lo, hi int) {
		arow, sum := make([]float64, o.K), make([]float64, o.N)
		for i := lo; i < hi; i++ {
			for k := range arow {
				if o.TransA {
					arow[k] = a[k*o.LDA+i]
				} else {
					arow[k] = a[i*o.LDA+k]
				}
			}
			if o.TransB {
				dots(sum, arow, b, o.LDB)
			} else {
				axpys(sum, arow, b, o.LDB)
			}
			finishRow(o, c[i*o.LDC:i*o.LDC+o.N], sum, bias, add, i)
		}
	})
}

// finishRow adds what MatMul asks for beside the product.
func finishRow(o *engine.MatMul, c, sum, bias, add []float64, i int) {
	for j := range c {
		s := sum[j]
		if o.Beta != 0 {
			s += o.Beta * c[j]
		}
		if bias != nil {
			s += bias[j]
		}
		if add != nil {
			s += add[i*o.LDAdd+j]
		}
		c[j] = s
	}
}

// dots computes sum[j] = a . b[j], four at a time to hide the latency of one addition chain.
func dots(sum, a, b []float64, ldb int) {
	n, j := len(sum), 0
	for ; j+4 <= n; j += 4 {
		b0, b1 := b[j*ldb:][:len(a)], b[(j+1)*ldb:][:len(a)]
		b2, b3 := b[(j+2)*ldb:][:len(a)], b[(j+3)*ldb:][:len(a)]
		var s0, s1, s2, s3 float64
		for k, v := range a {
			s0 += v * b0[k]
			s1 += v * b1[k]
			s2 += v * b2[k]
			s3 += v * b3[k]
		}
		sum[j], sum[j+1], sum[j+2], sum[j+3] = s0, s1, s2, s3
	}
	for ; j < n; j++ {
		var s float64
		for k, v := range a {
			s += v * b[j*ldb+k]
		}
		sum[j] = s
	}
}

// axpys computes sum = a[0]*b[0] + a[1]*b[1] + ... over rows of b.
func axpys(sum, a, b []float64, ldb int) {
	clear(sum)
	for k, v := range a {
		for j, w := range b[k*ldb:][:len(sum)] {
			sum[j] += v * w
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
