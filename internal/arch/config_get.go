package arch

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"famkit/internal/fault"
)

// Has reports whether the key is there, be it null.
func (c *Config) Has(key string) bool {
	_, ok := c.raw[key]
	return ok
}

// IsSet reports whether the key is there and not null.
func (c *Config) IsSet(key string) bool {
	raw, ok := c.raw[key]
	return ok && !isNull(raw)
}

// Raw gives the text of a value as the file has it.
func (c *Config) Raw(key string) (json.RawMessage, bool) {
	raw, ok := c.raw[key]
	return slices.Clone(raw), ok
}

// wrong reports a value of another kind than wanted.
func (c *Config) wrong(key, wanted string) error {
	return fault.Inputf("%s: %s: wanted %s, found %s", c.path, key, wanted, clip(c.raw[key]))
}

// Int gives an integer, def where the key is absent. 64.0 is no integer, as transformers has it.
func (c *Config) Int(key string, def int) (int, error) {
	raw, ok := c.raw[key]
	if !ok {
		return def, nil
	}
	v, err := strconv.Atoi(string(raw))
	if err != nil {
		return 0, c.wrong(key, "an integer")
	}
	return v, nil
}

// IntOrNull gives an integer, def where the key is absent, and ok false where it is null.
func (c *Config) IntOrNull(key string, def int) (v int, ok bool, err error) {
	if c.Has(key) && !c.IsSet(key) {
		return 0, false, nil
	}
	v, err = c.Int(key, def)
	return v, err == nil, err
}

// Float gives a finite number, def where the key is absent.
func (c *Config) Float(key string, def float64) (float64, error) {
	raw, ok := c.raw[key]
	if !ok {
		return def, nil
	}
	if raw[0] == '"' {
		return 0, c.wrong(key, "a number")
	}
	v, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return 0, c.wrong(key, "a number")
	}
	return v, nil
}

// Bool gives true or false, def where the key is absent.
func (c *Config) Bool(key string, def bool) (bool, error) {
	raw, ok := c.raw[key]
	switch {
	case !ok:
		return def, nil
	case string(raw) == "true":
		return true, nil
	case string(raw) == "false":
		return false, nil
	}
	return false, c.wrong(key, "true or false")
}

// String gives a string, def where the key is absent.
func (c *Config) String(key, def string) (string, error) {
	raw, ok := c.raw[key]
	if !ok {
		return def, nil
	}
	var v string
	if raw[0] != '"' || json.Unmarshal(raw, &v) != nil {
		return "", c.wrong(key, "a string")
	}
	return v, nil
}

// StringOrNull gives a string, "" where the key is absent or null.
func (c *Config) StringOrNull(key string) (string, error) {
	if !c.IsSet(key) {
		return "", nil
	}
	return c.String(key, "")
}

// Object gives a copy of a nested object, ok false where the key is absent or null. Changes take effect when
// the copy is Set.
func (c *Config) Object(key string) (o *Config, ok bool, err error) {
	if !c.IsSet(key) {
		return nil, false, nil
	}
	if c.raw[key][0] != '{' {
		return nil, false, c.wrong(key, "an object")
	}
	o, err = parseObject(c.raw[key], c.path+": "+key)
	return o, err == nil, err
}

// Strings gives a list of strings, ok false where the key is absent or null.
func (c *Config) Strings(key string) (list []string, ok bool, err error) {
	items, ok, err := c.items(key, "a list of strings")
	if !ok || err != nil {
		return nil, false, err
	}
	list = make([]string, len(items))
	for i, raw := range items {
		if raw[0] != '"' || json.Unmarshal(raw, &list[i]) != nil {
			return nil, false, c.wrong(key, "a list of strings")
		}
	}
	return list, true, nil
}

// Ints gives a list of integers, or one integer as a list of one; ok false where the key is absent or null.
func (c *Config) Ints(key string) (list []int, ok bool, err error) {
	const wanted = "an integer or a list of integers"
	if c.IsSet(key) && c.raw[key][0] != '[' {
		v, err := strconv.Atoi(string(c.raw[key]))
		if err != nil {
			return nil, false, c.wrong(key, wanted)
		}
		return []int{v}, true, nil
	}
	items, ok, err := c.items(key, wanted)
	if !ok || err != nil {
		return nil, false, err
	}
	list = make([]int, len(items))
	for i, raw := range items {
		if list[i], err = strconv.Atoi(string(raw)); err != nil {
			return nil, false, c.wrong(key, wanted)
		}
	}
	return list, true, nil
}

// Floats gives a list of finite numbers, ok false where the key is absent or null.
func (c *Config) Floats(key string) (list []float64, ok bool, err error) {
	items, ok, err := c.items(key, "a list of numbers")
	if !ok || err != nil {
		return nil, false, err
	}
	list = make([]float64, len(items))
	for i, raw := range items {
		v, err := strconv.ParseFloat(string(raw), 64)
		if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, false, c.wrong(key, "a list of numbers")
		}
		list[i] = v
	}
	return list, true, nil
}

func (c *Config) items(key, wanted string) ([]json.RawMessage, bool, error) {
	if !c.IsSet(key) {
		return nil, false, nil
	}
	var items []json.RawMessage
	if c.raw[key][0] != '[' || json.Unmarshal(c.raw[key], &items) != nil {
		return nil, false, c.wrong(key, wanted)
	}
	for i := range items {
		items[i] = bytes.TrimSpace(items[i])
	}
	return items, true, nil
}

func isNull(raw json.RawMessage) bool { return string(raw) == "null" }
