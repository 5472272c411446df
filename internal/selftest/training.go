package selftest

import (
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"

	"famkit/internal/arch"
	"famkit/internal/decoder"
	"famkit/internal/engine"
	"famkit/internal/tensor"
)

// Training is a small model trained twice on the engine, and once on the reference engine.
type Training struct {
	Steps int `json:"steps"`
	// Repeated: both trainings end with the same bits.
	Repeated bool `json:"repeated"`
	// Loss and Norm are the largest relative differences of a step's loss and gradient norm from the reference engine's.
	Loss float64 `json:"loss"`
	Norm float64 `json:"norm"`
}

// small are the models: grouped heads and a gated MLP, and a mixture of experts with norms of q and k.
var small = []string{
	`{"model_type": "llama", "vocab_size": 200, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
	"num_key_value_heads": 2, "max_position_embeddings": 64, "tie_word_embeddings": true}`,
	`{"model_type": "qwen3_moe", "vocab_size": 150, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
	"num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 64, "num_experts": 6, "num_experts_per_tok": 2,
	"moe_intermediate_size": 40, "norm_topk_prob": true}`,
}

// trainingBounds are the largest differences of loss and norm that a precision may show.
func trainingBounds(p engine.Precision) (loss, norm float64) {
	switch p {
	case engine.Float64:
		return 1e-12, 1e-12
	case engine.Float32:
		return 1e-5, 1e-4
	}
	return 2e-2, 0.15
}

const trainingSteps = 8

func (r *Report) train(c *engine.Candidate, o Options) error {
	t := &Training{Steps: trainingSteps, Repeated: true}
	for _, config := range small {
		first, sum, err := trained(c, o.Options, config)
		if err != nil {
			return fmt.Errorf("training: %w", err)
		}
		_, again, err := trained(c, o.Options, config)
		if err != nil {
			return fmt.Errorf("training: %w", err)
		}
		t.Repeated = t.Repeated && sum == again
		ref, err := engine.Choose("ref", "")
		if err != nil {
			return err
		}
		want, _, err := trained(&ref.Candidate, engine.Options{Threads: o.Threads}, config)
		if err != nil {
			return err
		}
		for i, w := range want {
			t.Loss, t.Norm = max(t.Loss, relative(first[i].Loss, w.Loss)), max(t.Norm, relative(first[i].Norm, w.Norm))
		}
	}
	r.Training = t
	if !t.Repeated {
		r.Failed = append(r.Failed, "training: a second one ends with other weights")
	}
	if loss, norm := trainingBounds(r.Precision); !(t.Loss <= loss) || !(t.Norm <= norm) {
		r.Failed = append(r.Failed, fmt.Sprintf("training: the loss is off by %.1e (allowed %.0e), the gradient norm by "+
			"%.1e (%.0e)", t.Loss, loss, t.Norm, norm))
	}
	return nil
}

// trained gives the figures of every step, and a digest of the weights after the last.
func trained(c *engine.Candidate, o engine.Options, config string) (list []decoder.Figures, sum [32]byte, err error) {
	e, err := c.Create(o)
	if err != nil {
		return nil, sum, err
	}
	defer func() { _ = e.Close() }()
	cfg, err := arch.ParseConfig([]byte(config))
	if err != nil {
		return nil, sum, err
	}
	m, err := arch.Resolve(cfg)
	if err != nil {
		return nil, sum, err
	}
	t, err := newTrainer(e, m, 2, 24)
	if err != nil {
		return nil, sum, err
	}
	for range trainingSteps {
		f, err := t.step()
		if err != nil {
			return nil, sum, err
		}
		list = append(list, f)
	}
	raw := make([]byte, 8*t.d.Weights().N)
	if err := e.Download(raw, tensor.F64, t.d.Weights()); err != nil {
		return nil, sum, err
	}
	return list, sha256.Sum256(raw), nil
}

// trainer is a decoder with random ids and AdamW.
type trainer struct {
	e            engine.Engine
	d            *decoder.Decoder
	m, v         engine.Buf
	params       []decoder.Param
	ids, targets []int32
	batch, seq   int
	number       int
	adam         engine.AdamW
}

func newTrainer(e engine.Engine, m *arch.Model, batch, seq int) (*trainer, error) {
	d, err := decoder.New(e, m, decoder.Options{Batch: batch, SeqLen: seq, Train: true})
	if err != nil {
		return nil, err
	}
	if err := d.Init(1); err != nil {
		return nil, err
	}
	t := &trainer{e: e, d: d, params: d.Params(), batch: batch, seq: seq}
	for _, b := range []*engine.Buf{&t.m, &t.v} {
		if *b, err = e.Alloc(d.Weights().Type, d.Weights().N); err != nil {
			return nil, err
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range batch * seq {
		t.ids, t.targets = append(t.ids, int32(r.IntN(m.Vocab))), append(t.targets, int32(r.IntN(m.Vocab)))
	}
	return t, nil
}

// pass runs both passes of a batch.
func (t *trainer) pass() error {
	d, layers := t.d, t.d.Model().Layers
	if err := d.SetBatch(t.batch, t.seq, t.ids, t.targets); err != nil {
		return err
	}
	d.EmbedForward()
	for l := range layers {
		d.BlockForward(l)
	}
	if err := d.HeadForward(1 / float64(len(t.ids))); err != nil {
		return err
	}
	for l := layers - 1; l >= 0; l-- {
		d.BlockBackward(l)
	}
	d.EmbedBackward()
	return nil
}

// step is one update.
func (t *trainer) step() (decoder.Figures, error) {
	const beta1, beta2 = 0.9, 0.95
	t.d.ZeroGrad()
	if err := t.pass(); err != nil {
		return decoder.Figures{}, err
	}
	t.d.Clip(1)
	t.number++
	for _, p := range t.params {
		t.adam = engine.AdamW{W: p.W, Copy: p.Copy, G: p.G, M: t.m.At(p.Off, p.W.N), V: t.v.At(p.Off, p.W.N),
			Factor: t.d.Factor(), LR: 1e-3,
			Beta1: beta1, Beta2: beta2, Eps: 1e-8, Decay: 0.1, C1: 1 - math.Pow(beta1, float64(t.number)),
			C2: 1 - math.Pow(beta2, float64(t.number))}
		t.e.AdamW(&t.adam)
	}
	return t.d.Figures()
}
