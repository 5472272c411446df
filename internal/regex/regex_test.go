package regex

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const many = 1 << 40 // steps

func find(t testing.TB, pattern, text string) []Span {
	t.Helper()
	re, err := Compile(pattern)
	if err != nil {
		t.Fatalf("%q: %v", pattern, err)
	}
	steps := int64(many)
	got, err := re.FindAll(nil, text, &steps)
	if err != nil {
		t.Fatalf("%q: %v", pattern, err)
	}
	return got
}

// randomPattern writes a pattern of the syntax that this package and Go's have in common or, with extra, of all.
func randomPattern(r *rand.Rand, depth int, extra bool) string {
	if depth == 0 {
		atoms := []string{"a", "b", "c", ".", "[ab]", "[^a]", "é", `\n`, `\d`, "(?i:a)", ""}
		if extra {
			atoms = append(atoms, "^", "$", `\b`, `\B`, `\A`, `\z`, `\Z`, `\w`, `[a-c&&[^b]]`, `\p{L}`, `\s`, `\R`)
		}
		return atoms[r.IntN(len(atoms))]
	}
	sub := func() string { return randomPattern(r, depth-1, extra) }
	kinds := 8
	if extra {
		kinds = 15
	}
	switch r.IntN(kinds) {
	case 0, 1:
		return sub() + sub()
	case 2:
		return "(?:" + sub() + "|" + sub() + ")"
	case 3:
		return "(?:" + sub() + ")" + []string{"*", "+", "?", "*?", "+?", "??"}[r.IntN(6)]
	case 4:
		return "(?:" + sub() + ")" + []string{"{2}", "{1,2}", "{0,2}?", "{1,}", "{2,3}", "{0,}?"}[r.IntN(6)]
	case 5:
		return sub() + "|" + sub()
	case 6, 7:
		return "(" + sub() + ")" + sub()
	case 8:
		return "(?>" + sub() + ")"
	case 9:
		return "(?:" + sub() + ")" + []string{"*+", "++", "?+", "{1,2}+"}[r.IntN(4)]
	case 10:
		return "(?=" + sub() + ")"
	case 11:
		return "(?!" + sub() + ")"
	case 12:
		return "(?<=" + []string{"a", "ab", "a|bc", "."}[r.IntN(4)] + ")"
	case 13:
		return "(?<!" + []string{"a", "ab", "a|bc", "."}[r.IntN(4)] + ")"
	}
	return "(?m:" + sub() + ")"
}

func randomText(r *rand.Rand, most int) string {
	var b strings.Builder
	for range r.IntN(most + 1) {
		b.WriteString([]string{"a", "b", "c", "A", "é", "\n", "1", " ", "\r\n"}[r.IntN(9)])
	}
	return b.String()
}

// TestAgainstBacktracking compares random patterns with plain backtracking over their trees.
func TestAgainstBacktracking(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	tried, matches := 0, 0
	for range 30_000 {
		pattern := randomPattern(r, 1+r.IntN(4), true)
		tree, err := parse(pattern)
		if err != nil {
			continue
		}
		re, err := Compile(pattern)
		if err != nil {
			continue
		}
		tried++
		for range 4 {
			text := randomText(r, 8)
			steps := int64(many)
			got, err := re.FindAll(nil, text, &steps)
			if want := naiveAll(tree, text); err != nil || !slices.Equal(got, want) {
				t.Fatalf("%q in %q: %v, %v, want %v", pattern, text, got, err, want)
			}
			matches += len(got)
		}
	}
	if tried < 15_000 || matches < 30_000 {
		t.Errorf("only %d patterns with %d matches were compared", tried, matches)
	}
}

// TestAgainstGo compares random patterns with package regexp, which is another kind of engine.
func TestAgainstGo(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	tried := 0
	for range 30_000 {
		pattern := randomPattern(r, 1+r.IntN(4), false)
		other, err := regexp.Compile(pattern)
		if err != nil {
			continue
		}
		tree, err := parse(pattern)
		if err != nil || voidLoop(tree) {
			continue
		}
		re, err := Compile(pattern)
		if err != nil {
			continue
		}
		tried++
		for range 4 {
			text := randomText(r, 12)
			var want []Span
			for _, m := range other.FindAllStringIndex(text, -1) {
				want = append(want, Span{m[0], m[1]})
			}
			steps := int64(many)
			if got, err := re.FindAll(nil, text, &steps); err != nil || !slices.Equal(got, want) {
				t.Fatalf("%q in %q: %v, %v, want %v", pattern, text, got, err, want)
			}
		}
	}
	if tried < 10_000 {
		t.Errorf("only %d patterns were compared", tried)
	}
}

