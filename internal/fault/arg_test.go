package fault

import (
	"errors"
	"fmt"
	"testing"
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
			"--batch: wanted at least 1, found 0\nno --lr"},
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
