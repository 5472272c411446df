package corpus

import (
	"iter"
	"os"
	"unicode/utf8"

	"famkit/internal/fault"
)

// Text is one file of training text.
type Text struct {
	Path string
	Text string
}

// Texts gives the text files that training on these paths reads, in the same order and by the same rules: files
// as given, folders with all that match ext (such as ".go,!_test.go") below them; in folders, files that are
// empty or not UTF-8 are passed over. size is their sum in bytes.
func Texts(paths []string, ext string) (texts iter.Seq2[Text, error], size int64, err error) {
	files, err := findFiles(paths, parseSuffixes(ext))
	if err != nil {
		return nil, 0, err
	}
	for _, f := range files {
		size += f.size
	}
	return func(yield func(Text, error) bool) {
		for _, f := range files {
			text, ok, err := readText(f)
			if !ok && err == nil {
				continue
			}
			if !yield(Text{f.path, text}, err) || err != nil {
				return
			}
		}
	}, size, nil
}

func readText(f dataFile) (text string, ok bool, err error) {
	b, err := os.ReadFile(f.path)
	if err != nil {
		return "", false, fault.Inputf("%w", err)
	}
	if len(b) > 0 && utf8.Valid(b) {
		return string(b), true, nil
	}
	switch {
	case !f.named:
		return "", false, nil
	case len(b) == 0:
		return "", false, fault.Inputf("%s: empty", f.path)
	}
	return "", false, fault.Inputf("%s: not UTF-8 text", f.path)
}
