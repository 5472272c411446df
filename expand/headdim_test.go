package expand

import (
	"math"
	"strings"
	"testing"

	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/growth"
	"famkit/internal/tensor"
)

// TestHeadDimKeepsFrequencies: every turned pair of every model stays a pair and keeps its frequency; sizes and
// scalings under which it would not are refused.
func TestHeadDimKeepsFrequencies(t *testing.T) {
	done, refused := 0, 0
	for name := range archtest.Configs {
		ck := random(t, name, tensor.F32)
		m := ck.Model
		for _, r := range []int64{2, 3, 4} {
			req := withHidden(m, Request{HeadDim: times(r), AllowInexact: true}, int(r)*m.Hidden)
			p, err := Compile(ck, req)
			if err != nil {
				refused++
				continue
			}
			done++
			if m.RotaryDim == 0 {
				continue
			}
			c := p.child
			was, err := m.RopeInvFreq()
			if err != nil {
				t.Fatal(err)
			}
			now, err := c.RopeInvFreq()
			if err != nil {
				t.Fatal(err)
			}
			src, half, to := p.Maps[arch.HeadDim].Src, m.Turned()/2, c.Turned()/2
			kept := 0
			for i, s := range src[:to] {
				switch {
				case s == growth.Fresh && src[i+to] == growth.Fresh:
				case int(src[i+to]) != int(s)+half || math.Abs(now[i]-was[s]) > 1e-12*was[s]:
					t.Errorf("%s x%d: pair %d is made of %d and %d, frequency %g of %g", name, r, i, s, src[i+to], now[i], was[s])
				default:
					kept++
				}
			}
			if kept != half {
				t.Errorf("%s x%d: %d of %d pairs are kept", name, r, kept, half)
			}
		}
	}
	if done < 30 || refused == 0 {
		t.Errorf("%d growths, %d refused: the test shows too little", done, refused)
	}
}

// TestScalingsThatDependOnSizes: yarn and dynamic scaling change with head_dim, dynamic scaling with the positions,
// too; linear scaling with neither. GPT-NeoX's rotated part may be odd.
func TestScalingsThatDependOnSizes(t *testing.T) {
	const config = `{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":32,"num_hidden_layers":1,"num_attention_heads":2,
 "num_key_value_heads":1,"head_dim":16,"intermediate_size":20,"vocab_size":31,"max_position_embeddings":64,"tie_word_embeddings":true,
 "rope_parameters":{"rope_theta":10000.0,"rope_type":"KIND","factor":4.0,"original_max_position_embeddings":16}}`
	neox := strings.Replace(archtest.Configs["gpt_neox"], `"num_attention_heads":3`, `"num_attention_heads":2`, 1)
	for _, c := range []struct {
		config string
		r      Request
		exact  bool
	}{
		{strings.Replace(config, "KIND", "linear", 1), Request{HeadDim: times(2), Positions: times(2)}, true},
		{strings.Replace(config, "KIND", "dynamic", 1), Request{HeadDim: times(2)}, false},
		{strings.Replace(config, "KIND", "dynamic", 1), Request{Positions: times(2)}, false},
		{strings.Replace(config, "KIND", "dynamic", 1), Request{FFN: times(2)}, true},
		{neox, Request{HeadDim: times(3), Hidden: times(3), Heads: to(2), KV: to(2)}, true},
	} {
		src, err := archtest.Random(1, c.config, tensor.F32)
		if err != nil {
			t.Fatal(err)
		}
		ck, err := arch.Bind(src)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Compile(ck, c.r); (err == nil) != c.exact {
			t.Errorf("%s %+v: %v, want exact %v", ck.Model.Rope.Type, c.r, err, c.exact)
		}
	}
}
