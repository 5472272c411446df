package convert

import (
	"strings"
	"unicode"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/fault"
)

// ggufFiles builds the side files that transformers wants beside the weights.
func ggufFiles(meta *format.GGUFMeta, m *arch.Model) (map[string][]byte, error) {
	config, err := arch.NewConfig(m)
	if err != nil {
		return nil, fault.Inputf("%s: %w", meta.Path(), err)
	}
	r := &ggufReader{GGUFMeta: meta}
	pad, eot := r.ids("padding"), r.ids("eot")
	if pad != nil {
		config.Set("pad_token_id", pad[0])
	}
	generation := arch.EmptyConfig()
	generation.Set("_from_model_config", true)
	if m.BOS != nil {
		generation.Set("bos_token_id", m.BOS[0])
	}
	switch {
	case m.EOS != nil && eot != nil && eot[0] != m.EOS[0]:
		generation.Set("eos_token_id", []int{m.EOS[0], eot[0]}) // a chat turn ends with a token of its own
	case m.EOS != nil:
		generation.Set("eos_token_id", m.EOS[0])
	}
	if pad != nil {
		generation.Set("pad_token_id", pad[0])
	}
	if r.err != nil {
		return nil, r.err
	}
	files := map[string][]byte{
		"config.json":            config.Bytes(),
		"generation_config.json": generation.Bytes(),
	}
	return files, tokenizerFiles(files, meta, m)
}

// chatTemplates adds the template of conversations and those with a name of their own, as transformers lays them out.
func chatTemplates(files map[string][]byte, meta *format.GGUFMeta) error {
	const template = "tokenizer.chat_template"
	for _, key := range meta.Keys() {
		name, ok := strings.CutPrefix(key, template)
		file := "chat_template.jinja"
		switch {
		case !ok || name != "" && name[0] != '.':
			continue
		case name != "":
			file = "additional_chat_templates/" + name[1:] + ".jinja"
			if strings.ContainsFunc(name[1:], func(r rune) bool {
				return r != '_' && r != '-' && !unicode.IsLetter(r) &&
					!unicode.IsDigit(r)
			}) || name == "." {
				return fault.Inputf("%s: metadata key %q: wanted a name of letters, digits, - and _ for the template", meta.Path(),
					key)
			}
		}
		text, err := meta.Str(key)
		if err != nil {
			return err
		}
		files[file] = []byte(text)
	}
	return nil
}

// tokenizerFiles adds the tokenizer's files where the metadata has a tokenizer.
func tokenizerFiles(files map[string][]byte, meta *format.GGUFMeta, m *arch.Model) error {
	if err := chatTemplates(files, meta); err != nil {
		return err
	}
	if kind := meta.Show(tokenizerModel); kind == "" || kind == "none" || kind == "no_vocab" {
		return nil
	}
	v, err := readVocab(meta, m.Vocab)
	if err != nil {
		return err
	}
	if files["tokenizer.json"], err = v.tokenizerJSON(); err != nil {
		return err
	}
	special := arch.EmptyConfig()
	config := arch.EmptyConfig()
	for _, t := range []struct {
		key string
		id  int
	}{{"bos_token", v.bos}, {"eos_token", v.eos}, {"pad_token", v.pad}, {"unk_token", v.unk}} {
		if t.id >= 0 {
			special.Set(t.key, v.tokens[t.id])
			config.Set(t.key, v.tokens[t.id])
		}
	}
	config.Set("clean_up_tokenization_spaces", false)
	config.Set("model_max_length", m.MaxPos)
	// The one class that transformers 4 and 5 both take to mean: tokenizer.json as it stands. It must not be told
	// add_bos_token, which would make transformers 5 replace the post-processor.
	config.Set("tokenizer_class", "PreTrainedTokenizerFast")
	files["special_tokens_map.json"] = special.Bytes()
	files["tokenizer_config.json"] = config.Bytes()
	return nil
}
