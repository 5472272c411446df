package arch

import (
	"slices"
	"strings"
)

// Effect says what a key of a config does to what a loader computes.
type Effect string

// The effects. What is in no table has none of them: it must be alike in parent and child.
const (
	// Read: famkit reads the key, and what it means is part of the Model, which a proof compares.
	Read Effect = "read"
	// Alike: it acts, or may act, and famkit does not model how; parent and child must say the same.
	Alike Effect = "alike"
	// Only: it must be absent, null or one of the rule's values. With any other value a loader computes something else.
	Only Effect = "only"
	// Generation: it decides what generate() chooses, stops at or pads with, not the logits of given tokens.
	Generation Effect = "generation"
	// Training: it acts in training only.
	Training Effect = "training"
	// Nothing: no loader computes anything else by it.
	Nothing Effect = "nothing"
)

// KeyRule says of some keys of a config.json what they do. A key of a nested object is written with a dot; one that has
// dots itself stands in quotes.
type KeyRule struct {
	Keys   []string
	Effect Effect
	// Why says what the key decides, or why it decides nothing.
	Why string
	// Values are the values that a key may have, as JSON, an Only key always and others where there are any; `["a",
	// ...]` is a list of nothing but "a", of any length. Null is as good unless NotNull, and so is the key's absence.
	Values  []string
	NotNull bool
	// Takes are the kinds of value that transformers 4 and 5 load; they refuse to load, or fall over, any other.
	// Empty means any: what the value must be is judged where it is read, or does not matter. Range bounds numbers,
	// where it is not nil; an ID must be below the size of the vocabulary.
	Takes []Kind
	Range *[2]float64
	ID    bool
	// Unreadable: with another value than Values the rest of the config does not mean what it says, so that no command
	// goes on.
	Unreadable bool
}

// Kind is a kind of JSON value. A number is an Integer where it is written as one, as Python has it.
type Kind string

// The kinds.
const (
	NullKind    Kind = "null"
	BoolKind    Kind = "true or false"
	IntegerKind Kind = "an integer"
	FloatKind   Kind = "a number with a point"
	StringKind  Kind = "a string"
	ListKind    Kind = "a list"
	ObjectKind  Kind = "an object"
)

// kindOf tells the kind of a value from its text.
func kindOf(raw []byte) Kind {
	switch raw[0] {
	case 'n':
		return NullKind
	case 't', 'f':
		return BoolKind
	case '"':
		return StringKind
	case '[':
		return ListKind
	case '{':
		return ObjectKind
	}
	if slices.ContainsFunc(raw, func(c byte) bool { return c == '.' || c == 'e' || c == 'E' }) {
		return FloatKind
	}
	return IntegerKind
}

// kinds puts kinds into a list.
func kinds(k ...Kind) []Kind { return k }

// Rules lists what is known of the keys of the architecture's config.json: its own rules first, then those of all
// architectures. The first rule that names a key holds.
func (s *Spec) Rules() []KeyRule { return slices.Clone(s.rules.list) }

// Rule is what is known of one key.
func (s *Spec) Rule(key string) (KeyRule, bool) { return s.rules.of(key) }

// ruleSet is a list of rules with an index of their keys.
type ruleSet struct {
	list []KeyRule
	at   map[string]int
	// outer are the keys of the objects whose inner keys have rules.
	outer map[string]bool
}

func newRuleSet(lists ...[]KeyRule) ruleSet {
	set := ruleSet{slices.Concat(lists...), map[string]int{}, map[string]bool{}}
	for i, r := range set.list {
		for _, k := range r.Keys {
			if _, ok := set.at[k]; !ok {
				set.at[k] = i
			}
			for at, c := range k {
				if c == '.' && k[0] != '"' {
					set.outer[k[:at]] = true
				}
			}
		}
	}
	return set
}

// of is the rule of a key. Names that begin with two underscores are Python's own: __dict__ would replace all others.
func (set ruleSet) of(key string) (KeyRule, bool) {
	if strings.HasPrefix(key, "__") {
		return classNames, true
	}
	i, ok := set.at[key]
	if !ok {
		return KeyRule{}, false
	}
	return set.list[i], true
}

// foreignTo is the rule of keys that other families read, where s and all families have none for them.
func foreignTo(s *Spec) []KeyRule {
	own := newRuleSet(s.keys, s.defaults.rules(), commonRules)
	r := KeyRule{Effect: Alike, Why: "of other architectures"}
	for _, other := range registry {
		for _, rule := range append(other.defaults.rules(), other.keys...) {
			for _, k := range rule.Keys {
				if _, ok := own.of(k); !ok && !strings.Contains(k, ".") && !slices.Contains(r.Keys, k) {
					r.Keys = append(r.Keys, k)
				}
			}
		}
	}
	slices.Sort(r.Keys)
	return []KeyRule{r}
}

// rules are those of the keys that the family's configs have in common with others: sizes and rotary settings.
func (d *defaults) rules() []KeyRule {
	var list []KeyRule
	read := func(why string, keys ...string) {
		keys = slices.DeleteFunc(keys, func(k string) bool { return k == "" })
		if len(keys) > 0 {
			list = append(list, KeyRule{Keys: keys, Effect: Read, Why: why})
		}
	}
	read("a size", d.keys.hidden, d.keys.layers, d.keys.heads, d.keys.kv, d.keys.headDim, d.keys.ffn, d.keys.maxPos)
	read("epsilon of the norms", d.keys.eps)
	read("activation of the MLP", d.keys.act)
	if d.rope != nil {
		list = append(list, d.rope.rules()...)
	}
	return list
}
