package job

import (
	"context"
	"encoding/json"
	"slices"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/engine"
	"famkit/internal/fault"
	"famkit/internal/generate"
	"famkit/internal/tokenizer"
)

const generationFile = "generation_config.json"

// GenerateOptions say what Generate continues and how.
type GenerateOptions struct {
	Model  string
	Prompt string
	// PromptIDs are taken instead of the prompt where they are not nil: a model without a tokenizer continues those.
	PromptIDs []int32
	Tokenizer string // tokenizer.json or the folder that has it, "": the model's own
	MaxTokens int
	// Set are the settings that the user chose, by name; the others are those of generation_config.json.
	Sampling generate.Sampling
	Set      func(name string) bool
	IgnoreEOS,
	ShowSpecial bool // special tokens are part of the text
	// Plain runs the whole sequence for every token, without kept keys and values.
	Plain             bool
	Engine, Precision string
	Threads           int
	// Text is told the text as it comes, where there is a tokenizer.
	Text func(string) error
}

// Generation is the result of Generate.
type Generation struct {
	Schema    int     `json:"schema"`
	Model     string  `json:"model"`
	PromptIDs []int32 `json:"prompt_ids"`
	IDs       []int32 `json:"ids"`
	// Text is nil without a tokenizer.
	Text *string `json:"text"`
	// Finish is "stop" where the model ended the text, "length" where the tokens or positions ran out.
	Finish   string            `json:"finish_reason"`
	Sampling generate.Sampling `json:"sampling"`
	Stop     []int32           `json:"stop_ids"`
	Engine   string            `json:"engine"`
	// Prefill and Decode are the seconds that the prompt and the new tokens took.
	Prefill float64 `json:"prefill_seconds"`
	Decode  float64 `json:"decode_seconds"`
}

// Generate continues a prompt with a model.
func Generate(ctx context.Context, o GenerateOptions, on Observer) (*Generation, error) {
	how, err := chooseEngine(o.Engine, o.Precision)
	if err != nil {
		return nil, err
	}
	h, ck, err := openToRun(&o.Model, "it cannot be run", on)
	if err != nil {
		return nil, err
	}
	defer func() { _ = h.Close() }()
	g := &generating{o: o, ck: ck, on: on, model: o.Model}
	if err := g.settings(h); err != nil {
		return nil, err
	}
	if err := g.readPrompt(h); err != nil {
		return nil, err
	}
	e, err := how.Create(engine.Options{Threads: o.Threads})
	if err != nil {
		return nil, err
	}
	defer func() { _ = e.Close() }()
	return g.run(ctx, e)
}

// generating is one call of Generate.
type generating struct {
	o      GenerateOptions
	model  string
	ck     *arch.Checkpoint
	on     Observer
	tok    *tokenizer.Tokenizer // nil: there is none
	prompt []int32
	stop   []int32
}

// generationConfig is what generation_config.json says of sampling and stopping.
type generationConfig struct {
	DoSample          bool            `json:"do_sample"`
	Temperature       *float64        `json:"temperature"`
	TopK              *int            `json:"top_k"`
	TopP              *float64        `json:"top_p"`
	RepetitionPenalty *float64        `json:"repetition_penalty"`
	EOS               json.RawMessage `json:"eos_token_id"`
}

// settings completes what was not given from the model's files. Whoever gives a setting of sampling wants to sample.
func (g *generating) settings(src format.Source) error {
	var file generationConfig
	if b, ok := format.ReadFile(src, generationFile); ok {
		if err := json.Unmarshal(b, &file); err != nil {
			return fault.Inputf("%s: %s: %w", g.model, generationFile, err)
		}
	}
	s, set := &g.o.Sampling, g.o.Set
	if !slices.ContainsFunc([]string{"temperature", "top-k", "top-p", "seed", "greedy"}, set) {
		s.Greedy = !file.DoSample
	}
	if file.DoSample {
		take(set("temperature"), &s.Temperature, file.Temperature)
		take(set("top-k"), &s.TopK, file.TopK)
		take(set("top-p"), &s.TopP, file.TopP)
	}
	take(set("repetition-penalty"), &s.RepetitionPenalty, file.RepetitionPenalty)
	if err := s.Check(); err != nil {
		return err
	}
	g.stop = []int32{}
	if g.o.IgnoreEOS {
		return nil
	}
	ids, err := idList(file.EOS)
	if err != nil {
		return fault.Inputf("%s: %s: eos_token_id: %w", g.model, generationFile, err)
	}
	if ids == nil {
		ids = g.ck.Model.EOS
	}
	for _, id := range ids {
		g.stop = append(g.stop, int32(id))
	}
	return nil
}