// voidLoop reports whether a loop's inside may be empty: engines differ in when such a loop ends.
func voidLoop(n *node) bool {
	return n.kind == kindRepeat && n.max < 0 && n.parts[0].void() || slices.ContainsFunc(n.parts, voidLoop)
}

// TestStepsAreLinear: patterns that take a plain engine time exponential or quadratic in the text.
func TestStepsAreLinear(t *testing.T) {
	for pattern, unit := range map[string]string{
		`(a+)+$`: "a", `(a+)+c|\n`: "a", `(a|a)*b`: "a", `(a|aa)+$|b`: "a", `(.*)*x`: "ab", `a*a*a*a*a*a*b`: "a",
		`(?:a?){20}a{20}b`: "a", `(?=a*b)a`: "a", `(?=.*b)a|b`: "ab", `(?!a*b)x|a`: "a", `(?>a*)b`: "a", `a*+b`: "a",
		`\s+(?!\S)|\s+x`: " ", `(?<=a)a*b`: "a", `([ab]*)*c(?=d)`: "ab", `(?:(?=(a*)*b)a)*c`: "a", `((a*)*)*b`: "a",
		`(?>(?=a*c)a)+b`: "a", `(?:(?:a*)*?b)*c`: "a",
	} {
		re, err := Compile(pattern)
		if err != nil {
			t.Fatalf("%q: %v", pattern, err)
		}
		used := func(n int) int64 {
			steps := int64(many)
			if _, err := re.FindAll(nil, strings.Repeat(unit, n), &steps); err != nil {
				t.Fatalf("%q: %v", pattern, err)
			}
			return many - steps
		}
		began := time.Now()
		short, long := used(1000), used(10_000)
		if long > 11*short+1000 {
			t.Errorf("%q: %d steps on 1,000 and %d on 10,000 characters", pattern, short, long)
		}
		if d := time.Since(began); d > 20*time.Second {
			t.Errorf("%q: %v", pattern, d)
		}
	}
}

