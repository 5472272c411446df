package main

import (
	"strings"

	"github.com/urfave/cli/v2"
	"github.com/xrash/smetrics"
)

// commandSynonyms are words that people try for a command, from other tools.
var commandSynonyms = map[string]string{
	"grow": "expand", "enlarge": "expand", "upscale": "expand", "scale": "expand", "widen": "expand", "deepen": "expand",
	"check": "verify", "prove": "verify", "proof": "verify", "diff": "verify", "compare": "verify", "equal": "verify",
	"info": "inspect", "show": "inspect", "ls": "inspect", "dump": "inspect", "view": "inspect", "stat": "inspect",
	"cast": "convert", "quantize": "convert", "export": "convert", "copy": "convert", "shard": "convert",
	"finetune": "train", "fine-tune": "train", "pretrain": "train", "fit": "train", "resume": "train",
	"tokenize": "tokenizer", "encode": "tokenizer encode", "decode": "tokenizer decode", "run": "generate",
	"evaluate": "eval", "perplexity": "eval", "chat": "generate", "complete": "generate", "sample": "generate",
	"forward": "logits", "man": "help", "usage": "help", "topics": "help",
}

// flagSynonyms are words that people try for a flag.
var flagSynonyms = map[string]string{
	"num-layers": "depth", "num-hidden-layers": "depth", "n-layer": "depth", "hidden-size": "hidden",
	"intermediate-size": "ffn", "mlp": "ffn", "num-heads": "heads", "kv-heads": "kv", "num-experts": "experts",
	"vocab-size": "vocab", "context": "positions", "learning-rate": "lr", "batch-size": "batch", "seq-len": "seq",
	"sequence-length": "seq", "block-size": "seq", "gradient-accumulation-steps": "accum", "max-steps": "steps",
	"num-epochs": "epochs", "epoch": "epochs", "device": "engine", "overwrite": "force", "yes": "force",
	"continue": "resume", "max-shard-size": "max-shard", "torch-dtype": "dtype", "type": "dtype", "output": "out",
	"o": "out", "corpus": "data", "dataset": "data", "train-data": "data", "val": "eval", "valid": "eval",
	"verbose": "json", "silence": "quiet", "dryrun": "dry-run", "overwrite-output": "force", "tolerance": "max-ulp",
}

// nearest gives the name that was probably meant by word, or nothing: a synonym of a name, a name that begins with
// word, or one that a typing error or two away. Letters that changed places count as one error.
func nearest(word string, names []string, synonyms map[string]string) string {
	if len(word) > 40 {
		return ""
	}
	word = strings.ToLower(strings.ReplaceAll(word, "_", "-"))
	if s, ok := synonyms[word]; ok && contains(names, s) {
		return s
	}
	best, off := "", 1+(len(word)+1)/3
	for _, n := range names {
		d := typos(word, n)
		if strings.HasPrefix(n, word) && len(word) > 1 {
			d = min(d, 1)
		}
		if d < off {
			best, off = n, d
		}
	}
	return best
}

// contains also knows "tokenizer encode" where tokenizer is a name.
func contains(names []string, s string) bool {
	first, _, _ := strings.Cut(s, " ")
	for _, n := range names {
		if n == first {
			return true
		}
	}
	return false
}

// typos counts insertions, deletions, replacements and exchanges of neighbours between two words.
func typos(a, b string) int {
	d := smetrics.WagnerFischer(a, b, 1, 1, 1)
	for i := 0; i+1 < len(a); i++ {
		if a[i] != a[i+1] {
			swapped := a[:i] + string(a[i+1]) + string(a[i]) + a[i+2:]
			d = min(d, 1+smetrics.WagnerFischer(swapped, b, 1, 1, 1))
		}
	}
	return d
}

func commandNames(level []*cli.Command) []string {
	var names []string
	for _, c := range level {
		if !c.Hidden {
			names = append(names, c.Names()...)
		}
	}
	return names
}

func flagNames(flags []cli.Flag) []string {
	var names []string
	for _, f := range flags {
		for _, n := range f.Names() {
			if len(n) > 1 {
				names = append(names, n)
			}
		}
	}
	return names
}
