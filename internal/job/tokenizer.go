package job

import (
	"strings"

	"famkit/convert"
	"famkit/format"
	"famkit/internal/fault"
	"famkit/internal/infile"
	"famkit/internal/tokenizer"
)

const (
	tokenizerFile       = "tokenizer.json"
	tokenizerConfigFile = "tokenizer_config.json"
)

// OpenTokenizer loads a tokenizer.json, the one of a folder, or that of a checkpoint such as a GGUF file.
func OpenTokenizer(path string, on Observer) (*tokenizer.Tokenizer, error) {
	if err := locate(on, &path); err != nil {
		return nil, err
	}
	file, err := infile.At(path, tokenizerFile)
	if err != nil {
		return nil, err
	}
	var data []byte
	if strings.HasSuffix(file, ".json") {
		data, err = infile.ReadUpTo(file, tokenizer.MaxFile)
	} else {
		data, err = checkpointTokenizer(path, on)
	}
	if err != nil {
		return nil, err
	}
	return tokenizer.LoadFile(file, data)
}

func checkpointTokenizer(path string, on Observer) ([]byte, error) {
	h, err := Open(path, on)
	if err != nil {
		return nil, err
	}
	defer func() { _ = h.Close() }()
	src := format.Source(h)
	if _, gguf := format.GGUF(h); gguf {
		if src, err = convert.FromGGUF(h); err != nil {
			return nil, err
		}
	}
	data, ok := format.ReadFile(src, tokenizerFile)
	if !ok {
		return nil, fault.Inputf("%s: has no %s", path, tokenizerFile)
	}
	return data, nil
}
