package expand

import (
	"testing"

	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/growth"
	"famkit/internal/tensor"
)

// BenchmarkRows makes every byte of a grown model, one thread.
func BenchmarkRows(b *testing.B) {
	const config = `{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":512,"num_hidden_layers":1,"num_attention_heads":8,
 "num_key_value_heads":4,"head_dim":64,"intermediate_size":1536,"vocab_size":4096,"rope_theta":10000.0,"max_position_embeddings":64,"tie_word_embeddings":true}`
	src, err := archtest.Random(1, config, tensor.BF16)
	if err != nil {
		b.Fatal(err)
	}
	ck, err := arch.Bind(src)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		r    Request
	}{
		{"layers", Request{Depth: change(b, "2x")}},
		{"width", Request{Width: change(b, "2x")}},
		{"uneven", Request{Hidden: change(b, "x1.5"), FFN: change(b, "x1.5")}},
		{"padded", Request{Hidden: change(b, "x1.5"), Methods: []string{"pad"}}},
		{"shares", Request{Width: change(b, "2x"), Split: growth.SplitShares}},
		{"noise", Request{Width: change(b, "2x"), Split: growth.SplitNoise}},
		{"even", Request{Width: change(b, "2x"), Split: growth.SplitEven}},
		{"fresh", Request{Depth: change(b, "2x"), FFN: change(b, "2x"), Fresh: true, Methods: []string{"fresh"}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			out := compile(b, ck, c.r).Apply()
			buf := make([]byte, 1<<20)
			for b.Loop() {
				total := int64(0)
				for _, name := range out.Names() {
					t, err := out.Tensor(name)
					if err != nil {
						b.Fatal(err)
					}
					size := t.Info().Size()
					for off := int64(0); off < size; off += int64(len(buf)) {
						if _, err := t.ReadAt(buf[:min(int64(len(buf)), size-off)], off); err != nil {
							b.Fatal(err)
						}
					}
					total += size
				}
				b.SetBytes(total)
			}
		})
	}
}
