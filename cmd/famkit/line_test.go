package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestLinesFit: whatever the width, a line is no wider, and what matters least goes first.
func TestLinesFit(t *testing.T) {
	parts := []part{{text: "12/45"}, {text: "[==   ]", rank: 4}, {text: "loss 4.4505", rank: 1},
		{text: "3m left", rank: 2},
		{text: "1234 tok/s", rank: 3}, {text: "12.3 GFLOP/s", rank: 5}}
	for width, want := range map[int]string{
		100: "12/45 [==   ] loss 4.4505 3m left 1234 tok/s 12.3 GFLOP/s",
		50:  "12/45 [==   ] loss 4.4505 3m left 1234 tok/s",
		40:  "12/45 loss 4.4505 3m left 1234 tok/s",
		27:  "12/45 loss 4.4505 3m left",
		20:  "12/45 loss 4.4505",
		5:   "12/45",
		3:   "12/",
		0:   "",
	} {
		if got := fit(parts, width); got != want {
			t.Errorf("%d columns: %q, want %q", width, got, want)
		}
	}
}

func TestStatusLine(t *testing.T) {
	var b bytes.Buffer
	l := &statusLine{u: &ui{err: &b}, width: func() int { return 11 }}
	l.clear()
	l.draw([]part{{text: "12345"}, {text: "67890", rank: 1}})
	l.draw([]part{{text: "123"}, {text: "456", rank: 1}})
	l.clear()
	if got, want := b.String(), "\r\x1b[K12345\r\x1b[K123 456\r\x1b[K"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	var none *statusLine
	none.draw(nil)
	none.clear()
}

func TestBar(t *testing.T) {
	for share, want := range map[float64]string{-1: "[    ]", 0: "[    ]", 0.5: "[==  ]", 1: "[====]", 9: "[====]"} {
		if got := bar(share, 4); got != want {
			t.Errorf("%v: %s, want %s", share, got, want)
		}
	}
}

func TestShellWords(t *testing.T) {
	for text, want := range map[string]string{"out/run-1": "out/run-1", "my run": "'my run'", "": "''", "a'b": `'a'\''b'`,
		"$x": "'$x'"} {
		if got := shellWord(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if strings.Contains(shellWord("a\nb"), "\n") {
		t.Error("a line break comes through")
	}
}
