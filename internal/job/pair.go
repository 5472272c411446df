package job

import (
	"context"
	"encoding/binary"
	"math"
	"runtime"
	"sync"

	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// Pair compares what two models say of the next token, a mean over the positions of held-out rows. p is A's
// distribution, q B's.
type Pair struct {
	A      string  `json:"a"`
	B      string  `json:"b"`
	Tokens int64   `json:"tokens"`
	KLAB   float64 `json:"kl_ab"` // KL(p || q), nats
	KLBA   float64 `json:"kl_ba"` // KL(q || p)
	Top1   float64 `json:"top1"`  // share of positions with the same most likely token
	// Acceptance is the mean of sum(min(p, q)): the probability that a token which A drafts is accepted when B checks it
	// by speculative sampling (Leviathan and others 2023, theorem 3.5).
	Acceptance float64 `json:"acceptance"`
	// PerCall is the tokens that a call of B then gives with drafts of Drafted tokens: (1 - a^(k+1)) / (1 - a), as if each
	// position were accepted with the mean probability.
	PerCall float64 `json:"tokens_per_call"`
	Drafted int     `json:"drafted"`
}

const (
	pairTokens = 16384
	drafted    = 4
)

// pair compares two models on the same rows.
func (o *EvalOptions) pair(ctx context.Context, a, b *scored, on Observer) (*Pair, error) {
	if a.held.Digest != b.held.Digest || a.ck.Model.Vocab != b.ck.Model.Vocab {
		return nil, fault.Inputf("two models are compared on the same ids of the same vocabulary: theirs differ (%d and "+
			"%d tokens)",
			a.ck.Model.Vocab, b.ck.Model.Vocab)
	}
	first, err := a.load()
	if err != nil {
		return nil, err
	}
	defer func() { _ = first.e.Close() }()
	second, err := b.load()
	if err != nil {
		return nil, err
	}
	defer func() { _ = second.e.Close() }()
	most := o.PairTokens
	if most == 0 {
		most = pairTokens
	}
	rows := max(1, most/int64(a.held.Settings.Seq))
	total := min(rows, a.held.Rows.Count()) * int64(first.seq)
	c := &comparison{}
	err = a.batches(ctx, rows, func(k int, ids, _ []int32) error {
		if err := c.add(first, second, k, ids); err != nil {
			return err
		}
		on.tell(Event{Kind: Progress, Task: "comparing neighbours", Done: c.n, Total: total, Parts: true})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.mean(), nil
}

// comparison adds up what two models say of the same positions.
type comparison struct {
	n                        int64
	klAB, klBA, accept, same float64
	la, lb                   []float32
}

func (c *comparison) mean() *Pair {
	n := float64(c.n)
	p := &Pair{Tokens: c.n, KLAB: c.klAB / n, KLBA: c.klBA / n, Top1: c.same / n, Acceptance: min(c.accept/n, 1),
		Drafted: drafted}
	for i, a := 0, 1.0; i <= drafted; i, a = i+1, a*p.Acceptance {
		p.PerCall += a
	}
	return p
}

// add runs both models on rows of ids and compares position by position.
func (c *comparison) add(a, b *runner, rows int, ids []int32) error {
	if err := a.d.Forward(rows, a.seq, ids); err != nil {
		return err
	}
	if err := b.d.Forward(rows, b.seq, ids); err != nil {
		return err
	}
	all, step := rows*a.seq, min(a.d.MaxLogitRows(), b.d.MaxLogitRows())
	for first := 0; first < all; first += step {
		k := min(step, all-first)
		var err error
		if c.la, err = a.logits(c.la, first, k); err != nil {
			return err
		}
		if c.lb, err = b.logits(c.lb, first, k); err != nil {
			return err
		}
		c.compare(k)
	}
	return nil
}

// logits gives some rows of the logits of the last pass.
func (r *runner) logits(dst []float32, first, rows int) ([]float32, error) {
	z, err := r.d.LogitRows(first, rows)
	if err != nil {
		return nil, err
	}
	n := rows * r.d.Model().Vocab
	raw := make([]byte, 4*n)
	if err := r.e.Download(raw, tensor.F32, z); err != nil {
		return nil, err
	}
	if cap(dst) < n {
		dst = make([]float32, n)
	}
	dst = dst[:n]
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return dst, nil
}

// compare adds positions, several at a time; the sums are added in their order.
func (c *comparison) compare(rows int) {
	v := len(c.la) / rows
	got := make([]position, rows)
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			for i := w; i < rows; i += workers {
				got[i] = compareAt(c.la[i*v:(i+1)*v], c.lb[i*v:(i+1)*v])
			}
		})
	}
	wg.Wait()
	for _, p := range got {
		c.n++
		c.klAB, c.klBA, c.accept = c.klAB+p.klAB, c.klBA+p.klBA, c.accept+p.accept
		if p.same {
			c.same++
		}
	}
}

type position struct {
	klAB, klBA, accept float64
	same               bool
}

// compareAt compares two distributions over the same tokens, given by logits.
func compareAt(za, zb []float32) (r position) {
	la, ia := logSum(za)
	lb, ib := logSum(zb)
	r.same = ia == ib
	for i, z := range za {
		pa, pb := float64(z)-la, float64(zb[i])-lb
		ea, eb := math.Exp(pa), math.Exp(pb)
		if ea > 0 {
			r.klAB += ea * (pa - pb)
		}
		if eb > 0 {
			r.klBA += eb * (pb - pa)
		}
		r.accept += min(ea, eb)
	}
	return r
}

// logSum is log(sum(exp(z))) and where z is largest.
func logSum(z []float32) (float64, int) {
	top, at := math.Inf(-1), 0
	for i, v := range z {
		if float64(v) > top {
			top, at = float64(v), i
		}
	}
	sum := 0.0
	for _, v := range z {
		sum += math.Exp(float64(v) - top)
	}
	return top + math.Log(sum), at
}
