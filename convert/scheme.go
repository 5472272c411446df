package convert

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"famkit/format"
	"famkit/internal/fault"
)

// scheme is how a tokenizer treats text before and after the merges, as parts of tokenizer.json.
type scheme struct {
	normalizer, preTokenizer, decoder any
	byteLevel                         bool // else SentencePiece with byte fallback
	ignoreMerges                      bool // a piece that is a token is taken whole
	addBOS                            bool // where the metadata says nothing
}

// part is an object of tokenizer.json.
type part map[string]any

func byteLevel(useRegex bool) part {
	return part{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": useRegex}
}

func sequence(key string, parts ...any) part { return part{"type": "Sequence", key: parts} }

// split cuts text by a regular expression before the bytes are mapped.
func split(regex string) part {
	return sequence("pretokenizers",
		part{"type": "Split", "pattern": part{"Regex": regex}, "behavior": "Isolated", "invert": false},
		byteLevel(false))
}

const (
	llama3Split = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	qwen2Split  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// byteLevelSchemes are the pre-tokenizers by llama.cpp's name, as the models they stand for were published.
var byteLevelSchemes = map[string]scheme{
	"gpt-2": {preTokenizer: byteLevel(true)},
	"smollm": {preTokenizer: sequence("pretokenizers",
		part{"type": "Digits", "individual_digits": true}, byteLevel(true))},
	"llama-bpe": {preTokenizer: split(llama3Split), ignoreMerges: true, addBOS: true},
	"qwen2":     {preTokenizer: split(qwen2Split), normalizer: part{"type": "NFC"}},
}

func (v *vocab) readByteLevel(meta *format.GGUFMeta) error {
	known := slices.Sorted(mapKeys(byteLevelSchemes))
	if !meta.Has(tokenizerPre) {
		return fault.Inputf("%s: metadata key %q is missing, wanted one of %s", v.path, tokenizerPre,
			strings.Join(known, ", "))
	}
	pre, err := meta.Str(tokenizerPre)
	if err != nil {
		return err
	}
	s, ok := byteLevelSchemes[pre]
	if !ok {
		return fault.Inputf("%s: metadata key %q: wanted one of %s, found %q", v.path, tokenizerPre,
			strings.Join(known, ", "), pre)
	}
	s.byteLevel = true
	s.decoder = part{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}
	v.scheme = s
	return v.readMerges(meta)
}

// readSentencePiece reads the "llama" kind: a blank becomes U+2581, unknown characters fall back to bytes, and the
// merges follow from the scores.
func (v *vocab) readSentencePiece(meta *format.GGUFMeta) error {
	prefix, err := flag(meta, "tokenizer.ggml.add_space_prefix", true)
	if err != nil {
		return err
	}
	blank := part{"type": "Replace", "pattern": part{"String": " "}, "content": "▁"}
	back := []any{part{"type": "Replace", "pattern": part{"String": "▁"}, "content": " "}, part{"type": "ByteFallback"},
		part{"type": "Fuse"}}
	v.scheme = scheme{addBOS: true, normalizer: blank}
	if prefix {
		v.scheme.normalizer = sequence("normalizers", part{"type": "Prepend", "prepend": "▁"}, blank)
		back = append(back, part{"type": "Strip", "content": " ", "start": 1, "stop": 0})
	}
	v.scheme.decoder = sequence("decoders", back...)
	if meta.Has(tokenizerMerges) {
		return v.readMerges(meta)
	}
	scores, err := meta.Floats(tokenizerScores)
	if err != nil {
		return err
	}
	if len(scores) != len(v.tokens) {
		return fault.Inputf("%s: metadata key %q: wanted %d entries as there are tokens, found %d", v.path, tokenizerScores,
			len(v.tokens), len(scores))
	}
	v.merges = v.mergesFromScores(scores)
	return nil
}

// scoredMerge is one way to make a token from two others.
type scoredMerge struct {
	pair        [2]string
	score       float64
	left, right int // lengths in characters
}

// mergesFromScores lists every split of a token into two tokens, best score first: SentencePiece merges the pair whose
// result has the highest score. Splits of one token are ordered as the tokenizers library's converter orders them.
func (v *vocab) mergesFromScores(scores []float64) [][2]string {
	var all []scoredMerge
	for id, t := range v.tokens {
		if v.types[id] == tokenNormal {
			all = append(all, v.splits(t, scores[id])...)
		}
	}
	slices.SortStableFunc(all, func(a, b scoredMerge) int {
		return cmp.Or(cmp.Compare(b.score, a.score), b.left-a.left, b.right-a.right)
	})
	merges := make([][2]string, len(all))
	for i, m := range all {
		merges[i] = m.pair
	}
	return merges
}

// splits gives the splits of one token whose halves are normal tokens, by the ids of the halves.
func (v *vocab) splits(token string, score float64) []scoredMerge {
	var list []scoredMerge
	for i := range token {
		a, b := token[:i], token[i:]
		if i > 0 && v.normal(a) && v.normal(b) {
			list = append(list, scoredMerge{[2]string{a, b}, score, utf8.RuneCountInString(a), utf8.RuneCountInString(b)})
		}
	}
	slices.SortFunc(list, func(a, b scoredMerge) int {
		return cmp.Or(v.ids[a.pair[0]]-v.ids[b.pair[0]], v.ids[a.pair[1]]-v.ids[b.pair[1]])
	})
	return list
}

func (v *vocab) normal(t string) bool {
	id, ok := v.ids[t]
	return ok && v.types[id] == tokenNormal
}

// quote is a JSON string without the escapes that only HTML needs.
func quote(s string) []byte {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // strings always encode
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}
