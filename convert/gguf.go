package convert

import (
	"fmt"
	"slices"
	"strings"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// ropeFreqs is the one tensor of a GGUF file that becomes a part of config.json.
const ropeFreqs = "rope_freqs.weight"

// FromGGUF gives a GGUF file its Hugging Face form: tensor names, the row order of q and k, config.json,
// generation_config.json and the tokenizer's files. A file with quantised tensors becomes float32, in any other each
// tensor keeps its type; the config's dtype is the type of all tensors, or float32 where they differ, so that loading
// rounds nothing.
// Refused with kind Input: what is no GGUF file, architectures other than llama, qwen2 and qwen3, tensors that the
// architecture does not have, lacks or has in another shape, quantised types that cannot be read, tokenizers of
// unknown parts.
func FromGGUF(h format.Handle) (format.Source, error) {
	meta, ok := format.GGUF(h)
	if !ok {
		return nil, fault.Inputf("%s: wanted a GGUF file", h.Path())
	}
	stored := make(map[string]format.GGUFTensor)
	for _, t := range meta.Tensors() {
		if !t.Type.Readable() {
			return nil, format.UnreadableGGUF(meta.Path(), t.Name, t.Type)
		}
		stored[t.Name] = t
	}
	m, err := ggufModel(meta, stored)
	if err != nil {
		return nil, err
	}
	if stored[ropeFreqs].Name != "" {
		if err := ropeFromFreqs(h, m); err != nil {
			return nil, err
		}
	}
	tensors, err := ggufTensors(h, meta, m, stored)
	if err != nil {
		return nil, err
	}
	m.DType = commonType(tensors)
	if quantised(meta) {
		tensors = widened(tensors, m.DType)
	}
	files, err := ggufFiles(meta, m)
	if err != nil {
		return nil, err
	}
	return format.FromTensors(tensors, map[string]string{"format": "pt"}, files), nil
}

func quantised(meta *format.GGUFMeta) bool {
	return slices.ContainsFunc(meta.Tensors(), func(t format.GGUFTensor) bool { return t.Type.Quantised() })
}

// widened gives all tensors the type to, which holds them exactly.
func widened(tensors []tensor.Tensor, to tensor.DType) []tensor.Tensor {
	list := slices.Clone(tensors)
	for i, t := range list {
		list[i] = castTo(t, to, nil)
	}
	return list
}

// commonType is the type that all tensors have, else float32, which holds all of them exactly (float64 if one needs
// it).
func commonType(tensors []tensor.Tensor) tensor.DType {
	all := tensors[0].Info().DType
	for _, t := range tensors {
		switch d := t.Info().DType; {
		case d == tensor.F64:
			return d
		case d != all:
			all = tensor.F32
		}
	}
	return all
}

// ggufRoles are llama.cpp's names of the tensors, without ".weight" and ".bias".
var ggufRoles = map[arch.Role]string{
	arch.Embed: "token_embd", arch.FinalNorm: "output_norm", arch.Head: "output",
	arch.AttnNorm: "blk.%d.attn_norm", arch.MLPNorm: "blk.%d.ffn_norm",
	arch.Q: "blk.%d.attn_q", arch.K: "blk.%d.attn_k", arch.V: "blk.%d.attn_v", arch.O: "blk.%d.attn_output",
	arch.QNorm: "blk.%d.attn_q_norm", arch.KNorm: "blk.%d.attn_k_norm",
	arch.Gate: "blk.%d.ffn_gate", arch.Up: "blk.%d.ffn_up", arch.Down: "blk.%d.ffn_down",
}

// ggufName is llama.cpp's name of a tensor.
func ggufName(role arch.Role, layer int) string {
	base, bias := strings.CutSuffix(string(role), string(arch.Role("").Bias()))
	name := ggufRoles[arch.Role(base)]
	if layer >= 0 {
		name = fmt.Sprintf(name, layer)
	}
	if bias {
		return name + ".bias"
	}
	return name + ".weight"
}

// ggufTensors binds every tensor that the model has to the file's, and reports all that does not fit in one error.
func ggufTensors(h format.Handle, meta *format.GGUFMeta, m *arch.Model,
	stored map[string]format.GGUFTensor) ([]tensor.Tensor, error) {
	var list []tensor.Tensor
	var faults []string
	used := map[string]bool{ropeFreqs: true}
	for _, slot := range m.Layout() {
		name := ggufName(slot.Spec.Role, slot.Layer)
		used[name] = true
		if stored[name].Name == "" {
			faults = append(faults, fmt.Sprintf("tensor %q is missing, wanted %v", name, slot.Shape))
			continue
		}
		t, err := h.Tensor(name)
		if err != nil {
			return nil, err
		}
		info := t.Info()
		switch {
		case !slices.Equal(info.Shape, slot.Shape):
			faults = append(faults, fmt.Sprintf("tensor %q: wanted shape %v, found %v", name, slot.Shape, info.Shape))
			continue
		case !info.DType.Real():
			faults = append(faults, fmt.Sprintf("tensor %q: wanted floating point numbers, found %s", name, info.DType))
			continue
		}
		list = append(list, hfTensor(t, m, slot))
	}
	for _, t := range meta.Tensors() {
		if !used[t.Name] {
			faults = append(faults, fmt.Sprintf("tensor %q is not part of a %s model", t.Name, m.Spec.Name))
		}
	}
	if len(faults) > 0 {
		return nil, refuseAll(meta.Path(), faults)
	}
	return list, nil
}

// refuseAll lists the faults of a file, the first few in full.
func refuseAll(path string, faults []string) error {
	const most = 8
	more := ""
	if n := len(faults) - most; n > 0 {
		faults, more = faults[:most], fmt.Sprintf("; and %d more", n)
	}
	return fault.Inputf("%s: %s%s", path, strings.Join(faults, "; "), more)
}

// hfTensor renames a tensor and, where llama.cpp stores the rows of q and k in its own order, puts them back.
func hfTensor(t tensor.Tensor, m *arch.Model, slot arch.Slot) tensor.Tensor {
	info := t.Info()
	info.Name = slot.Name
	named := renamed{t, info}
	heads := 0
	switch slot.Spec.Role {
	case arch.Q, arch.Q.Bias():
		heads = m.Heads
	case arch.K, arch.K.Bias():
		heads = m.KVHeads
	}
	if heads == 0 || m.Spec.Name != "llama" && m.Spec.Name != "mistral" {
		return named
	}
	return unpermute(named, m.HeadDim)
}

// renamed is a tensor under another name.
type renamed struct {
	tensor.Tensor
	info tensor.Info
}

func (t renamed) Info() tensor.Info { return t.info }
