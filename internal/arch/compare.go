package arch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"famkit/internal/strictjson"
)

// Fact is one thing beside the tensors that two checkpoints were compared by: a key of a config, or a whole file
// where Key is "". Parent and Child are the values as the files have them, "" where there is none.
type Fact struct {
	File   string `json:"file"`
	Key    string `json:"key,omitempty"`
	Effect Effect `json:"effect"`
	Parent string `json:"parent,omitempty"`
	Child  string `json:"child,omitempty"`
	// Why says what the key decides, or why it decides nothing.
	Why string `json:"why,omitempty"`
}

// Differs reports whether parent and child say something else.
func (f Fact) Differs() bool { return f.Parent != f.Child }

// CompareLoaded compares what loaders, transformers 4 and 5, with a cache and without, make of two checkpoints beside
// their Models and tensors. The facts say what was compared: what famkit reads, which is part of the Models and is
// judged with them; what both say alike; what has no effect. The fatal findings say what a loader would obey in one
// of them that famkit does not model, and what differs without being known to have no effect. Without fatal findings,
// equal functions of both Models are equal functions as loaded, but for the types in which the weights are held: see
// LoadedAs, of which findings that are not fatal speak.
func CompareLoaded(parent, child *Checkpoint) ([]Fact, []Finding) {
	c := &comparer{parent: side{"parent", parent}, child: side{"child", child}}
	c.configs()
	c.generation()
	c.files()
	c.weights()
	return c.facts, c.found
}

// side is one of the two checkpoints.
type side struct {
	who string
	*Checkpoint
}

type comparer struct {
	parent, child side
	facts         []Fact
	found         []Finding
}

// ConfigFile is the name of the file with a model's configuration.
const ConfigFile = "config.json"

// refuse notes something that stands against the checkpoints being equal as loaded.
func (c *comparer) refuse(f Finding, format string, a ...any) {
	f.Fatal = true
	f.Text = fmt.Sprintf(format, a...)
	c.found = append(c.found, f)
}

// configs compares both config.json, key by key.
func (c *comparer) configs() {
	both := true
	for _, s := range []side{c.parent, c.child} {
		if s.Config == nil {
			both = false
			c.refuse(Finding{Code: BadConfig}, "the %s has no %s: nothing says what loaders make of its weights", s.who,
				ConfigFile)
		}
	}
	if both {
		c.keys(ConfigFile, leavesOf(c.parent.Config, c.parent.Model.Spec.rules, c.parent.Model),
			leavesOf(c.child.Config, c.child.Model.Spec.rules, c.child.Model))
	}
}

// keys compares two files key by key.
func (c *comparer) keys(file string, was, is leaves) {
	keys := slices.Sorted(maps.Keys(was.values))
	for k := range is.values {
		if _, both := was.values[k]; !both {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		c.key(file, k, was, is)
	}
}

// key judges one key of a file by the rules of both sides, which differ where the architectures do.
func (c *comparer) key(file, key string, was, is leaves) {
	before := len(c.found)
	rule := is.rule(key)
	if _, ok := is.values[key]; !ok {
		rule = was.rule(key)
	}
	must := was.judge(c, "parent", file, key)
	if is.judge(c, "child", file, key) {
		must = true
	}
	a, b := was.values[key], is.values[key]
	if must && !bytes.Equal(a, b) {
		c.refuse(Finding{Code: Unlike, Key: key, Want: orNothing(a), Found: orNothing(b)},
			"%s: %s: wanted %s as in the parent, found %s: %s", file, clip([]byte(key)), orNothing(a), orNothing(b),
			rule.Why)
	}
	if len(c.found) == before {
		c.facts = append(c.facts, Fact{File: file, Key: key, Effect: rule.Effect, Parent: clip(a), Child: clip(b),
			Why: rule.Why})
	}
}

// leaves are the keys of a config, those of nested objects that the rules know with a dot, and their values as
// compact JSON with sorted keys.
type leaves struct {
	rules  ruleSet
	vocab  int
	values map[string][]byte
}

// leavesOf splits a config of a model.
func leavesOf(c *Config, rules ruleSet, m *Model) leaves {
	l := leaves{rules, m.Vocab, map[string][]byte{}}
	l.add(c, "")
	return l
}

func (l leaves) add(c *Config, prefix string) {
	for _, k := range c.keys {
		raw, key := c.raw[k], prefix+member(k)
		if l.rules.outer[key] {
			if o, err := parseObject(raw, key); err == nil && len(o.keys) > 0 {
				l.add(o, key+".")
				continue
			}
		}
		l.values[key] = canonical(raw)
	}
}

// member is a key as it stands between dots: quoted where it is not a plain word.
func member(key string) string {
	if plain(key, "_-") {
		return key
	}
	return strconv.Quote(key)
}

// fileShown is a file's name for messages.
func fileShown(name string) string {
	if plain(name, "_-./") {
		return name
	}
	return strconv.Quote(name)
}

// plain reports whether a name has letters, digits and the given marks only.
func plain(name, marks string) bool {
	odd := func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune(marks, r)
	}
	return name != "" && strings.IndexFunc(name, odd) < 0
}

