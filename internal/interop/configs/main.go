// Command configs is famkit's half of the check of its tables of config keys against transformers.
//
//	configs bases DIR               small random checkpoints of every architecture, in both spellings of the config
//	configs judge VARIANTS OUT      what famkit makes of the children that variants.py describes
//	configs table                   the rules of every architecture's keys, as JSON
//	configs compare PARENT CHILD    the facts and findings of two checkpoints
//	configs loaded FOLDER           the types in which loaders hold the weights
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/tensor"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "bases":
		return bases(args[1])
	case len(args) == 3 && args[0] == "judge":
		return judgeAll(args[1], args[2])
	case len(args) == 1 && args[0] == "table":
		return table()
	case len(args) == 3 && args[0] == "compare":
		return compare(args[1], args[2])
	case len(args) == 2 && args[0] == "loaded":
		ck, err := bind(args[1])
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(ck.LoadedAs())
	}
	return fmt.Errorf("usage: configs bases DIR | judge VARIANTS OUT | table | compare PARENT CHILD | loaded FOLDER")
}

// scaled are bases with rotary scalings that archtest's configs lack; the contexts are shorter than the sequences.
var scaled = map[string]string{
	"llama-llama3": `"model_type":"llama","rope_theta":500.0,"rope_scaling":{"rope_type":"llama3","factor":8.0,
 "low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":16}`,
	"llama-dynamic": `"model_type":"llama","rope_scaling":{"rope_type":"dynamic","factor":2.0},
 "max_position_embeddings":8`,
	"llama-longrope": `"model_type":"llama","max_position_embeddings":32,"rope_scaling":{"rope_type":"longrope",
 "short_factor":[1.0,1.5],"long_factor":[2.0,4.0],"original_max_position_embeddings":8,"factor":4.0}`,
	"qwen2-yarn": `"model_type":"qwen2","max_position_embeddings":64,"rope_scaling":{"rope_type":"yarn","factor":4.0,
 "original_max_position_embeddings":16,"beta_fast":20.0,"beta_slow":2.0}`,
	"qwen3-linear":    `"model_type":"qwen3","head_dim":4,"rope_scaling":{"rope_type":"linear","factor":3.0}`,
	"gpt_neox-linear": `"model_type":"gpt_neox","rotary_pct":0.5,"rope_scaling":{"rope_type":"linear","factor":3.0}`,
	"olmo2-linear":    `"model_type":"olmo2","rope_scaling":{"type":"linear","factor":3.0}`,
	"gemma-linear":    `"model_type":"gemma","head_dim":4,"rope_scaling":{"rope_type":"linear","factor":3.0}`,
	"mistral-yarn": `"model_type":"mistral","num_key_value_heads":2,"sliding_window":null,"head_dim":4,
 "rope_scaling":{"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":16,"mscale":1.0,
 "mscale_all_dim":0.5}`,
}

// sizes go with each of them.
const sizes = `,"hidden_size":16,"num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":4,
 "intermediate_size":20,
 "vocab_size":31,"tie_word_embeddings":false}`

// configs are archtest's and those with scalings.
func configs() map[string]string {
	all := maps.Clone(archtest.Configs)
	for name, text := range scaled {
		rest := sizes
		if strings.Contains(text, "num_key_value_heads") {
			rest = strings.Replace(rest, `"num_key_value_heads":4,`, "", 1)
		}
		all[name] = "{" + text + rest
	}
	return all
}

// bases writes a checkpoint for each of the configs.
func bases(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, config := range configs() {
		c, err := bothSpellings(config)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		src, err := archtest.Random(7, string(c.Bytes()), tensor.F32)
		if err != nil {
			return err
		}
		other, err := archtest.Random(8, string(c.Bytes()), tensor.F32)
		if err != nil {
			return err
		}
		out := format.FromTensors(nil, src.Meta(), map[string][]byte{"config.json": c.Bytes()})
		for _, n := range src.Names() {
			t, err := src.Tensor(n)
			if err != nil {
				return err
			}
			out.Add(t)
		}
		to := filepath.Join(dir, name)
		if _, err := format.Write(context.Background(), to, out, format.WriteOptions{}); err != nil {
			return err
		}
		weights := to + ".safetensors" // of another model of these sizes, for files that mislead
		if _, err := format.Write(context.Background(), weights, other, format.WriteOptions{}); err != nil {
			return err
		}
		if err := os.Rename(weights, filepath.Join(to, "model.safetensors.other")); err != nil {
			return err
		}
	}
	return nil
}

// bothSpellings is a config that transformers 4 and 5 read alike.
func bothSpellings(text string) (*arch.Config, error) {
	c, err := arch.ParseConfig([]byte(text))
	if err != nil {
		return nil, err
	}
	m, err := arch.Resolve(c)
	if err != nil {
		return nil, err
	}
	m.DType = tensor.F32
	if m.MoE != nil { // torch's grouped product wants rows of whole 16 bytes
		m.FFN, m.MoE.FFN = (m.FFN+3)/4*4, (m.MoE.FFN+3)/4*4
	}
	if err := m.Spec.Update(c, m); err != nil {
		return nil, err
	}
	if !c.Has("pad_token_id") { // the classes' own lie outside these vocabularies
		c.Set("pad_token_id", nil)
	}
	return c, nil
}

func table() error {
	all := map[string][]arch.KeyRule{}
	for _, s := range arch.Specs() {
		all[s.Name] = s.Rules()
	}
	all["generation_config.json"] = arch.GenerationRules()
	return json.NewEncoder(os.Stdout).Encode(all)
}

func compare(parent, child string) error {
	a, err := bind(parent)
	if err != nil {
		return err
	}
	b, err := bind(child)
	if err != nil {
		return err
	}
	facts, found := arch.CompareLoaded(a, b)
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{"facts": facts, "findings": found})
}

func bind(path string) (*arch.Checkpoint, error) {
	h, err := format.Open(path)
	if err != nil {
		return nil, err
	}
	return arch.Bind(h)
}

// eachLine calls f with every line of a file.
func eachLine(path string, f func([]byte) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	s := bufio.NewScanner(file)
	s.Buffer(nil, 1<<24)
	for s.Scan() {
		if err := f(s.Bytes()); err != nil {
			return err
		}
	}
	return s.Err()
}
