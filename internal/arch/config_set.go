package arch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Set replaces the value of key where it stands, or appends the key. The value may be nil, bool, int, int64,
// float64, string, []int, []float64, []string, json.RawMessage or *Config; anything else is a programmer's error.
// A float always gets a decimal point or an exponent, because transformers 5 refuses integers in its place.
func (c *Config) Set(key string, value any) {
	if _, ok := c.raw[key]; !ok {
		c.keys = append(c.keys, key)
	}
	c.raw[key] = encode(value)
	c.orig = nil
}

// Delete removes the key if it is there.
func (c *Config) Delete(key string) {
	i := slices.Index(c.keys, key)
	if i < 0 {
		return
	}
	c.keys = slices.Delete(c.keys, i, i+1)
	delete(c.raw, key)
	c.orig = nil
}

func encode(value any) json.RawMessage {
	switch v := value.(type) {
	case nil:
		return json.RawMessage("null")
	case bool:
		return strconv.AppendBool(nil, v)
	case int:
		return strconv.AppendInt(nil, int64(v), 10)
	case int64:
		return strconv.AppendInt(nil, v, 10)
	case float64:
		return encodeFloat(v)
	case string:
		return encodeString(v)
	case json.RawMessage:
		return slices.Clone(v)
	case *Config:
		return v.compact()
	case []int:
		return encodeList(v)
	case []float64:
		return encodeList(v)
	case []string:
		return encodeList(v)
	}
	panic(fmt.Sprintf("arch: no JSON for a %T in a config", value))
}

func encodeList[T any](list []T) json.RawMessage {
	b := []byte{'['}
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, encode(v)...)
	}
	return append(b, ']')
}

// encodeFloat writes the shortest text that reads back as v, in the style of Python's repr. What JSON cannot
// say is written as transformers 5 does.
func encodeFloat(v float64) json.RawMessage {
	switch {
	case math.IsNaN(v):
		return json.RawMessage(`{"__float__":"NaN"}`)
	case math.IsInf(v, 1):
		return json.RawMessage(`{"__float__":"Infinity"}`)
	case math.IsInf(v, -1):
		return json.RawMessage(`{"__float__":"-Infinity"}`)
	}
	if a := math.Abs(v); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.AppendFloat(nil, v, 'e', -1, 64)
	}
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return json.RawMessage(s)
}

func encodeString(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(fmt.Sprintf("arch: encoding %q: %v", s, err)) // strings always encode
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// sort puts the keys in order, as transformers writes them.
func (c *Config) sort() {
	slices.Sort(c.keys)
	c.orig = nil
}
