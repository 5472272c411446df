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
	"os"
	"path/filepath"

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

// bases writes a checkpoint for each of archtest's configs.
func bases(dir string) error {
	for name, config := range archtest.Configs {
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
