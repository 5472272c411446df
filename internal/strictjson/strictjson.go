// Package strictjson reads JSON that comes from outside so that it means one thing. encoding/json matches the names
// of fields without regard to case, keeps the last of two equal keys, puts U+FFFD in place of broken characters and
// drops what an array has too many: a file could then say one thing to famkit and another to the program that loads
// it. Here such a file is refused, and so is what nests deeper than MaxDepth or goes on after its value.
//
// Unmarshal is encoding/json's Unmarshal with these checks. A type with an UnmarshalJSON of its own is checked for
// duplicates and depth, but calls Unmarshal itself for the names of its fields.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Check reports whether text is one JSON value in UTF-8, without a key twice in one object, at any depth.
func Check(text []byte) error { return check(text, nil, false) }

// Unmarshal checks text and decodes it into v. A key that is a field's name in another case is refused; keys without a
// field are passed over, as encoding/json does.
func Unmarshal(text []byte, v any) error { return unmarshal(text, v, false) }

// UnmarshalKnown is Unmarshal for files of famkit's own: it refuses keys without a field.
func UnmarshalKnown(text []byte, v any) error { return unmarshal(text, v, true) }

func unmarshal(text []byte, v any, known bool) error {
	if err := check(text, reflect.TypeOf(v), known); err != nil {
		return err
	}
	return json.Unmarshal(text, v)
}

// Member is a key of an object with the text of its value, without the spaces around it.
type Member struct {
	Key   string
	Value json.RawMessage
}

// Members splits an object into its keys, in their order. It checks as Check does.
func Members(text []byte) ([]Member, error) {
	if err := Check(text); err != nil {
		return nil, err
	}
	w := NewWalker(text)
	var list []Member
	err := w.Object("value", func(key []byte) error {
		m := Member{Key: string(key)}
		w.space()
		from := w.pos
		err := w.Skip(0)
		m.Value = bytes.Clone(text[from:w.pos])
		list = append(list, m)
		return err
	})
	return list, err
}

// checker walks a value along the type that it will be decoded into.
type checker struct {
	Walker
	path  []step
	known bool
}

// step is a key, or an index where key is "".
type step struct {
	key   string
	index int
}

func check(text []byte, t reflect.Type, known bool) error {
	if len(bytes.TrimSpace(text)) == 0 {
		return errors.New("not valid JSON: empty")
	}
	if !utf8.Valid(text) {
		return errors.New("not UTF-8 text")
	}
	c := &checker{Walker: NewWalker(text), known: known}
	err := c.value(t)
	if err == nil {
		err = c.End("the value")
	}
	var syntax *syntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("not valid JSON: %w", err)
	}
	return err
}

// value takes one value. t is nil where the type says nothing of what is inside.
func (c *checker) value(t reflect.Type) error {
	t = target(t)
	first := c.Next()
	if err := c.kind(t, first); err != nil {
		return err
	}
	switch {
	case (first == '{' || first == '[') && len(c.path) >= MaxDepth:
		return c.Failf("values nest deeper than %d", MaxDepth)
	case first == '{':
		return c.object(t)
	case first == '[':
		return c.array(t)
	}
	from := c.pos
	if err := c.Skip(len(c.path)); err != nil {
		return err
	}
	if whole(t) && first != 'n' && bytes.ContainsAny(c.text[from:c.pos], ".eE") {
		return c.refuse("wanted an integer%s, found %s", c.where(), c.text[from:c.pos])
	}
	return nil
}

// kind refuses a value that begins like another kind than t's. encoding/json would say the same in Go's words.
func (c *checker) kind(t reflect.Type, first byte) error {
	if t == nil || first == 'n' || strings.IndexByte(`{["tf-0123456789`, first) < 0 {
		return nil // null leaves a field as it is; what is no value is refused when it is taken
	}
	wanted, ok := "", false
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		wanted, ok = "an object", first == '{'
	case reflect.Slice, reflect.Array:
		wanted, ok = "a list", first == '['
	case reflect.String:
		wanted, ok = "a string", first == '"'
	case reflect.Bool:
		wanted, ok = "true or false", first == 't' || first == 'f'
	default:
		wanted, ok = "a number", first == '-' || '0' <= first && first <= '9'
	}
	if ok {
		return nil
	}
	return c.refuse("wanted %s%s, found %s", wanted, c.where(), c.Found())
}

// whole reports whether t is an integer's type.
func whole(t reflect.Type) bool {
	return t != nil && reflect.Int <= t.Kind() && t.Kind() <= reflect.Uintptr
}

func (c *checker) object(t reflect.Type) error {
	seen := map[string]struct{}{}
	var names map[string]reflect.Type
	if t != nil && t.Kind() == reflect.Struct {
		names = fieldsOf(t)
	}
	return c.Object("value", func(raw []byte) error {
		key := string(raw)
		if _, twice := seen[key]; twice {
			return c.refuse("duplicate key %s%s", quote(key), c.where())
		}
		seen[key] = struct{}{}
		var inner reflect.Type
		switch {
		case names != nil:
			field, ok := names[key]
			if err := c.name(names, key, ok); err != nil {
				return err
			}
			inner = field
		case t != nil && t.Kind() == reflect.Map:
			inner = t.Elem()
		}
		c.path = append(c.path, step{key: key})
		err := c.value(inner)
		c.path = c.path[:len(c.path)-1]
		return err
	})
}

// name judges a key of an object that becomes a struct.
func (c *checker) name(names map[string]reflect.Type, key string, ok bool) error {
	if ok {
		return nil
	}
	for name := range names {
		if strings.EqualFold(name, key) {
			return c.refuse("key %s%s: wanted %q, keys match exactly", quote(key), c.where(), name)
		}
	}
	if c.known {
		return c.refuse("unknown key %s%s", quote(key), c.where())
	}
	return nil
}

func (c *checker) array(t reflect.Type) error {
	var inner reflect.Type
	if t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) {
		inner = t.Elem()
	}
	n := 0
	err := c.Array("value", func() error {
		c.path = append(c.path, step{index: n})
		err := c.value(inner)
		c.path = c.path[:len(c.path)-1]
		n++
		return err
	})
	if err == nil && t != nil && t.Kind() == reflect.Array && n != t.Len() {
		return c.refuse("wanted %d entries%s, found %d", t.Len(), c.where(), n)
	}
	return err
}

// refuse is an error about valid JSON.
func (c *checker) refuse(format string, a ...any) error {
	return fmt.Errorf("%s at byte %d", fmt.Sprintf(format, a...), c.pos)
}

// where says which object or list is being read.
func (c *checker) where() string {
	var b strings.Builder
	for _, s := range c.path {
		switch {
		case s.key == "":
			fmt.Fprintf(&b, "[%d]", s.index)
		case b.Len() == 0:
			b.WriteString(s.key)
		default:
			b.WriteString("." + s.key)
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return " in " + quote(b.String())
}

// quote makes a key from a file fit for a terminal, and short.
func quote(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return strconv.QuoteToGraphic(string(r[:most])) + "..."
	}
	return strconv.QuoteToGraphic(s)
}
