package tokenizer

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"famkit/internal/fault"
)

// decoder rewrites the list of token texts on the way back to text.
type decoder interface {
	decode(tokens []string) []string
}

type (
	byteLevelDecoder    struct{}
	byteFallbackDecoder struct{}
	fuseDecoder         struct{}
	stripDecoder        struct {
		content     rune
		start, stop int
	}
	replaceDecoder struct {
		pattern pattern
		content string
	}
	metaspaceDecoder struct {
		replacement string
		dropFirst   bool
	}
	suffixDecoder string
)

// join runs the decoders and puts the tokens together; without a decoder spaces go between them.
func (t *Tokenizer) join(tokens []string) string {
	if !t.joined {
		return strings.Join(tokens, " ")
	}
	for _, d := range t.decoders {
		tokens = d.decode(tokens)
	}
	return strings.Join(tokens, "")
}

func (byteLevelDecoder) decode(tokens []string) []string {
	var b []byte
	for _, tok := range tokens {
		var ok bool
		if b, ok = fromByteAlphabet(b, tok); !ok {
			b = append(b, tok...)
		}
	}
	return []string{validText(string(b))}
}

func (byteFallbackDecoder) decode(tokens []string) []string {
	out := make([]string, 0, len(tokens))
	var pending []byte
	flush := func() {
		if utf8.Valid(pending) {
			if len(pending) > 0 {
				out = append(out, string(pending))
			}
		} else {
			for range pending {
				out = append(out, "\uFFFD")
			}
		}
		pending = pending[:0]
	}
	for _, tok := range tokens {
		if len(tok) == 6 && strings.HasPrefix(tok, "<0x") && tok[5] == '>' {
			if v, err := strconv.ParseUint(tok[3:5], 16, 8); err == nil {
				pending = append(pending, byte(v))
				continue
			}
		}
		flush()
		out = append(out, tok)
	}
	flush()
	return out
}

func (fuseDecoder) decode(tokens []string) []string { return []string{strings.Join(tokens, "")} }

func (d stripDecoder) decode(tokens []string) []string {
	c := string(d.content)
	out := make([]string, len(tokens))
	for i, tok := range tokens {
		for k := 0; k < d.start && strings.HasPrefix(tok, c); k++ {
			tok = tok[len(c):]
		}
		for k := 0; k < d.stop && strings.HasSuffix(tok, c); k++ {
			tok = tok[:len(tok)-len(c)]
		}
		out[i] = tok
	}
	return out
}

func (d replaceDecoder) decode(tokens []string) []string {
	out := make([]string, len(tokens))
	for i, tok := range tokens {
		s, err := replaceAll(d.pattern, tok, d.content)
		if err != nil {
			s = tok // a token is short: only a hostile expression runs into its time limit on it
		}
		out[i] = s
	}
	return out
}

func (d metaspaceDecoder) decode(tokens []string) []string {
	out := make([]string, len(tokens))
	for i, tok := range tokens {
		space := " "
		if i == 0 && d.dropFirst {
			space = ""
		}
		out[i] = strings.ReplaceAll(tok, d.replacement, space)
	}
	return out
}

func (d suffixDecoder) decode(tokens []string) []string {
	out := make([]string, len(tokens))
	for i, tok := range tokens {
		space := " "
		if i == len(tokens)-1 {
			space = ""
		}
		out[i] = strings.ReplaceAll(tok, string(d), space)
	}
	return out
}

// parseDecoders builds the decoders of tokenizer.json in order; nil where it is null.
func parseDecoders(raw json.RawMessage, depth int) ([]decoder, error) {
	kind, err := componentType("decoder", raw, depth)
	if err != nil || kind == "" {
		return nil, err
	}
	var c decoderJSON
	if err := decodeComponent("decoder", kind, raw, &c); err != nil {
		return nil, err
	}
	if kind != "Sequence" {
		d, err := c.build(kind)
		return []decoder{d}, err
	}
	var out []decoder
	for _, raw := range c.Decoders {
		d, err := parseDecoders(raw, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, d...)
	}
	return out, nil
}

// decoderJSON holds the settings of every kind of decoder.
type decoderJSON struct {
	splitterJSON
	Decoders []json.RawMessage `json:"decoders"`
	Content  string            `json:"content"`
	Start    int               `json:"start"`
	Stop     int               `json:"stop"`
	Suffix   *string           `json:"suffix"`
}

func (c *decoderJSON) build(kind string) (decoder, error) {
	switch kind {
	case "ByteLevel":
		return byteLevelDecoder{}, nil
	case "ByteFallback":
		return byteFallbackDecoder{}, nil
	case "Fuse":
		return fuseDecoder{}, nil
	case "Strip":
		r, n := utf8.DecodeRuneInString(c.Content)
		if n == 0 || n != len(c.Content) || c.Start < 0 || c.Stop < 0 {
			return nil, fault.Inputf("decoder Strip: wanted one character and counts from 0 on, found %q, %d and %d", c.Content, c.Start, c.Stop)
		}
		return stripDecoder{r, c.Start, c.Stop}, nil
	case "Replace":
		p, err := parsePattern(c.Pattern)
		return replaceDecoder{p, c.Content}, err
	case "Metaspace":
		s, err := c.metaspace()
		if err != nil {
			return nil, err
		}
		m := s.(metaspaceSplit)
		return metaspaceDecoder{m.replacement, m.scheme != prependNever}, nil
	case "BPEDecoder":
		if c.Suffix == nil {
			return suffixDecoder("</w>"), nil
		}
		return suffixDecoder(*c.Suffix), nil
	}
	return nil, fault.Inputf("decoder %q is not supported", kind)
}
