package train

import (
	"time"

	"famkit/internal/engine"
)

// How much a probe of the engine's speed may take.
const (
	probeTime  = 100 * time.Millisecond
	probeRows  = 1024
	probeBytes = 256 << 20
)

// leastSeconds is a lower bound of the time that the plan's operations take: as if all of them were one large matrix
// product of the model's own sizes, whose speed is measured. 0 where that cannot be measured.
func (r *run) leastSeconds() float64 {
	if r.e == nil || r.plan.FLOPs == 0 {
		return 0
	}
	ffn := r.model.FFN
	if ffn == 0 {
		ffn = 4 * r.model.Hidden
	}
	p := &engine.MatMul{M: min(r.s.Batch*r.s.Seq, probeRows), N: ffn, K: r.model.Hidden, TransB: true}
	p.LDA, p.LDB, p.LDC = p.K, p.K, p.N
	if int64(p.M*p.K+p.N*p.K+p.M*p.N)*8 > probeBytes {
		return 0
	}
	for _, b := range []struct {
		buf  *engine.Buf
		kind engine.Type
		n    int
	}{{&p.A, r.spec.Act, p.M * p.K}, {&p.B, r.spec.Weight, p.N * p.K}, {&p.C, r.spec.Act, p.M * p.N}} {
		var err error
		if *b.buf, err = r.e.Alloc(b.kind, b.n); err != nil {
			return 0
		}
	}
	best := 0.0
	for began := time.Now(); time.Since(began) < probeTime; {
		before := time.Now()
		r.e.MatMul(p)
		if r.e.Sync() != nil {
			return 0
		}
		best = max(best, 2*float64(p.M)*float64(p.N)*float64(p.K)/time.Since(before).Seconds())
	}
	return r.plan.FLOPs / best
}