func take[T any](given bool, to *T, from *T) {
	if !given && from != nil {
		*to = *from
	}
}

// idList reads a number or a list of numbers; null and nothing are no list.
func idList(raw json.RawMessage) ([]int, error) {
	if raw == nil || string(raw) == "null" {
		return nil, nil
	}
	var one int
	if json.Unmarshal(raw, &one) == nil {
		return []int{one}, nil
	}
	var list []int
	err := json.Unmarshal(raw, &list)
	return list, err
}

// readPrompt turns the prompt into ids, with the tokens that the tokenizer puts around a text.
func (g *generating) readPrompt(src format.Source) (err error) {
	o := &g.o
	_, own := format.ReadFile(src, tokenizerFile)
	switch {
	case o.Tokenizer != "":
		g.tok, err = OpenTokenizer(o.Tokenizer, g.on)
	case own:
		var at string
		if at, err = home(g.model, src); err == nil {
			g.tok, err = OpenTokenizer(at, g.on)
		}
	case o.PromptIDs == nil:
		return fault.Hint(fault.Inputf("%s: has no %s", g.model, tokenizerFile), "%v names one, %v gives ids",
			fault.Arg("tokenizer", "DIR"), fault.Arg("prompt-ids", "LIST"))
	}
	if err != nil {
		return err
	}
	g.prompt = o.PromptIDs
	if g.prompt == nil {
		if g.prompt, err = g.tok.Encode(o.Prompt, true); err != nil {
			return err
		}
		g.prompt = trimEnd(g.prompt, g.stop, len(o.Prompt))
	}
	m := g.ck.Model
	if len(g.prompt) == 0 {
		return fault.Hint(fault.Inputf("the prompt is empty and %s begins no text with a token of its own", tokenizerFile),
			"%v gives at least one", fault.Arg("prompt", "TEXT"))
	}
	for i, id := range g.prompt {
		if id < 0 || int(id) >= m.Vocab {
			return fault.Inputf("the prompt's token %d has id %d, outside the vocabulary of %d", i, id, m.Vocab)
		}
	}
	switch {
	case m.LearnedPos && len(g.prompt) > m.MaxPos:
		return fault.Inputf("a prompt of %d tokens: the model has learned %d positions", len(g.prompt), m.MaxPos)
	case m.MaxPos > 0 && len(g.prompt)+o.MaxTokens > m.MaxPos && !m.LearnedPos:
		g.on.warn("%d tokens and %d new ones are more than the model's max_position_embeddings of %d", len(g.prompt),
			o.MaxTokens,
			m.MaxPos)
	}
	return nil
}

// trimEnd leaves out a token that ends the text, where the tokenizer puts one behind every text: there would be
// nothing to continue.
func trimEnd(ids, stop []int32, text int) []int32 {
	if n := len(ids); n > 1 && text > 0 && slices.Contains(stop, ids[n-1]) {
		return ids[:n-1]
	}
	return ids
}

func (g *generating) run(ctx context.Context, e engine.Engine) (*Generation, error) {
	positions := len(g.prompt) + g.o.MaxTokens
	if m := g.ck.Model; m.LearnedPos {
		positions = min(positions, m.MaxPos)
	}
	gen, err := generate.New(e, g.ck, positions, g.o.Plain)
	if err != nil {
		return nil, err
	}
	var text []byte
	show := func(s string, err error) error {
		if err != nil || s == "" {
			return err
		}
		text = append(text, s...)
		if g.o.Text != nil {
			return g.o.Text(s)
		}
		return nil
	}
	var emit func(int32) error
	var stream *generate.Stream
	if g.tok != nil {
		stream = generate.NewStream(g.tok, g.known(), g.o.ShowSpecial)
		emit = func(id int32) error { return show(stream.Add(id)) }
	}
	got, err := gen.Run(ctx, g.prompt, generate.Options{Sampling: g.o.Sampling, MaxTokens: g.o.MaxTokens, Stop: g.stop},
		emit)
	if err != nil {
		return nil, err
	}
	r := &Generation{Schema: 1, Model: g.model, PromptIDs: g.prompt, IDs: got.IDs, Finish: got.Finish,
		Sampling: g.o.Sampling,
		Stop:     g.stop, Engine: e.Name(), Prefill: got.Prefill, Decode: got.Decode}
	if stream != nil {
		if err := show(stream.End()); err != nil {
			return nil, err
		}
		s := string(text)
		r.Text = &s
	}
	return r, nil
}

// known are the prompt's ids that a token has.
func (g *generating) known() []int32 {
	return slices.DeleteFunc(slices.Clone(g.prompt), func(id int32) bool {
		_, ok := g.tok.Token(id)
		return !ok
	})
}
