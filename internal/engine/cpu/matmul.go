package cpu

import (
	"famkit/internal/engine"
	"famkit/internal/engine/host"
	"famkit/internal/kern"
)

// matmul is one product cut into rows x cols rectangles, one for each thread.
type matmul struct {
	e          *Engine
	g          kern.Gemm
	rows, cols int
}

// MatMul runs on one thread below a million multiply-adds.
func (e *Engine) MatMul(o *engine.MatMul) {
	m := &e.tasks.mm
	m.e = e
	m.g = kern.Gemm{M: o.M, N: o.N, K: o.K, A: host.F32s(o.A), B: host.F32s(o.B), C: host.F32s(o.C), LDA: o.LDA,
		LDB: o.LDB, LDC: o.LDC,
		TransA: o.TransA, TransB: o.TransB, Beta: o.Beta != 0, Bias: host.F32s(o.Bias), Add: host.F32s(o.Add), LDAdd: o.LDAdd,
		BF16: e.bf16}
	if o.M*o.N*o.K < 1<<19 || e.pool.n == 1 {
		m.rows, m.cols = 1, 1
		m.part(0, 1)
		return
	}
	m.rows, m.cols = grid(&m.g, e.pool.n)
	e.pool.run(m)
}

// Grouped computes one group after the other.
func (e *Engine) Grouped(o *engine.Grouped) { host.EachGroup(o, &e.tasks.one, e.MatMul) }

// grid chooses how many bands of rows and columns to cut a product into. Each thread packs its own band of B, and of
// A where A is transposed or rounded, so the shape with the least packing wins.
func grid(g *kern.Gemm, threads int) (rows, cols int) {
	best := -1
	for r := 1; r <= threads; r++ {
		if threads%r != 0 {
			continue
		}
		c := threads / r
		cost := g.N / c // packed per k
		if g.TransA || g.BF16 {
			cost += g.M / r
		}
		if g.M < 14*r || g.N < 32*c {
			cost += g.M + g.N // slivers waste tiles
		}
		if best < 0 || cost < best {
			best, rows, cols = cost, r, c
		}
	}
	return rows, cols
}

func (m *matmul) part(i, n int) {
	if n == 1 {
		m.e.k.Gemm(&m.g, 0, m.g.M, 0, m.g.N, m.e.gemmWork[0])
		return
	}
	m0, m1 := share(m.g.M, 2, i/m.cols, m.rows)
	n0, n1 := share(m.g.N, 16, i%m.cols, m.cols)
	m.e.k.Gemm(&m.g, m0, m1, n0, n1, m.e.gemmWork[i])
}

// columns adds up rows.
type columns struct {
	e            *Engine
	dst, y       []float32
	rows, stride int
}

// BiasGrad splits columns between threads, so that each sum runs over the rows in order.
func (e *Engine) BiasGrad(dBias, dY engine.Buf, rows, n, stride int) {
	e.tasks.columns = columns{e, host.F32s(dBias)[:n], host.F32s(dY), rows, stride}
	e.run(&e.tasks.columns, rows*n)
}

func (c *columns) part(i, n int) {
	lo, hi := share(len(c.dst), 16, i, n)
	if lo < hi && c.rows > 0 {
		c.e.k.ColumnSums(c.dst[lo:hi], c.y[lo:(c.rows-1)*c.stride+hi], c.rows, c.stride)
	}
}
