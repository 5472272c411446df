package selftest

import (
	"errors"
	"fmt"
	"time"

	"famkit/internal/arch"
	"famkit/internal/decoder"
	"famkit/internal/engine"
)

// Product is the speed of a product of two square matrices.
type Product struct {
	Size   int     `json:"size"`
	TFLOPS float64 `json:"tflops"`
}

// Step is the speed of a training step. MFU is the part of the fastest product's speed that 6N + 6LCT operations a
// token come to, N without the embedding where the head is apart from it, C the width of the heads.
type Step struct {
	Model     string  `json:"model"`
	Params    int64   `json:"params"`
	Batch     int     `json:"batch"`
	Seq       int     `json:"seq"`
	Seconds   float64 `json:"seconds"`
	TokensSec float64 `json:"tokens_per_second"`
	MFU       float64 `json:"mfu"`
	Memory    int64   `json:"memory"`
}

// productSizes are measured as far as a fourth of the memory holds three such matrices, and on a processor as far as
// a second's work.
var productSizes = []int{512, 1024, 2048, 4096, 8192}

const mostOnHost = 1024

func (r *Report) multiply(c *engine.Candidate, o Options) error {
	e, err := c.Create(o.Options)
	if err != nil {
		return err
	}
	defer func() { _ = e.Close() }()
	spec := e.Spec()
	for _, n := range productSizes {
		if bytes := int64(3 * n * n * spec.Act.Size()); bytes > e.Available()/4 && e.Available() > 0 || spec.HostMemory &&
			n > mostOnHost || o.Largest > 0 && n > o.Largest {
			r.NotRun = append(r.NotRun, fmt.Sprintf("products of %d x %d", n, n))
			continue
		}
		p := &engine.MatMul{M: n, N: n, K: n, LDA: n, LDB: n, LDC: n, TransB: true}
		for _, b := range []struct {
			buf  *engine.Buf
			kind engine.Type
		}{{&p.A, spec.Act}, {&p.B, spec.Weight}, {&p.C, spec.Act}} {
			if *b.buf, err = e.Alloc(b.kind, n*n); err != nil {
				return err
			}
		}
		seconds, err := timed(func() error { e.MatMul(p); return nil }, e.Sync, 100*time.Millisecond)
		if err != nil {
			return err
		}
		r.Products = append(r.Products, Product{n, 2 * float64(n) * float64(n) * float64(n) / seconds / 1e12})
	}
	return nil
}

// timed gives the seconds that one call takes, of enough calls to fill the time after two that warm up.
func timed(f, wait func() error, least time.Duration) (float64, error) {
	run := func(n int) (float64, error) {
		began := time.Now()
		for range n {
			if err := f(); err != nil {
				return 0, err
			}
		}
		err := wait()
		return time.Since(began).Seconds(), err
	}
	if _, err := run(1); err != nil { // the first is slow everywhere
		return 0, err
	}
	once, err := run(1)
	if err != nil {
		return 0, err
	}
	n := max(1, min(100, int(least.Seconds()/once)))
	all, err := run(n)
	return all / float64(n), err
}

// models whose steps are timed on devices.
var models = []struct{ name, config string }{
	{"124M", `{"model_type": "llama", "vocab_size": 50304, "hidden_size": 768, "intermediate_size": 2048, "num_hidden_layers": 12,
	"num_attention_heads": 12, "num_key_value_heads": 12, "max_position_embeddings": 2048, "tie_word_embeddings": true}`},
	{"1.1B", `{"model_type": "llama", "vocab_size": 32000, "hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 22,
	"num_attention_heads": 32, "num_key_value_heads": 4, "max_position_embeddings": 2048, "tie_word_embeddings": false}`},
}

const stepSeq = 2048

func (r *Report) step(c *engine.Candidate, o Options) error {
	var all []error
	for _, m := range models {
		if err := r.stepOf(c, o, m.name, m.config); err != nil {
			all = append(all, fmt.Errorf("step of %s: %w", m.name, err))
		}
	}
	return errors.Join(all...)
}

func (r *Report) stepOf(c *engine.Candidate, o Options, name, config string) error {
	cfg, err := arch.ParseConfig([]byte(config))
	if err != nil {
		return err
	}
	m, err := arch.Resolve(cfg)
	if err != nil {
		return err
	}
	e, err := c.Create(o.Options)
	if err != nil {
		return err
	}
	defer func() { _ = e.Close() }()
	spec := e.Spec()
	if spec.HostMemory {
		r.NotRun = append(r.NotRun, fmt.Sprintf("step of %s: for devices only", name))
		return nil
	}
	need, batch := int64(0), 16
	for ; batch > 0; batch /= 2 {
		n := decoder.Plan(m, spec, decoder.Options{Batch: batch, SeqLen: stepSeq, Train: true})
		if need = n.Total() + 2*n.Weights; need < e.Available() {
			break
		}
	}
	if batch == 0 {
		r.NotRun = append(r.NotRun, fmt.Sprintf("step of %s: %d bytes of memory wanted, %d available", name, need,
			e.Available()))
		return nil
	}
	t, err := newTrainer(e, m, batch, stepSeq)
	if err != nil {
		return err
	}
	seconds, err := timed(func() error { _, err := t.step(); return err }, e.Sync, 3*time.Second)
	if err != nil {
		return err
	}
	tokens, peak := float64(batch*stepSeq)/seconds, 0.0
	for _, p := range r.Products {
		peak = max(peak, p.TFLOPS*1e12)
	}
	multiplied := m.Params()
	if !m.Tied {
		multiplied -= int64(m.Vocab) * int64(m.Hidden)
	}
	operations := 6*float64(multiplied) + 6*float64(m.Layers*m.Heads*m.HeadDim*stepSeq)
	r.Steps = append(r.Steps, Step{name, m.Params(), batch, stepSeq, seconds, tokens, tokens * operations / peak, need})
	return nil
}
