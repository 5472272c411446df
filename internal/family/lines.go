package family

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"

	toml "github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"famkit/internal/fault"
)

// lines are the lines on which keys of a recipe stand, by their full names: "training.lr", "member[1].params".
type lines map[string]int

// readLines finds where the keys stand. What is no TOML is told by its position.
func readLines(b []byte) (lines, error) {
	list, tables, prefix := lines{}, map[string]int{}, ""
	p := unstable.Parser{}
	p.Reset(b)
	for p.NextExpression() {
		e := p.Expression()
		var names []string
		line := 0
		for it := e.Key(); it.Next(); {
			names = append(names, string(it.Node().Data))
			line = p.Shape(it.Node().Raw).Start.Line
		}
		name := strings.Join(names, ".")
		switch e.Kind {
		case unstable.ArrayTable:
			prefix = fmt.Sprintf("%s[%d]", name, tables[name])
			tables[name]++
			list[prefix] = line
			prefix += "."
		case unstable.Table:
			list[name] = line
			prefix = name + "."
		case unstable.KeyValue:
			list[prefix+name] = line
		}
	}
	return list, p.Error()
}

// decode reads the text strictly: keys that the recipe does not have are refused. Whatever the library does with text
// that it did not expect ends as an error.
func decode(b []byte, into *Recipe) error {
	d := toml.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

func dotted(key toml.Key) string { return strings.Join(key, ".") }

func trimPrefix(s, prefix string) string { return strings.TrimPrefix(s, prefix) }

// nearestKey lists the keys that stand where one was not known.
func nearestKey(key toml.Key) string {
	t := reflect.TypeFor[Recipe]()
	for _, name := range key[:max(0, len(key)-1)] {
		for i := range t.NumField() {
			if f := t.Field(i); f.Tag.Get("toml") == name {
				t = f.Type
				break
			}
		}
		if t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return "famkit family init writes a recipe with every key"
		}
	}
	var names []string
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("toml"); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return "there are " + strings.Join(names, ", ")
}

// refuse is the error of a key whose value cannot be: file, line, key, wanted, found.
func (r *Recipe) refuse(key, wanted string, found any) error {
	return fault.Inputf("%s: wanted %s, found %v", r.at(key), wanted, found)
}

// at is the place of a key, of the table that it would stand in where it is not there.
func (r *Recipe) at(key string) string {
	for k := key; k != ""; k = k[:max(0, strings.LastIndexAny(k, ".["))] {
		if line, ok := r.lines[k]; ok {
			return fmt.Sprintf("%s: line %d: %s", r.path, line, key)
		}
	}
	return r.path + ": " + key
}

// inRecipe puts the place of a key before an error of a package that knows no recipes, and spells its settings as keys.
func (r *Recipe) inRecipe(err error, key string, spell func(fault.Setting) string) error {
	if err == nil {
		return nil
	}
	out := fault.Inputf("%s: %s", r.at(key), fault.Text(err, spell))
	if hint := fault.HintText(err, spell); hint != "" {
		return fault.Hint(out, "%s", hint)
	}
	return out
}

// spellIn gives settings the spelling of keys of a table.
func (r *Recipe) spellIn(table string) func(fault.Setting) string {
	return func(s fault.Setting) string {
		text := s.Name
		if s.Value != "" {
			text += " = " + s.Value
		}
		if line, ok := r.lines[table+"."+s.Name]; ok {
			text += fmt.Sprintf(" (line %d)", line)
		}
		return text
	}
}
