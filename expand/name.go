package expand

import (
	"fmt"
	"path/filepath"
	"strings"
)

// OutputName derives a name for the grown checkpoint from its parent's path and the sizes that change:
// model.safetensors grown in depth becomes model-depth60.safetensors beside it.
func (p *Plan) OutputName(src string) string {
	src = filepath.Clean(src)
	ext := ""
	if strings.HasSuffix(src, weightsSuffix) {
		ext = weightsSuffix
	}
	return strings.TrimSuffix(src, ext) + p.suffix() + ext
}

func (p *Plan) suffix() string {
	var b strings.Builder
	for _, s := range []struct {
		name     string
		from, to int
	}{
		{"depth", p.From.Layers, p.To.Layers}, {"hidden", p.From.Hidden, p.To.Hidden}, {"ffn", p.From.FFN, p.To.FFN},
		{"heads", p.From.Heads, p.To.Heads}, {"kv", p.From.KVHeads, p.To.KVHeads}, {"headdim", p.From.HeadDim, p.To.HeadDim},
		{"vocab", p.From.Vocab, p.To.Vocab}, {"positions", p.From.Positions, p.To.Positions},
		{"experts", p.From.Experts, p.To.Experts}, {"expertffn", p.From.ExpertFFN, p.To.ExpertFFN},
	} {
		if s.from != s.to {
			fmt.Fprintf(&b, "-%s%d", s.name, s.to)
		}
	}
	if b.Len() == 0 && p.Rope != nil {
		return "-" + p.Rope.Type
	}
	return b.String()
}

const weightsSuffix = ".safetensors"

// PlanPath is where the plan of the checkpoint at path lies: inside a directory, beside a lone file.
func PlanPath(path string) string {
	if strings.HasSuffix(path, weightsSuffix) {
		return strings.TrimSuffix(path, weightsSuffix) + "." + PlanFile
	}
	return filepath.Join(path, PlanFile)
}
