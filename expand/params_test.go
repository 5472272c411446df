package expand

import (
	"math"
	"strconv"
	"testing"

	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/tensor"
)

// middling is large enough for shapes to come near a number of parameters.
const middling = `{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":96,"num_hidden_layers":4,"num_attention_heads":6,
 "num_key_value_heads":2,"head_dim":16,"intermediate_size":256,"vocab_size":100,"rope_theta":10000.0,"max_position_embeddings":64,"tie_word_embeddings":true}`

// TestParams: the proposal comes near the number that was asked for, keeps head_dim and what was given.
func TestParams(t *testing.T) {
	src, err := archtest.Random(1, middling, tensor.BF16)
	if err != nil {
		t.Fatal(err)
	}
	ck, err := arch.Bind(src)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []float64{1.5, 2, 3.5, 10} {
		r := Request{Params: strconv.FormatFloat(want, 'g', -1, 64) + "x"}
		for range 2 {
			p := compile(t, ck, r)
			got := float64(p.child.Params()) / float64(ck.Model.Params())
			if math.Abs(math.Log(got/want)) > 0.2 || p.To.HeadDim != p.From.HeadDim || p.To.FFN%8 != 0 {
				t.Errorf("x%g: %+v has %.2f times the parameters", want, p.To, got)
			}
			if r.Depth.Given() && p.To.Layers != 5 {
				t.Errorf("x%g: %d layers, 5 were asked for", want, p.To.Layers)
			}
			r.Depth = change(t, "+1")
		}
	}
	for _, bad := range []string{"x", "2y", "0.5x", "-3M", "NaNx"} {
		if _, err := Compile(ck, Request{Params: bad}); err == nil {
			t.Errorf("--params %s is accepted", bad)
		}
	}
}

// TestLike: the sizes of another model, which cannot be smaller.
func TestLike(t *testing.T) {
	ck := random(t, "llama", tensor.F32)
	big := compile(t, ck, Request{Depth: change(t, "2x"), Hidden: change(t, "3x"), KV: change(t, "2x"),
		FFN: change(t, "x1.5")})
	like := big.child
	p := compile(t, ck, Request{Like: like})
	if p.To != big.To {
		t.Errorf("like %+v gives %+v", big.To, p.To)
	}
	small := *like
	small.Hidden = 6
	if _, err := Compile(ck, Request{Like: &small}); err == nil {
		t.Error("a smaller model is accepted as a target")
	}
}
