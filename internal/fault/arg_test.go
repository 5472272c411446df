package fault

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"famkit/internal/printable"
)

func flag(s Setting) string {
	if s.Value == "" {
		return "--" + s.Name
	}
	return "--" + s.Name + " " + s.Value
}

func TestTextSpellsSettings(t *testing.T) {
	inner := Usagef("%v: wanted at least 1, found %d", Arg("batch"), 0)
	for name, c := range map[string]struct {
		err         error
		plain, text string
	}{
		"itself":       {inner, "batch: wanted at least 1, found 0", "--batch: wanted at least 1, found 0"},
		"with a value": {Inputf("%v is too much", Arg("seq", 5)), "seq 5 is too much", "--seq 5 is too much"},
		"inside a fault": {Inputf("state: %w", inner), "state: batch: wanted at least 1, found 0",
			"state: --batch: wanted at least 1, found 0"},
		"under a hint": {Hint(inner, "see"), "batch: wanted at least 1, found 0",
			"--batch: wanted at least 1, found 0"},
		"inside another error": {fmt.Errorf("a; %w; b", inner), "a; batch: wanted at least 1, found 0; b",
			"a; --batch: wanted at least 1, found 0; b"},
		"joined": {errors.Join(inner, Usagef("no %v", Arg("lr"))), "batch: wanted at least 1, found 0\nno lr",
			"--batch: wanted at least 1, found 0; no --lr"},
		"frozen as text": {Inputf("file: %s", inner.Error()), "file: batch: wanted at least 1, found 0",
			"file: batch: wanted at least 1, found 0"},
		"no setting": {errors.New("100%w"), "100%w", "100%w"},
	} {
		if got := c.err.Error(); got != c.plain {
			t.Errorf("%s: Error() is %q, want %q", name, got, c.plain)
		}
		if got := Text(c.err, flag); got != c.text {
			t.Errorf("%s: Text is %q, want %q", name, got, c.text)
		}
	}
	if !errors.Is(fmt.Errorf("x: %w", Inputf("y: %w", inner)), inner) || KindOf(inner) != Usage {
		t.Error("a setting in the message hides the error's kind or chain")
	}
}

func TestHintTextSpellsSettings(t *testing.T) {
	err := Hint(Usagef("no"), "%v would fit; %v keeps the tokens", Arg("batch", 4), Arg("accum"))
	if got, want := HintOf(err), "batch 4 would fit; accum keeps the tokens"; got != want {
		t.Errorf("HintOf is %q, want %q", got, want)
	}
	want := "--batch 4 would fit; --accum keeps the tokens"
	for name, err := range map[string]error{"itself": err, "inside": Inputf("x: %w", err),
		"under a plain error": fmt.Errorf("y: %w", err)} {
		if got := HintText(err, flag); got != want {
			t.Errorf("%s: HintText is %q, want %q", name, got, want)
		}
	}
	if got := HintText(&Error{Kind: No, Hint: "plain", Err: errors.New("x")}, flag); got != "plain" {
		t.Errorf("a hint made by hand is %q", got)
	}
	if got := HintText(errors.New("x"), flag); got != "" {
		t.Errorf("an error without one has the hint %q", got)
	}
}

func TestMessageSpellsSettings(t *testing.T) {
	m := Say("%s has no plan: %v looks for one", "x", Arg("infer"))
	if got, want := m.String(), "x has no plan: infer looks for one"; got != want {
		t.Errorf("plain: %q, want %q", got, want)
	}
	if got, want := m.Text(flag), "x has no plan: --infer looks for one"; got != want {
		t.Errorf("as flags: %q, want %q", got, want)
	}
}

// TestTextIsPrintable puts what a file could hold into every place of a message.
func TestTextIsPrintable(t *testing.T) {
	evil := "x\x1b[31m\nfamkit: all checks passed\u009b\u202e"
	clean := `x\x1b[31m\nfamkit: all checks passed\u009b\u202e`
	for name, err := range map[string]error{
		"argument":        Inputf("%s", evil),
		"value":           Inputf("%v", []string{evil}),
		"plain error":     errors.New(evil),
		"wrapped":         Inputf("a: %w", errors.New(evil)),
		"around a fault":  fmt.Errorf("%s: %w", evil, Inputf("b")),
		"inside a plain":  fmt.Errorf("a: %w", Inputf("%s", evil)),
		"setting":         Inputf("%v", Arg("name", evil)),
		"joined":          errors.Join(errors.New(evil), Inputf("b")),
		"hint":            Hint(errors.New("a"), "%s", evil),
		"hint of a fault": Inputf("b: %w", Hint(errors.New("a"), "%v", Arg("name", evil))),
	} {
		text := Text(err, flag) + HintText(err, flag)
		if !strings.Contains(text, clean) || strings.ContainsAny(text, "\n\x1b\u009b\u202e") {
			t.Errorf("%s: %q", name, text)
		}
	}
	lines := Inputf("%s", printable.Lines{"a", evil})
	if got := Text(fmt.Errorf("b: %w", lines), flag); got != "b: a\n"+clean {
		t.Errorf("lines: %q", got)
	}
	if got := Say("%s", evil).String(); got != clean {
		t.Errorf("message: %q", got)
	}
}
