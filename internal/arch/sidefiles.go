package arch

import (
	"path"
	"slices"
	"strings"
)

// FileRule says what loaders make of files of a checkpoint beside the weights that they choose.
type FileRule struct {
	// Files are patterns as path.Match has them; a folder ends in a slash.
	Files  []string
	Effect Effect
	Why    string
}

// number is the pattern of a number in the name of a shard.
const number = "[0-9][0-9][0-9][0-9][0-9]"

// fileRules are in the order in which they are tried. What transformers looks for in a folder is a closed list, which
// `make interop` takes down while it loads: config.json, generation_config.json, the weights, adapter_config.json,
// custom_generate/, and names like those of a distributed checkpoint. Nothing else is opened.
var fileRules = []FileRule{
	{[]string{ConfigFile}, Read, "key by key"},
	{[]string{GenerationFile}, Generation, "key by key"},
	{[]string{"shard-" + number + "-model-" + number + "-of-" + number + ".safetensors"}, Only,
		"transformers 5 takes the weights of a distributed checkpoint in place of model.safetensors"},
	{[]string{"adapter_config.json"}, Only, "where peft is installed, transformers puts the adapter onto the weights"},
	{[]string{"hf_quant_config.json", "quantize_config.json", "quant_config.json"}, Only,
		"some loaders take the weights for quantised by it"},
	{[]string{"custom_generate/"}, Only, "transformers runs the code in it in place of its own generate(), " +
		"transformers 4 unasked"},
	{[]string{"*.py"}, Alike, "code that config.json's auto_map may name"},
	{tokenizerFiles, Nothing, "which ids texts become, not what is computed of them"},
	{[]string{"*.safetensors", "*.index.json", "*.bin", "*.pt", "*.pth", "*.h5", "*.msgpack", "*.gguf", "*.onnx",
		"params.json"}, Nothing, "other weights, which loaders pass over beside model.safetensors"},
}

// tokenizerFiles say what texts become.
var tokenizerFiles = []string{"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
	"vocab.json", "vocab.txt", "merges.txt", "tokenizer.model", "*.tiktoken", "tekken.json", "chat_template.*"}

// OfTokenizer reports whether a file beside the weights says what texts become.
func OfTokenizer(name string) bool {
	return slices.ContainsFunc(tokenizerFiles, func(pattern string) bool {
		ok, err := path.Match(pattern, strings.ToLower(name))
		return ok && err == nil
	})
}

// otherFile is any file that no rule names.
var otherFile = FileRule{Effect: Nothing, Why: "no loader opens it"}

// FileRules lists what is known of files beside the weights.
func FileRules() []FileRule { return slices.Clone(fileRules) }

// fileRule is the rule of a file. Some file systems find a file under its name in another case.
func fileRule(name string) FileRule {
	name = strings.ToLower(name)
	for _, r := range fileRules {
		for _, p := range r.Files {
			ok, err := path.Match(p, name)
			if ok && err == nil || strings.HasSuffix(p, "/") && strings.HasPrefix(name, p) {
				return r
			}
		}
	}
	return otherFile
}
