package tokenizer

import (
	"go/build"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sourceText is Go source: 1 MB or so that every Go installation has.
func sourceText(b *testing.B) string {
	b.Helper()
	var s strings.Builder
	names, err := filepath.Glob(filepath.Join(build.Default.GOROOT, "src", "net", "http", "*.go"))
	if err != nil || len(names) == 0 {
		b.Skip("the Go source tree is not installed")
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		s.Write(data)
	}
	return s.String()
}

func BenchmarkEncode(b *testing.B) {
	text := sourceText(b)
	for _, name := range []string{"gpt2", "llama3", "smollm2", "o200k", "sentencepiece", "metaspace-always"} {
		b.Run(name, func(b *testing.B) {
			tok := loadFixture(b, name+".json")
			b.SetBytes(int64(len(text)))
			var ids []int32
			for b.Loop() {
				var err error
				if ids, err = tok.EncodeAppend(ids[:0], text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
