package growth

import (
	"fmt"
	"path/filepath"
	"strings"
)

// PlanFile is the name under which a plan travels in the grown checkpoint.
const PlanFile = "plan.json"

const weightsSuffix = ".safetensors"

// OutputName derives the child's path from its parent's: small/ grown to 60 layers becomes small-depth60,
// model.safetensors grown so becomes model-depth60.safetensors beside it.
func (p *Plan) OutputName(src string) string {
	src = filepath.Clean(src)
	ext := ""
	if strings.HasSuffix(src, weightsSuffix) {
		ext = weightsSuffix
	}
	return strings.TrimSuffix(src, ext) + p.suffix() + ext
}

// suffix names what grows.
func (p *Plan) suffix() string {
	short := map[string]string{
		"layers": "depth", "kv heads": "kv", "head_dim": "headdim", "top-k": "", "expert ffn": "expertffn",
	}
	var b strings.Builder
	for i, to := range p.To.List() {
		name, renamed := short[to.Name]
		if !renamed {
			name = to.Name
		}
		if name != "" && to.Size != p.From.List()[i].Size {
			fmt.Fprintf(&b, "-%s%d", name, to.Size)
		}
	}
	if b.Len() == 0 && p.Rope != nil {
		return "-" + p.Rope.Type
	}
	return b.String()
}

// PlanPath is where the plan of the checkpoint at path lies: inside a directory, beside a lone file.
func PlanPath(path string) string {
	if strings.HasSuffix(path, weightsSuffix) {
		return strings.TrimSuffix(path, weightsSuffix) + "." + PlanFile
	}
	return filepath.Join(path, PlanFile)
}
