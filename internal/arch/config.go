package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"famkit/internal/fault"
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

// ParseConfig reads a config.json. It refuses what is not one JSON object in UTF-8, and duplicate keys at any depth.
func ParseConfig(b []byte) (*Config, error) {
	if !utf8.Valid(b) {
		return nil, fault.Inputf("config.json: not UTF-8 text")
	}
	var whole json.RawMessage
	if err := json.Unmarshal(b, &whole); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, fault.Inputf("config.json: not valid JSON at byte %d: %w", syntax.Offset, err)
		}
		return nil, fault.Inputf("config.json: not valid JSON: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber() // numbers are judged when they are asked for
	if err := refuseDuplicates(dec, "config.json"); err != nil {
		return nil, err
	}
	c, err := parseObject(whole, "config.json")
	if err != nil {
		return nil, err
	}
	c.orig = slices.Clone(b)
	return c, nil
}

// parseObject splits valid JSON without duplicates into its keys and their raw values.
func parseObject(b []byte, path string) (*Config, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	tok, err := dec.Token()
	if err != nil {
		return nil, fault.Inputf("%s: %w", path, err)
	}
	if tok != json.Delim('{') {
		return nil, fault.Inputf("%s: wanted an object, found %s", path, clip(b))
	}
	c := &Config{path: path, raw: map[string]json.RawMessage{}}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, fault.Inputf("%s: %w", path, err)
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, fault.Inputf("%s: %w", path, err)
		}
		name := key.(string) // a key of an object is a string
		c.keys = append(c.keys, name)
		c.raw[name] = raw
	}
	return c, nil
}

// refuseDuplicates reads one value from dec and looks for keys that occur twice in one object. The standard
// decoder keeps the last of them, other readers the first: such a file means two things.
func refuseDuplicates(dec *json.Decoder, path string) error {
	tok, err := dec.Token()
	if err != nil {
		return fault.Inputf("%s: %w", path, err)
	}
	switch tok {
	case json.Delim('{'):
		seen := map[string]bool{}
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return fault.Inputf("%s: %w", path, err)
			}
			name := key.(string)
			if seen[name] {
				return fault.Inputf("%s: duplicate key %q", path, name)
			}
			seen[name] = true
			if err := refuseDuplicates(dec, path+": "+name); err != nil {
				return err
			}
		}
	case json.Delim('['):
		for dec.More() {
			if err := refuseDuplicates(dec, path); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	_, err = dec.Token() // the closing bracket
	return err
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
	d := &Config{path: c.path, keys: slices.Clone(c.keys), orig: c.orig, raw: make(map[string]json.RawMessage, len(c.raw))}
	for k, v := range c.raw {
		d.raw[k] = v
	}
	return d
}

// Keys lists the keys in their order.
func (c *Config) Keys() []string { return slices.Clone(c.keys) }

// clip shortens a raw value for an error message.
func clip(raw []byte) string {
	const most = 60
	s := string(bytes.TrimSpace(raw))
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "..."
}
