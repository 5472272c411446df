package tokenizer

// configFile is a tokenizer_config.json that transformers 4 and 5 both read.
type configFile struct {
	AddedTokens map[int]configToken `json:"added_tokens_decoder"`
	AddBOS      bool                `json:"add_bos_token"`
	AddEOS      bool                `json:"add_eos_token"`
	BOS         string              `json:"bos_token,omitempty"`
	CleanUp     bool                `json:"clean_up_tokenization_spaces"`
	EOS         string              `json:"eos_token,omitempty"`
	MaxLength   int64               `json:"model_max_length"`
	Class       string              `json:"tokenizer_class"`
}

type configToken struct {
	Content    string `json:"content"`
	Lstrip     bool   `json:"lstrip"`
	Normalized bool   `json:"normalized"`
	Rstrip     bool   `json:"rstrip"`
	SingleWord bool   `json:"single_word"`
	Special    bool   `json:"special"`
}

// Config is the tokenizer_config.json that goes beside the tokenizer.json of TrainBPE with these special tokens:
// the first of them begins and ends documents.
func Config(specials []string) ([]byte, error) {
	c := configFile{AddedTokens: map[int]configToken{}, Class: "PreTrainedTokenizerFast", MaxLength: 1e15}
	for id, s := range specials {
		c.AddedTokens[id] = configToken{Content: s, Special: true}
	}
	if len(specials) > 0 {
		c.BOS, c.EOS = specials[0], specials[0]
	}
	return marshalPlain(c, "  ")
}
