package arch

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var rewrite = flag.Bool("update", false, "write the tables of config keys into docs/formats.md")

const (
	keysBegin = "<!-- Written by go test ./internal/arch -run TestKeyTables -update -->\n"
	keysEnd   = "<!-- end -->\n"
)

// TestKeyTables: docs/formats.md carries the tables of this package.
func TestKeyTables(t *testing.T) {
	const path = "../../docs/formats.md"
	text := string(readFile(t, path))
	before, rest, ok := strings.Cut(text, keysBegin)
	_, after, ok2 := strings.Cut(rest, keysEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the tables", path)
	}
	want := before + keysBegin + keyTables() + keysEnd + after
	if *rewrite {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if text != want {
		t.Errorf("%s does not carry the tables: go test ./internal/arch -run TestKeyTables -update", path)
	}
}

func keyTables() string {
	var b strings.Builder
	b.WriteString("\n### config.json, all architectures\n\n")
	ruleLines(&b, commonRules)
	for i, s := range registry {
		fmt.Fprintf(&b, "\n### config.json, %s\n\n", s.Name)
		rules := s.keys
		for _, r := range s.defaults.rules() {
			if i > 0 && r.Why == rotary && sameKeys(r, registry[0].defaults.rules()) {
				r.Keys = []string{"as llama's"}
			}
			rules = append(rules[:len(rules):len(rules)], r)
		}
		ruleLines(&b, rules)
	}
	b.WriteString("\n### generation_config.json\n\n")
	ruleLines(&b, GenerationRules())
	b.WriteString("\n### Files beside the weights\n\n")
	for _, r := range append(FileRules(), FileRule{[]string{"any other"}, otherFile.Effect, otherFile.Why}) {
		bullet(&b, fmt.Sprintf("%s %s: %s", ticked(r.Files), fileEffect(r.Effect), r.Why))
	}
	b.WriteString("\n")
	return b.String()
}

func sameKeys(r KeyRule, rules []KeyRule) bool {
	return slices.ContainsFunc(rules, func(o KeyRule) bool { return slices.Equal(o.Keys, r.Keys) })
}

func fileEffect(e Effect) string {
	switch e {
	case Only:
		return "must not be there"
	case Alike:
		return "must be alike"
	case Generation:
		return "(generation)"
	case Read:
		return "is read"
	}
	return "decide nothing"
}

// ruleLines writes one bullet for each rule, by effect.
func ruleLines(b *strings.Builder, rules []KeyRule) {
	for _, e := range []Effect{Read, Only, Alike, Generation, Training, Nothing} {
		for _, r := range rules {
			if r.Effect == e {
				bullet(b, string(e)+" "+grouped(r.Keys)+allowed(r)+": "+r.Why)
			}
		}
	}
}

// allowed says in brackets which values a key may have.
func allowed(r KeyRule) string {
	text := r.wanted()
	switch {
	case text == "":
		return ""
	case r.Effect == Only && text == "nothing":
		text = "absent"
	case r.Effect == Only || len(r.Values) > 0:
		text = "absent, " + strings.ReplaceAll(text, " or ", ", ")
	}
	return " (" + text + ")"
}

// grouped lists keys, those of objects after the object.
func grouped(keys []string) string {
	var top []string
	inside := map[string][]string{}
	for _, k := range keys {
		if outer, inner, ok := cutLast(k); ok && slices.Contains(keys, outer) {
			inside[outer] = append(inside[outer], inner)
		} else {
			top = append(top, k)
		}
	}
	var parts []string
	for _, k := range keys {
		if len(inside[k]) > 0 {
			top = slices.DeleteFunc(top, func(t string) bool { return t == k })
			parts = append(parts, fmt.Sprintf("in %s %s", ticked([]string{k}), ticked(inside[k])))
		}
	}
	if len(top) > 0 {
		parts = append([]string{ticked(top)}, parts...)
	}
	return strings.Join(parts, "; ")
}

func cutLast(k string) (outer, inner string, ok bool) {
	i := strings.LastIndex(k, ".")
	if i < 0 || strings.HasPrefix(k, `"`) {
		return k, "", false
	}
	return k[:i], k[i+1:], true
}

func ticked(keys []string) string {
	quoted := make([]string, len(keys))
	for i, k := range keys {
		quoted[i] = "`" + strings.Trim(k, `"`) + "`"
		if strings.Contains(k, " ") {
			quoted[i] = k
		}
	}
	return strings.Join(quoted, ", ")
}

// bullet writes a text as a list's entry, in lines of at most 100 columns.
func bullet(b *strings.Builder, text string) {
	line := "-"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > 100 {
			b.WriteString(line + "\n")
			line = " "
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}
