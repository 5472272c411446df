package tokenizer

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// plainNext looks for every token at every position.
func plainNext(tokens []addedToken, s string, at int) (start, end int, token addedToken, ok bool) {
	for i := at; i < len(s); i++ {
		for _, tok := range tokens {
			if strings.HasPrefix(s[i:], tok.Content) && len(tok.Content) > end-start {
				start, end, token, ok = i, i+len(tok.Content), tok, true
			}
		}
		if ok {
			return start, end, token, true
		}
	}
	return 0, 0, token, false
}

func TestMatcherAgainstPlainSearch(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	text := func(most int) string {
		var b strings.Builder
		for range 1 + r.IntN(most) {
			b.WriteByte("aab c"[r.IntN(5)])
		}
		return b.String()
	}
	for range 3000 {
		var m matcher
		var tokens []addedToken
		for id := range r.IntN(6) {
			tok := addedToken{ID: int64(id), Content: text(5)}
			tokens = append(tokens, tok)
			m.add(tok.Content, tok)
		}
		m.finish()
		s := text(40)
		look := finder{m: &m, s: s}
		for at := 0; ; {
			start, end, tok, ok := look.next(at)
			start2, end2, tok2, ok2 := plainNext(tokens, s, at)
			if start != start2 || end != end2 || ok != ok2 || tok.Content != tok2.Content || tok.ID != tok2.ID {
				t.Fatalf("%v in %q from %d: %d-%d %v, want %d-%d %v", tokens, s, at, start, end, tok, start2, end2, tok2)
			}
			if !ok {
				break
			}
			at = end
			if r.IntN(4) == 0 {
				at = start + 1
			}
		}
	}
}

// TestMatcherAcrossWindows finds tokens that begin in one window and end in another.
func TestMatcherAcrossWindows(t *testing.T) {
	var m matcher
	long := addedToken{ID: 1, Content: strings.Repeat("x", 1000) + "y"}
	m.add(long.Content, long)
	m.finish()
	for _, before := range []int{window - 1001, window - 500, window - 1, window, 3*window - 10} {
		s := strings.Repeat("z", before) + long.Content + "z"
		look := finder{m: &m, s: s}
		start, end, tok, ok := look.next(0)
		if _, _, _, again := look.next(end); start != before || end != before+1001 || tok != long || !ok || again {
			t.Errorf("at %d: %d-%d %v %v", before, start, end, ok, again)
		}
	}
}

// TestMatcherIsLinear: tokens that look alike for long, on text that looks like them for longer.
func TestMatcherIsLinear(t *testing.T) {
	for name, tok := range map[string]addedToken{
		"long":       {Content: strings.Repeat("a", 100_000) + "b"},
		"short":      {Content: "a"},
		"left strip": {Content: " ", Lstrip: true}, "right strip": {Content: " ", Rstrip: true},
	} {
		var m matcher
		m.add(tok.Content, tok)
		m.add(strings.Repeat("a", 50_000)+"c", tok)
		m.finish()
		began := time.Now()
		if err := m.each(strings.Repeat(tok.Content[:1], 400_000), func(int, int, int32) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(began); d > 20*time.Second {
			t.Errorf("%s: %v", name, d)
		}
	}
}
