package family

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"famkit/internal/corpus"
	"famkit/internal/fault"
	"famkit/internal/growth"
	"famkit/internal/infile"
	"famkit/internal/trainstate"
)

// inputs are what the output of a stage depends on, as names and values. Two stages with the same inputs give the same
// bytes on the same machine.
type inputs map[string]string

// key identifies inputs.
func (in inputs) key() string {
	b, err := json.Marshal(in) // in the order of the names
	if err != nil {
		panic(err) // strings marshal
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// differs says where inputs differ from older ones of the same stage. What stands before the stage counts only where
// nothing else differs.
func (in inputs) differs(was inputs) (list []string) {
	names := slices.Sorted(maps.Keys(in))
	for name := range was {
		if _, ok := in[name]; !ok {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if in[name] == was[name] || name == fromInput {
			continue
		}
		list = append(list, fmt.Sprintf("%s was %s, now %s", name, shortened(was[name]), shortened(in[name])))
	}
	if list == nil && in[fromInput] != was[fromInput] {
		list = append(list, "what it begins with")
	}
	return list
}

func shortened(v string) string {
	switch {
	case v == "":
		return "not set"
	case len(v) == 64 && strings.Trim(v, "0123456789abcdef") == "":
		return v[:idDigits] // a digest
	case len(v) > 60:
		return v[:57] + "..."
	}
	return v
}

// names of inputs that are asked for by name.
const fromInput = "from"

// idDigits is how much of a key stands in the names of files.
const idDigits = 12

// work is a stage of a plan with what identifies its output.
type work struct {
	*Stage
	inputs inputs
	key    string
	id     string // of the output: name and key
}

// works gives every stage its inputs. The data are read once, for their digest.
func (p *Plan) works(ctx context.Context) ([]*work, error) {
	r := p.recipe
	set := r.settings(r.Training.LR)
	reading := corpus.Reading{Ext: set.Ext}
	data, err := corpus.Survey(ctx, set.Data, reading)
	if err != nil {
		return nil, err
	}
	eval := ""
	if set.Eval != "" {
		held, err := corpus.Survey(ctx, []string{set.Eval}, reading)
		if err != nil {
			return nil, err
		}
		eval = held.Digest
	}
	tokenizer, err := r.tokenizerDigest()
	if err != nil {
		return nil, err
	}
	var list []*work
	keys := map[string]string{}
	for i := range p.Stages {
		w := &work{Stage: &p.Stages[i], inputs: inputs{"kind": string(p.Stages[i].Kind), "data": data.Digest}}
		switch w.Kind {
		case MakeTokenizer:
			w.inputs.add("vocab", fmt.Sprint(r.Tokenizer.Vocab), "text-field", set.TextField, "as-text", fmt.Sprint(set.AsText))
		case Train:
			w.inputs["eval data"] = eval
			p.trainInputs(w)
		case Grow:
			delete(w.inputs, "data")
			p.growInputs(w)
		}
		switch {
		case w.From != "":
			w.inputs[fromInput] = keys[w.From]
		case w.Kind == Train:
			w.inputs["config"] = trainstate.Digest(p.models[w.member].config)
			w.inputs["tokenizer"] = tokenizer
			if tokenizer == "" {
				w.inputs["tokenizer"] = keys["tokenizer"]
			}
		}
		w.key = w.inputs.key()
		w.id = w.Name + "-" + w.key[:idDigits]
		keys[w.Name] = w.key
		list = append(list, w)
	}
	return list, nil
}

func (in inputs) add(pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		in[pairs[i]] = pairs[i+1]
	}
}

// trainInputs are the settings that a training's result depends on. The data's digest stands for their paths; when it
// is saved and evaluated changes nothing.
func (p *Plan) trainInputs(w *work) {
	s := p.stageSettings(w.Stage)
	for name, v := range s.Values() {
		switch name {
		case "data", "eval", "save-every", "eval-every":
		default:
			w.inputs[name] = v
		}
	}
}

// stageSettings are the settings of a stage that trains.
func (p *Plan) stageSettings(s *Stage) trainstate.Settings {
	set := p.recipe.settings(s.Rate)
	set.Steps, set.Schedule, set.DecayFraction = s.Steps, s.Schedule, s.decay
	if p.begins(s) == Grow {
		set.HandOver = p.recipe.Growth.HandOver
	}
	if s.Schedule == trainstate.Constant {
		set.DecayFraction = trainstate.Defaults().DecayFraction // not used
	}
	return set
}

// growInputs are what a growth depends on.
func (p *Plan) growInputs(w *work) {
	q, m := p.models[w.member].request, p.models[w.member]
	w.inputs.add("sizes", sizesText(m.growth.To), "split", string(q.Split), "place", string(q.Place), "methods",
		fmt.Sprint(q.Methods),
		"pairs", fmt.Sprint(q.Pairs), "fresh", fmt.Sprint(q.Fresh), "seed", fmt.Sprint(q.Seed), "optimizer",
		p.recipe.Growth.Optimizer)
}

// tokenizerDigest identifies a tokenizer that is taken; "" where one is made.
func (r *Recipe) tokenizerDigest() (string, error) {
	if r.Tokenizer.Path == "" {
		return "", nil
	}
	path, all := r.Path(r.Tokenizer.Path), sha256.New()
	for _, name := range []string{"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"} {
		b, err := infile.Read(filepath.Join(path, name))
		if err != nil && (name == "tokenizer.json" || !errors.Is(err, fs.ErrNotExist)) {
			return "", fault.Inputf("%s: %w", r.at("tokenizer.path"), err)
		}
		_, _ = fmt.Fprintf(all, "%s %d %s\n", name, len(b), trainstate.Digest(b))
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}

// sizesText lists the sizes of a model that it has.
func sizesText(s growth.Sizes) string {
	var list []string
	for _, x := range s.List() {
		if x.Size > 0 {
			list = append(list, fmt.Sprintf("%s %d", x.Name, x.Size))
		}
	}
	return strings.Join(list, ", ")
}
