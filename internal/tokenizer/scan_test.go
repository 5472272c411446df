package tokenizer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// hardPieces are what texts for the scanners are put together from.
var hardPieces = strings.Split("a|B|é|ß|中|ñ|n\u0303|\u0301|1|23|456|٣|½|Ⅷ|'|'s|'S|'ſ|'re|'LL|'vE|'x|''| |  "+
	"|\t|\r|\n|\r\n|\u00a0|\u2003|\u3000|\u0085|\u2028|"+
	".|,|!?|_|-|/|\u200d|\u200b|👍🏽|\x00|\x7f|\ufffd|don't|I'LL", "|")

func hardText(rng *rand.Rand) string {
	var b strings.Builder
	for range rng.IntN(12) {
		b.WriteString(hardPieces[rng.IntN(len(hardPieces))])
	}
	return b.String()
}

// TestScanners compares the hand-written scanners with the expressions that they stand for.
func TestScanners(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for expr, scan := range scanners {
		slow, err := compileRegex(expr)
		if err != nil {
			t.Fatal(err)
		}
		for range 20000 {
			s := hardText(rng)
			want, err := slow.spans(nil, s, newWork(len(s)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := scan.spans(nil, s, newWork(len(s)))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%s\n%q: %v, wanted %v", expr, s, got, want)
			}
		}
	}
}

// TestScannersDiffer: the expressions are told apart, so that TestScanners cannot pass by chance.
func TestScannersDiffer(t *testing.T) {
	for _, c := range []struct{ a, b, text string }{
		{regexGPT2, regexLlama3, "I'LL"}, {regexLlama3, regexQwen2, "123"}, {regexGPT2, regexQwen2, "\tx"},
	} {
		a, _ := scanners[c.a].spans(nil, c.text, newWork(len(c.text)))
		b, _ := scanners[c.b].spans(nil, c.text, newWork(len(c.text)))
		if slices.Equal(a, b) {
			t.Errorf("%q is split alike by %s and %s", c.text, c.a, c.b)
		}
	}
}

func TestRegexRefused(t *testing.T) {
	for _, expr := range []string{`(`, `\p{Nothing}`, `(a)\1`, `a**`, `\Ga`, `(?~a)`, `\X`} {
		if _, err := compileRegex(expr); err == nil {
			t.Errorf("%s: no error", expr)
		}
	}
}

// TestValidText compares with the replacement rule of the Unicode standard (table 3-8 and its neighbours).
func TestValidText(t *testing.T) {
	for in, want := range map[string]string{
		"ok é 中 😀": "ok é 中 😀",
		"\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63": "a\ufffd\ufffd\ufffdb\ufffdc",
		"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41":     strings.Repeat("\ufffd", 8) + "A",
		"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41":     strings.Repeat("\ufffd", 8) + "A",
		"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42":     strings.Repeat("\ufffd", 5) + "A\ufffd\ufffdB",
		"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41":     "\ufffd\ufffd\ufffd\ufffdA",
	} {
		if got := validText(in); got != want {
			t.Errorf("%q: %q, wanted %q", in, got, want)
		}
	}
}
