package decoder_test

import (
	"testing"

	"famkit/internal/arch"
	"famkit/internal/decoder"
	"famkit/internal/engine"
)

// BenchmarkStep is forward and backward of a Llama of 15 million parameters on 4 x 256 tokens.
func BenchmarkStep(b *testing.B) {
	benchStep(b, `{"model_type": "llama", "vocab_size": 32000, "hidden_size": 288, "intermediate_size": 768, "num_hidden_layers": 6,
		"num_attention_heads": 6, "tie_word_embeddings": true, "max_position_embeddings": 256}`)
}

// BenchmarkBlocks is the same of blocks of other kinds, with about as many multiplications for each token.
func BenchmarkBlocks(b *testing.B) {
	for name, config := range map[string]string{
		"gpt2":     `{"model_type": "gpt2", "vocab_size": 32000, "n_embd": 288, "n_layer": 6, "n_head": 6, "n_positions": 256}`,
		"gpt_neox": `{"model_type": "gpt_neox", "vocab_size": 32000, "hidden_size": 288, "intermediate_size": 1152, "num_hidden_layers": 6, "num_attention_heads": 6}`,
		"gemma2": `{"model_type": "gemma2", "vocab_size": 32000, "hidden_size": 288, "intermediate_size": 768, "num_hidden_layers": 6,
			"num_attention_heads": 6, "num_key_value_heads": 6, "head_dim": 48, "query_pre_attn_scalar": 48}`,
		"mixtral": `{"model_type": "mixtral", "vocab_size": 32000, "hidden_size": 288, "intermediate_size": 384, "num_hidden_layers": 6,
			"num_attention_heads": 6, "num_key_value_heads": 6, "num_local_experts": 8, "num_experts_per_tok": 2, "tie_word_embeddings": true}`,
	} {
		b.Run(name, func(b *testing.B) { benchStep(b, config) })
	}
}

func benchStep(b *testing.B, config string) {
	m := benchModel(b, config)
	const batch, seq = 4, 256
	d := benchDecoder(b, "cpu", m, decoder.Options{Batch: batch, SeqLen: seq, Train: true})
	ids := randomIDs(1, batch*seq, m.Vocab)
	for b.Loop() {
		d.ZeroGrad()
		if err := d.SetBatch(batch, seq, ids, ids); err != nil {
			b.Fatal(err)
		}
		d.EmbedForward()
		for l := range m.Layers {
			d.BlockForward(l)
		}
		if err := d.HeadForward(1.0 / (batch * seq)); err != nil {
			b.Fatal(err)
		}
		for l := m.Layers - 1; l >= 0; l-- {
			d.BlockBackward(l)
		}
		d.EmbedBackward()
	}
	b.ReportMetric(float64(batch*seq*b.N)/b.Elapsed().Seconds(), "tokens/s")
}

// BenchmarkLoss is the forward pass of a Llama of 135 million parameters on 64 tokens.
func BenchmarkLoss(b *testing.B) {
	m := benchModel(b, `{"model_type": "llama", "vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
		"num_attention_heads": 9, "num_key_value_heads": 3, "tie_word_embeddings": true, "max_position_embeddings": 2048}`)
	const batch, seq = 1, 64
	for _, name := range []string{"ref", "cpu"} {
		b.Run(name, func(b *testing.B) {
			d := benchDecoder(b, name, m, decoder.Options{Batch: batch, SeqLen: seq})
			ids := randomIDs(1, batch*seq, m.Vocab)
			for b.Loop() {
				if _, _, err := d.Loss(batch, seq, ids, ids); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(batch*seq*b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

func benchModel(b *testing.B, config string) *arch.Model {
	b.Helper()
	cfg, err := arch.ParseConfig([]byte(config))
	if err != nil {
		b.Fatal(err)
	}
	m, err := arch.Resolve(cfg)
	if err != nil {
		b.Fatal(err)
	}
	return m
}

func benchDecoder(b *testing.B, name string, m *arch.Model, o decoder.Options) *decoder.Decoder {
	b.Helper()
	e, err := engine.New(name, engine.Options{})
	if err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() { _ = e.Close() })
	d, err := decoder.New(e, m, o)
	if err != nil {
		b.Fatal(err)
	}
	if err := d.Init(1); err != nil {
		b.Fatal(err)
	}
	return d
}