// unknownRule is that of a key which no table names.
var unknownRule = KeyRule{Effect: Alike, Why: "famkit does not know what loaders make of this key"}

func (l leaves) rule(key string) KeyRule {
	if r, ok := l.rules.of(key); ok {
		return r
	}
	return unknownRule
}

// judge looks at one side's value by itself and reports whether the other side must say the same.
func (l leaves) judge(c *comparer, who, file, key string) bool {
	raw, ok := l.values[key]
	if !ok {
		return false
	}
	rule := l.rule(key)
	if bad := rule.refuses(raw, l.vocab); bad != "" {
		c.refuse(Finding{Code: Obeyed, Key: key, Want: rule.wanted(), Found: clip(raw)},
			"the %s's %s: %s: wanted %s, found %s: %s", who, file, clip([]byte(key)), rule.wanted(), clip(raw), bad)
	}
	return rule.Effect == Alike
}

// unloadable is why a value is refused that is no number of the right size, or no number.
const unloadable = "transformers 4 or 5 does not load it"

// refuses says what is wrong with a value in a config of the given vocabulary, "" where nothing is.
func (r KeyRule) refuses(raw []byte, vocab int) string {
	kind := kindOf(raw)
	switch {
	case (r.Effect == Only || len(r.Values) > 0) && !(kind == NullKind && !r.NotNull) && !r.allows(raw):
		if r.Effect != Only {
			return unloadable
		}
		return r.Why
	case len(r.Takes) > 0 && !slices.Contains(r.Takes, kind):
		return unloadable
	case kind != IntegerKind && kind != FloatKind:
		return ""
	}
	v, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || r.Range != nil && (v < r.Range[0] || v > r.Range[1]) || r.ID && v >= float64(vocab) {
		return unloadable
	}
	return ""
}

// allows reports whether a value is one of the rule's.
func (r KeyRule) allows(raw []byte) bool {
	for _, v := range r.Values {
		entry, list := strings.CutSuffix(v, `, ...]`)
		if !list && v == string(raw) {
			return true
		}
		var items []json.RawMessage
		if !list || strictjson.Unmarshal(raw, &items) != nil {
			continue
		}
		other := func(item json.RawMessage) bool { return string(item) != entry[1:] }
		if items != nil && !slices.ContainsFunc(items, other) {
			return true
		}
	}
	return false
}

// wanted says which values the rule lets pass.
func (r KeyRule) wanted() string {
	var list []string
	if r.Effect == Only || len(r.Values) > 0 {
		list = slices.Clone(r.Values)
		if !r.NotNull {
			list = append([]string{"null"}, list...)
		}
		if len(list) == 0 {
			return "nothing"
		}
	}
	for _, k := range r.Takes {
		list = append(list, string(k))
	}
	text := strings.Join(list, " or ")
	if r.Range != nil {
		text += fmt.Sprintf(" from %v to %v", r.Range[0], r.Range[1])
	}
	if r.ID {
		text += " below vocab_size"
	}
	return text
}

// canonical is a value's text without spaces, objects sorted by key: two values with the same text mean the same to
// whoever reads them. Numbers keep their text.
func canonical(raw []byte) []byte {
	switch raw[0] {
	case '{':
		o, err := parseObject(raw, "")
		if err != nil {
			return raw
		}
		o.sort()
		for k, v := range o.raw {
			o.raw[k] = canonical(v)
		}
		return o.compact()
	case '[':
		var items []json.RawMessage
		if strictjson.Unmarshal(raw, &items) != nil {
			return raw
		}
		for i := range items {
			items[i] = canonical(bytes.TrimSpace(items[i]))
		}
		return append(append([]byte{'['}, bytes.Join(asBytes(items), []byte{','})...), ']')
	}
	return raw
}

func asBytes(items []json.RawMessage) [][]byte {
	out := make([][]byte, len(items))
	for i, v := range items {
		out[i] = v
	}
	return out
}

func orNothing(raw []byte) string {
	if len(raw) == 0 {
		return "nothing"
	}
	return clip(raw)
}
