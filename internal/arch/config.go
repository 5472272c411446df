package arch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"famkit/internal/fault"
	"famkit/internal/strictjson"
)

// Config is a config.json: an object whose keys keep their order and whose values keep their text, so that
// 30.0 stays 30.0 (transformers 5 refuses 30 where it wants a float) and keys unknown here travel along.
type Config struct {
	path string // what errors call the object: "config.json" or "config.json: rope_parameters"
	keys []string
	raw  map[string]json.RawMessage
	orig []byte // the bytes as parsed while nothing has been changed
}

// EmptyConfig is a config without keys, to be filled with Set.
func EmptyConfig() *Config {
	return &Config{path: "config.json", raw: map[string]json.RawMessage{}}
}

// ParseConfig reads a config.json. It refuses what is not one JSON object in UTF-8, what nests deeper than
// strictjson.MaxDepth, and duplicate keys at any depth.
func ParseConfig(b []byte) (*Config, error) {
	c, err := parseObject(b, "config.json")
	if err != nil {
		return nil, err
	}
	c.orig = slices.Clone(b)
	return c, nil
}

// parseObject splits an object into its keys and their raw values.
func parseObject(b []byte, path string) (*Config, error) {
	members, err := strictjson.Members(b)
	switch {
	case err != nil && json.Valid(b) && bytes.TrimSpace(b)[0] != '{':
		return nil, fault.Inputf("%s: wanted an object, found %s", path, clip(b))
	case err != nil:
		return nil, fault.Inputf("%s: %w", path, err)
	}
	c := &Config{path: path, raw: make(map[string]json.RawMessage, len(members))}
	for _, m := range members {
		c.keys = append(c.keys, m.Key)
		c.raw[m.Key] = m.Value
	}
	return c, nil
}

// Bytes is the config as a file: what was parsed while nothing has changed, else indented by two blanks and
// ended by a newline, as transformers writes it.
func (c *Config) Bytes() []byte {
	if c.orig != nil {
		return slices.Clone(c.orig)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, c.compact(), "", "  "); err != nil {
		panic(fmt.Sprintf("arch: config holds invalid JSON: %v", err))
	}
	out.WriteByte('\n')
	return out.Bytes()
}

// compact joins keys and raw values into one JSON object.
func (c *Config) compact() []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, k := range c.keys {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(encodeString(k))
		b.WriteByte(':')
		b.Write(c.raw[k])
	}
	b.WriteByte('}')
	return b.Bytes()
}

// Clone is a copy that can be changed by itself.
func (c *Config) Clone() *Config {
	return &Config{path: c.path, keys: slices.Clone(c.keys), orig: c.orig, raw: maps.Clone(c.raw)}
}

// Keys lists the keys in their order.
func (c *Config) Keys() []string { return slices.Clone(c.keys) }

// clip shortens a raw value for a message, and escapes what a terminal might take for more than text.
func clip(raw []byte) string {
	const most = 60
	s := string(bytes.TrimSpace(raw))
	if len(s) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "..."
	}
	if strings.IndexFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return b.String()
}
