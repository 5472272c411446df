package printable

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"":                             "",
		"model.layers.0/Größe 模型.json": "model.layers.0/Größe 模型.json",
		"\x1b[31mred\nok: all passed":  `\x1b[31mred\nok: all passed`,
		"a\tb\rc\x00d\x7f":             `a\tb\rc\x00d\x7f`,
		"\u009b2J\u0085x":              `\u009b2J\u0085x`,
		"a\u202eb\u2066c\u200f":        `a\u202eb\u2066c\u200f`,
		"a\u2028b\ufeffc":              `a\u2028b\ufeffc`,
		"\xff\x9b2J":                   `\xff\x9b2J`,
		"\U000e0041":                   `\U000e0041`,
		`C:\new "x"`:                   `C:\new "x"`,
		strings.Repeat("é", Most):      strings.Repeat("é", Most/2) + "...",
	} {
		if got := Text(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestArgs(t *testing.T) {
	evil := "\x1b[2J\n\u202e"
	type named string
	for _, c := range []struct {
		format string
		arg    any
		want   string
	}{
		{"%s", evil, `\x1b[2J\n\u202e`},
		{"%v", named(evil), `\x1b[2J\n\u202e`},
		{"%v", []string{evil, "b"}, `[\x1b[2J\n\u202e b]`},
		{"%v", errors.New(evil), `\x1b[2J\n\u202e`},
		{"%v", map[string]int{evil: 1}, `map[\x1b[2J\n\u202e:1]`},
		{"%q", evil, `"\x1b[2J\n\u202e"`},
		{"%q", "a\\n", `"a\\n"`},
		{"%q", []string{evil}, `["\x1b[2J\n\u202e"]`},
		{"%.3q", "abcdef", `"abc"`},
		{"%-4s|", "ab", "ab  |"},
		{"%05d", 7, "00007"},
		{"%T", 7, "int"},
		{"%s", Lines{"a", evil}, "a\n" + `\x1b[2J\n\u202e`},
		{"%q", strings.Repeat("x", 300), `"` + strings.Repeat("x", MostQuoted) + `"...`},
	} {
		if got := fmt.Sprintf(c.format, Args([]any{c.arg})...); got != c.want {
			t.Errorf("%s of %q: %q, want %q", c.format, c.arg, got, c.want)
		}
	}
	if got := fmt.Sprintf("%.100q", Arg(strings.Repeat("\n", 1<<20))); len(got) > 300 {
		t.Errorf("%d bytes of one argument", len(got))
	}
}

func TestWriter(t *testing.T) {
	const green, end = "\x1b[32m", "\x1b[0m"
	var b strings.Builder
	text := green + "ok" + end + " \x1b[31m\x1b[3\x1b\u009b\u202e\x07 a\tb\r\n"
	n, err := Writer(&b, green, end).Write([]byte(text))
	want := green + "ok" + end + ` \x1b[31m\x1b[3\x1b\u009b\u202e\a a` + "\t" + `b\r` + "\n"
	if b.String() != want || n != len(text) || err != nil {
		t.Errorf("%q, %d, %v, want %q", b.String(), n, err, want)
	}
	b.Reset()
	if _, _ = Writer(&b).Write([]byte(green)); b.String() != `\x1b[32m` {
		t.Errorf("without colours: %q", b.String())
	}
}

// FuzzJSON: what is written means the same, and holds nothing that a terminal obeys.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{"a", "\u009b2J\x7f", "\u202e\u2066", "\U000e0041\U0001f600", "\x1b\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "?")
		plain, err := json.MarshalIndent(map[string]string{s: s}, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got := JSON(plain)
		var a, b map[string]string
		if json.Unmarshal(plain, &a) != nil || json.Unmarshal(got, &b) != nil || a[s] != s || b[s] != s {
			t.Fatalf("%q became %q", plain, got)
		}
		check(t, string(got), "\n")
	})
}

// FuzzText: nothing that a terminal obeys is left, and what is left does not change a second time.
func FuzzText(f *testing.F) {
	f.Add("\x1b[2J\u009b\xff\n")
	f.Fuzz(func(t *testing.T, s string) {
		got := Text(s)
		check(t, got, "")
		check(t, Quote(s), "")
		if len(s) < Most && Text(got) != got && len(got) <= Most {
			t.Fatalf("%q became %q and then %q", s, got, Text(got))
		}
	})
}

func check(t *testing.T, s, allowed string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Fatalf("%q is not UTF-8", s)
	}
	for _, r := range s {
		if (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)) &&
			!strings.ContainsRune(allowed, r) {
			t.Fatalf("%q holds %U", s, r)
		}
	}
}
