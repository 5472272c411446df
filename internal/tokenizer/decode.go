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
	decode(tokens []string, w *work) ([]string, error)
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
func (t *Tokenizer) join(tokens []string) (string, error) {
	n := size(tokens)
	if most := 4<<20 + 1024*len(tokens); n > most {
		return "", fault.Inputf("the text of %d tokens has %d bytes, wanted at most %d", len(tokens), n, most)
	}
	if !t.joined {
		return strings.Join(tokens, " "), nil
	}
	w := newWork(n)
	for _, d := range t.decoders {
		var err error
		if tokens, err = d.decode(tokens, w); err == nil {
			err = w.make(size(tokens))
		}
		if err != nil {
			return "", fault.Inputf("decoder: %w", err)
		}
	}
	return strings.Join(tokens, ""), nil
}

// size is the bytes of all tokens.
func size(tokens []string) (n int) {
	for _, tok := range tokens {
		n += len(tok)
	}
	return n
}

func (byteLevelDecoder) decode(tokens []string, _ *work) ([]string, error) {
	var b []byte
	for _, tok := range tokens {
		var ok bool
		if b, ok = fromByteAlphabet(b, tok); !ok {
			b = append(b, tok...)
		}
	}
	return []string{validText(string(b))}, nil
}

func (byteFallbackDecoder) decode(tokens []string, _ *work) ([]string, error) {
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
	return out, nil
}

func (fuseDecoder) decode(tokens []string, _ *work) ([]string, error) {
	return []string{strings.Join(tokens, "")}, nil
}

func (d stripDecoder) decode(tokens []string, _ *work) ([]string, error) {
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
	return out, nil
}

func (d replaceDecoder) decode(tokens []string, w *work) ([]string, error) {
	out := make([]string, len(tokens))
	for i, tok := range tokens {
		s, err := replaceAll(d.pattern, tok, d.content, w)
		if err != nil {
			return nil, err
		}
		out[i] = s
	}
	return out, nil
}

func (d metaspaceDecoder) decode(tokens []string, w *work) ([]string, error) {
	out := make([]string, len(tokens))
	for i, tok := range tokens {
		space := " "
		if i == 0 && d.dropFirst {
			space = ""
		}
		var err error
		if out[i], err = replaceAll(literalPattern(d.replacement), tok, space, w); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (d suffixDecoder) decode(tokens []string, w *work) ([]string, error) {
	out := make([]string, len(tokens))
	for i, tok := range tokens {
		space := " "
		if i == len(tokens)-1 {
			space = ""
		}
		var err error
		if out[i], err = replaceAll(literalPattern(d), tok, space, w); err != nil {
			return nil, err
		}
	}
	return out, nil
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
	if len(out) > maxSteps {
		return nil, fault.Inputf("%d decoders, wanted at most %d", len(out), maxSteps)
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
			return nil, fault.Inputf("decoder Strip: wanted one character and counts from 0 on, found %q, %d and %d", c.Content,
				c.Start, c.Stop)
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
