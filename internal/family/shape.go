package family

import (
	"math"

	"famkit/internal/fault"
)

// Shape is a Llama-type model by its sizes.
type Shape struct {
	Hidden, Layers, Heads, KVHeads, HeadDim, FFN, Vocab int
	Tied                                                bool
}

// params counts the weights: embedding and head, and in each block q, k, v, o, gate, up, down and two gains.
func (s Shape) params() float64 {
	q, kv := float64(s.Heads*s.HeadDim), float64(s.KVHeads*s.HeadDim)
	h, f := float64(s.Hidden), float64(s.FFN)
	tables := 2.0
	if s.Tied {
		tables = 1
	}
	return tables*float64(s.Vocab)*h + h + float64(s.Layers)*(2*q*h+2*kv*h+3*f*h+2*h)
}

// untiedFrom is the number of parameters from which head and embedding are two tables, as is usual.
const untiedFrom = 1e9

// shapeFor chooses the sizes of a Llama-type model of about so many parameters: heads fill the hidden size, the MLP is
// 8/3 as wide, and hidden size over depth grows with the size as it does in published models.
func shapeFor(params float64, vocab int) (Shape, error) {
	best, off := Shape{}, math.Inf(1)
	// About 24 at a hundred thousand parameters, 128 at a billion.
	aspect := 24 * math.Pow(params/1e5, math.Log(128.0/24)/math.Log(1e4))
	for hidden := 32; hidden <= 16384; hidden += 16 {
		if hidden > 1024 && hidden%128 != 0 || hidden > 256 && hidden%64 != 0 {
			continue
		}
		s := Shape{Hidden: hidden, HeadDim: headDim(hidden), Vocab: vocab, Tied: params < untiedFrom}
		if hidden%s.HeadDim != 0 {
			continue
		}
		s.Heads = hidden / s.HeadDim
		s.KVHeads = kvHeads(s.Heads)
		unit := map[bool]int{true: 256, false: 8}[hidden >= 512]
		s.FFN = (8*hidden/3 + unit - 1) / unit * unit
		for s.Layers = 1; s.Layers <= 128; s.Layers++ {
			d := math.Abs(math.Log(s.params()/params)) + 0.2*math.Abs(math.Log(float64(hidden)/float64(s.Layers)/aspect))
			if d < off {
				best, off = s, d
			}
		}
	}
	if missed := best.params() / params; missed > nominal || missed < 1/nominal {
		return best, fault.Inputf("%v: with %d tokens the nearest shape has %.3g parameters, wanted %.3g",
			fault.Arg("params"),
			vocab, best.params(), params)
	}
	return best, nil
}

func headDim(hidden int) int {
	switch {
	case hidden >= 4096:
		return 128
	case hidden >= 512:
		return 64
	case hidden >= 128:
		return 32
	}
	return 16
}

// kvHeads are as many as divide the heads: a quarter of 16 or more, half of fewer.
func kvHeads(heads int) int {
	for _, part := range []int{4, 2} {
		if heads%part == 0 && heads >= 4*part || part == 2 && heads%2 == 0 && heads >= 4 {
			return heads / part
		}
	}
	return heads
}

// config are the keys of a config.json for rows of so many tokens.
func (s Shape) config(positions int) map[string]any {
	return map[string]any{"model_type": "llama", "hidden_size": s.Hidden, "num_hidden_layers": s.Layers,
		"num_attention_heads": s.Heads, "num_key_value_heads": s.KVHeads, "head_dim": s.HeadDim, "intermediate_size": s.FFN,
		"vocab_size": s.Vocab, "tie_word_embeddings": s.Tied, "max_position_embeddings": positions}
}