func TestRefused(t *testing.T) {
	for pattern, words := range map[string]string{
		`(a)\1`: "backreference", `(?<x>a)\k<x>`: `\k is not`, `\Ga`: `\G`, `a\K`: `\K`, `\X`: `\X`, `(?~a)`: "(?~",
		`(?(1)a|b)`: "(?(", `a**`: "repeating a repetition", `*a`: "nothing to repeat", `(a`: "does not end",
		`a)`: "unmatched", `[a`: "does not end", `[b-a]`: "range from", `\p{Nothing}`: `\p{Nothing}`, `a{3,2}`: "from 3 to 2",
		`(?:a{100}){100}`: "too large", `((((a{9}){9}){9}){9}){9}`: "too large", `(?<=a*)b`: "lookbehind", `\`: "last",
		`(?i:ß)`: "case", `(?i:ss)`: "case", `(?i:[ß])`: "case", `a\`: "last", `\x{110000}`: "no character",
		`\xff`: "above 0x7f",
		"\xff": "UTF-8", strings.Repeat("(", 1000): "deeper", strings.Repeat("[", 1000): "deeper", `(?q)a`: "(?q",
		strings.Repeat("a", 1<<20): "too long", `a{5}?`: "{n}?", `[[:nothing:]]`: "[:nothing:]", `\b+`: "condition",
		`(?:(?:(?:){99999}){99999}){99999}b{9999}`: "too large",
	} {
		began := time.Now()
		if _, err := Compile(pattern); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%.40q: %v, want %q", pattern, err, words)
		}
		if d := time.Since(began); d > 20*time.Second {
			t.Errorf("%.40q: refused after %v", pattern, d)
		}
	}
}

func TestBounds(t *testing.T) {
	re, err := Compile(`(?:a?){2000}a{2000}b`)
	if err != nil {
		t.Fatal(err)
	}
	steps := int64(1_000_000)
	if _, err := re.FindAll(nil, strings.Repeat("a", 10_000), &steps); !errors.Is(err, ErrSteps) || steps > 0 {
		t.Errorf("%v with %d steps left", err, steps)
	}
	steps = many // what failed leaves nothing behind
	if got, err := re.FindAll(nil, strings.Repeat("a", 3000)+"b", &steps); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	for _, pattern := range []string{`(?:ab)*a?c`, `(?=(?:ab)*c)a`} {
		re, err := Compile(pattern)
		if err != nil {
			t.Fatal(err)
		}
		steps = many
		if _, err := re.FindAll(nil, strings.Repeat("ab", 2<<20), &steps); !errors.Is(err, ErrMemory) {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

func TestCases(t *testing.T) {
	for _, c := range []struct{ pattern, text, want string }{
		{`(?i:'s|'t|'re)`, "'S'ſ'RE", "[{0 2} {2 5} {5 8}]"},
		{`(?i)k`, "kK\u212a", "[{0 1} {1 2} {2 5}]"},
		{`a(?i)b|c`, "aB aC c", "[{0 2} {3 5}]"},
		{`(?x) a b # c` + "\n c", "abc ab", "[{0 3}]"},
		{`(?#comment)a`, "a", "[{0 1}]"},
		{`^`, "a\nb\n", "[{0 0} {2 2}]"},
		{`$`, "a\nb\n", "[{1 1} {3 3} {4 4}]"},
		{`a{,2}`, "aaa", "[{0 2} {2 3}]"},
		{`a{`, "a{", "[{0 2}]"},
		{`a{x}`, "a{x}", "[{0 4}]"},
		{`\p{^L}+`, "a12b", "[{1 3}]"},
		{`[]a]`, "]a", "[{0 1} {1 2}]"},
		{`[a-\d]+`, "a-1z", "[{0 3}]"},
		{`[^(\s|[.,!?…。，、।۔،])]+`, "ab|c.d", "[{0 2} {3 4} {5 6}]"},
		{`\x41\x{1F600}\u0042\101?`, "A😀B", ""},
		{`(?:|a)*`, "a", "[{0 0} {1 1}]"},
		{`\h+`, "beefg", "[{0 4}]"},
		{`(?<word>a)b`, "ab", "[{0 2}]"},
	} {
		re, err := Compile(c.pattern)
		if c.want == "" {
			if err == nil {
				t.Errorf("%q is accepted", c.pattern)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", c.pattern, err)
			continue
		}
		steps := int64(many)
		if got, err := re.FindAll(nil, c.text, &steps); fmt.Sprint(got) != c.want || err != nil {
			t.Errorf("%q in %q: %v, %v, want %s", c.pattern, c.text, got, err, c.want)
		}
	}
}

// FuzzFindAll: no pattern makes it panic or run away, and what it finds lies in the text.
func FuzzFindAll(f *testing.F) {
	for _, p := range []string{`(a+)+$`, `'s|'t| ?\p{L}+|\s+(?!\S)|\s+`, `[^\r\n\p{L}]?+[a-c&&b]`, `(?<=a|bc)(?>x*)`} {
		f.Add(p, "aaab's  x")
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		re, err := Compile(pattern)
		if err != nil {
			return
		}
		text = strings.ToValidUTF8(text, "?")
		steps := int64(1 << 20)
		got, err := re.FindAll(nil, text, &steps)
		if err != nil {
			return
		}
		last := 0
		for _, m := range got {
			if m.Start < last || m.End < m.Start || m.End > len(text) {
				t.Fatalf("%q in %q: %v", pattern, text, got)
			}
			last = m.End
		}
	})
}

// BenchmarkLlama3 is the pattern for which package tokenizer has a scanner, on text.
func BenchmarkLlama3(b *testing.B) {
	re, err := Compile(`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`)
	if err != nil {
		b.Fatal(err)
	}
	text := strings.Repeat("The quick brown fox, 1234 years old, isn't here;\n\n  it jumps über den Zaun. ", 1000)
	b.SetBytes(int64(len(text)))
	var dst []Span
	for b.Loop() {
		steps := int64(many)
		if dst, err = re.FindAll(dst[:0], text, &steps); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(many-steps)/float64(len(text)), "steps/B")
	}
}
