package convert

import (
	"bytes"
	"encoding/json"
	"iter"
	"maps"
	"strconv"
	"strings"

	"famkit/internal/fault"
)

func mapKeys[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

// tokenizerJSON writes the file that the tokenizers library reads, its keys in the library's order.
func (v *vocab) tokenizerJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`{"version":"1.0","truncation":null,"padding":null,"added_tokens":`)
	var fields = []struct {
		key   string
		value any
	}{
		{"", v.addedTokens()},
		{"normalizer", v.scheme.normalizer},
		{"pre_tokenizer", v.scheme.preTokenizer},
		{"post_processor", v.postProcessor()},
		{"decoder", v.scheme.decoder},
	}
	for _, f := range fields {
		if f.key != "" {
			b.WriteString(`,"` + f.key + `":`)
		}
		if err := writeJSON(&b, f.value); err != nil {
			return nil, fault.Failedf("%s: writing tokenizer.json: %w", v.path, err)
		}
	}
	b.WriteString(`,"model":`)
	v.writeModel(&b)
	b.WriteByte('}')
	var out bytes.Buffer
	if err := json.Indent(&out, b.Bytes(), "", "  "); err != nil {
		return nil, fault.Failedf("%s: writing tokenizer.json: %w", v.path, err)
	}
	return out.Bytes(), nil
}

func writeJSON(b *bytes.Buffer, value any) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	return e.Encode(value)
}

// addedToken is a token that is matched in the text before anything else.
type addedToken struct {
	ID         int    `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

func (v *vocab) addedTokens() []addedToken {
	list := []addedToken{}
	for id, t := range v.tokens {
		if s := v.special(id); s || v.types[id] == tokenUser {
			list = append(list, addedToken{ID: id, Content: t, Special: s})
		}
	}
	return list
}

// postProcessor puts the beginning and end tokens around a text, where the tokenizer is to do so.
func (v *vocab) postProcessor() any {
	var levels []any
	if v.scheme.byteLevel {
		levels = append(levels, part{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true})
	}
	if v.addBOS || v.addEOS {
		levels = append(levels, v.template())
	}
	switch len(levels) {
	case 0:
		return nil
	case 1:
		return levels[0]
	}
	return sequence("processors", levels...)
}

func (v *vocab) template() part {
	special := part{}
	around := func(name string, kind int) []any {
		var list []any
		token := func(id int) {
			t := v.tokens[id]
			special[t] = part{"id": t, "ids": []int{id}, "tokens": []string{t}}
			list = append(list, part{"SpecialToken": part{"id": t, "type_id": kind}})
		}
		if v.addBOS {
			token(v.bos)
		}
		list = append(list, part{"Sequence": part{"id": name, "type_id": kind}})
		if v.addEOS {
			token(v.eos)
		}
		return list
	}
	single := around("A", 0)
	return part{"type": "TemplateProcessing", "single": single, "pair": append(single[:len(single):len(single)],
		around("B", 1)...), "special_tokens": special}
}

// writeModel writes the vocabulary by id and the merges by rank. encoding/json would sort the vocabulary by token.
func (v *vocab) writeModel(b *bytes.Buffer) {
	unk := "null"
	if !v.scheme.byteLevel && v.unk >= 0 {
		unk = string(quote(v.tokens[v.unk]))
	}
	bpe := strconv.FormatBool(!v.scheme.byteLevel) // SentencePiece falls back to bytes and joins what is left unknown
	b.WriteString(`{"type":"BPE","dropout":null,"unk_token":` + unk + `,"continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":` + bpe +
		`,"byte_fallback":` + bpe + `,"ignore_merges":` + strconv.FormatBool(v.scheme.ignoreMerges) + `,"vocab":{`)
	first := true
	for id, t := range v.tokens {
		if v.padding(id) {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		b.Write(quote(t))
		b.WriteByte(':')
		b.WriteString(strconv.Itoa(id))
	}
	b.WriteString(`},"merges":[`)
	// Lines "a b" are what every version of the library reads; pairs are needed only where a token has a blank.
	pairs := v.mergesHaveBlanks()
	for i, m := range v.merges {
		if i > 0 {
			b.WriteByte(',')
		}
		if !pairs {
			b.Write(quote(m[0] + " " + m[1]))
			continue
		}
		b.WriteByte('[')
		b.Write(quote(m[0]))
		b.WriteByte(',')
		b.Write(quote(m[1]))
		b.WriteByte(']')
	}
	b.WriteString("]}")
}

func (v *vocab) mergesHaveBlanks() bool {
	for _, m := range v.merges {
		if strings.Contains(m[0], " ") || strings.Contains(m[1], " ") {
			return true
		}
	}
	return false
}
