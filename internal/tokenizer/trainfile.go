package tokenizer

import (
	"bytes"
	"encoding/json"
	"slices"
)

// orderedVocab is written in the order of the ids.
type orderedVocab []string

// MarshalJSON writes the object token by token; a map would be sorted by name.
func (v orderedVocab) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for id, token := range v {
		if id > 0 {
			b.WriteByte(',')
		}
		name, err := marshalPlain(token, "")
		if err != nil {
			return nil, err
		}
		b.Write(bytes.TrimSpace(name))
		b.WriteByte(':')
		number, err := json.Marshal(id)
		if err != nil {
			return nil, err
		}
		b.Write(number)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// marshalPlain is JSON with <, > and & as they are.
func marshalPlain(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	err := enc.Encode(v)
	return b.Bytes(), err
}

type trainedByteLevel struct {
	Type           string `json:"type"`
	AddPrefixSpace bool   `json:"add_prefix_space"`
	TrimOffsets    bool   `json:"trim_offsets"`
	UseRegex       bool   `json:"use_regex"`
}

type trainedModel struct {
	Type         string       `json:"type"`
	Dropout      *float64     `json:"dropout"`
	UnkToken     *string      `json:"unk_token"`
	Prefix       *string      `json:"continuing_subword_prefix"`
	Suffix       *string      `json:"end_of_word_suffix"`
	FuseUnk      bool         `json:"fuse_unk"`
	ByteFallback bool         `json:"byte_fallback"`
	IgnoreMerges bool         `json:"ignore_merges"`
	Vocab        orderedVocab `json:"vocab"`
	Merges       [][2]string  `json:"merges"`
}

type trainedDigits struct {
	Type             string `json:"type"`
	IndividualDigits bool   `json:"individual_digits"`
}

type trainedSequence struct {
	Type          string `json:"type"`
	Pretokenizers []any  `json:"pretokenizers"`
}

type trainedFile struct {
	Version       string           `json:"version"`
	Truncation    *struct{}        `json:"truncation"`
	Padding       *struct{}        `json:"padding"`
	AddedTokens   []addedToken     `json:"added_tokens"`
	Normalizer    *struct{}        `json:"normalizer"`
	PreTokenizer  trainedSequence  `json:"pre_tokenizer"`
	PostProcessor *struct{}        `json:"post_processor"`
	Decoder       trainedByteLevel `json:"decoder"`
	Model         trainedModel     `json:"model"`
}

// file is the tokenizer.json of what was trained, in the library's order of keys.
func (tr *trainer) file(specials []string) ([]byte, error) {
	level := trainedByteLevel{Type: "ByteLevel", TrimOffsets: true, UseRegex: true}
	f := trainedFile{
		Version:      "1.0",
		AddedTokens:  []addedToken{},
		PreTokenizer: trainedSequence{"Sequence", []any{trainedDigits{"Digits", true}, level}},
		Decoder:      level,
		Model:        trainedModel{Type: "BPE", Vocab: orderedVocab(slices.Clone(tr.tokens)), Merges: [][2]string{}},
	}
	f.Decoder.AddPrefixSpace = true
	for id, s := range specials {
		f.AddedTokens = append(f.AddedTokens, addedToken{ID: int64(id), Content: s, Special: true})
	}
	for _, m := range tr.merges {
		f.Model.Merges = append(f.Model.Merges, [2]string{tr.tokens[m[0]], tr.tokens[m[1]]})
	}
	return marshalPlain(f, "  ")
}
