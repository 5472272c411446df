package tokenizer

import (
	"encoding/json"

	"famkit/internal/fault"
)

// postJSON holds the settings of every kind of post-processor.
type postJSON struct {
	Processors []json.RawMessage `json:"processors"`
	Single     []struct {
		SpecialToken *struct {
			ID string `json:"id"`
		}
		Sequence *struct {
			ID string `json:"id"`
		}
	} `json:"single"`
	SpecialTokens map[string]struct {
		IDs []int32 `json:"ids"`
	} `json:"special_tokens"`
	Cls []json.RawMessage `json:"cls"`
	Sep []json.RawMessage `json:"sep"`
}

// parseTemplate builds what the post-processor puts around a single text, with wholeText for the text itself.
func parseTemplate(raw json.RawMessage, depth int) ([]int32, error) {
	whole := []int32{wholeText}
	kind, err := componentType("post-processor", raw, depth)
	if err != nil || kind == "" {
		return whole, err
	}
	var c postJSON
	if err := decodeComponent("post-processor", kind, raw, &c); err != nil {
		return nil, err
	}
	out, err := c.build(kind, depth)
	if err != nil {
		return nil, err
	}
	texts := 0
	for _, id := range out {
		texts += btoi(id == wholeText)
	}
	if len(out) > maxTemplate || texts > maxRepeats {
		return nil, fault.Inputf("post-processor: %d tokens around a text that comes %d times, wanted at most %d and %d",
			len(out)-texts, texts, maxTemplate, maxRepeats)
	}
	return out, nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (c *postJSON) build(kind string, depth int) ([]int32, error) {
	whole := []int32{wholeText}
	switch kind {
	case "ByteLevel": // only trims offsets
		return whole, nil
	case "TemplateProcessing":
		return c.template()
	case "RobertaProcessing", "BertProcessing":
		cls, err := idOfPair(kind, c.Cls)
		if err != nil {
			return nil, err
		}
		sep, err := idOfPair(kind, c.Sep)
		return []int32{cls, wholeText, sep}, err
	case "Sequence":
		return nestTemplates(c.Processors, depth)
	}
	return nil, fault.Inputf("post-processor %q is not supported", kind)
}

func (c *postJSON) template() ([]int32, error) {
	var out []int32
	for _, piece := range c.Single {
		switch {
		case piece.Sequence != nil && piece.Sequence.ID == "A":
			out = append(out, wholeText)
		case piece.SpecialToken != nil:
			tok, ok := c.SpecialTokens[piece.SpecialToken.ID]
			if !ok {
				return nil, fault.Inputf("TemplateProcessing: special token %q is not listed in special_tokens",
					piece.SpecialToken.ID)
			}
			for _, id := range tok.IDs {
				if id < 0 {
					return nil, fault.Inputf("TemplateProcessing: negative id %d", id)
				}
			}
			if out = append(out, tok.IDs...); len(out) > 2*maxTemplate {
				return out, nil // too many
			}
		default:
			return nil, fault.Inputf("TemplateProcessing: wanted SpecialToken or Sequence A in single")
		}
	}
	return out, nil
}

// nestTemplates applies one template to what the one before it gave.
func nestTemplates(raws []json.RawMessage, depth int) ([]int32, error) {
	out := []int32{wholeText}
	for _, raw := range raws {
		outer, err := parseTemplate(raw, depth+1)
		if err != nil {
			return nil, err
		}
		var nested []int32
		for _, id := range outer {
			if id == wholeText {
				nested = append(nested, out...)
			} else {
				nested = append(nested, id)
			}
		}
		if out = nested; len(out) > maxTemplate {
			return nil, fault.Inputf("post-processor: more than %d tokens around a text", maxTemplate)
		}
	}
	return out, nil
}

// idOfPair reads ["</s>", 2].
func idOfPair(kind string, pair []json.RawMessage) (int32, error) {
	var id int32
	if len(pair) != 2 || json.Unmarshal(pair[1], &id) != nil || id < 0 {
		return 0, fault.Inputf("post-processor %s: wanted a token and its id", kind)
	}
	return id, nil
}
