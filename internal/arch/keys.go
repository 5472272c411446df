package arch

import (
	"bytes"

	"famkit/internal/fault"
)

// keys are what a family's config.json calls the sizes; "" where it has no such key and the size follows from others.
type keys struct {
	hidden, layers, heads, kv, headDim, ffn, maxPos, eps, act string
}

// llamaKeys are the names that Llama brought.
var llamaKeys = keys{
	hidden: "hidden_size", layers: "num_hidden_layers", heads: "num_attention_heads", kv: "num_key_value_heads",
	headDim: "head_dim", ffn: "intermediate_size", maxPos: "max_position_embeddings", eps: "rms_norm_eps",
	act: "hidden_act",
}

// gemmaKeys differ from them in the activation's name.
var gemmaKeys = func() keys {
	k := llamaKeys
	k.act = "hidden_activation"
	return k
}()

// alias gives a copy of c in which key says what its other name says. Where both are there, they must agree.
func alias(c *Config, key, other string) (*Config, error) {
	raw, ok := c.Raw(other)
	if !ok {
		return c, nil
	}
	if now, ok := c.Raw(key); ok {
		if !bytes.Equal(now, raw) {
			return nil, fault.Inputf("%s: %s says %s, but %s, another name for it, says %s",
				c.path, key, clip(now), other, clip(raw))
		}
		return c, nil
	}
	d := c.Clone()
	d.Set(key, raw)
	return d, nil
}
