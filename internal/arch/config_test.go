package arch

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"famkit/internal/fault"
)

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := ParseConfig([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wantErr demands an input error that holds every part.
func wantErr(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, wanted one with %q", parts)
	}
	if fault.KindOf(err) != fault.Input {
		t.Errorf("kind %d, wanted input refused: %v", fault.KindOf(err), err)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q lacks %q", err, p)
		}
	}
}

func TestConfigKeepsBytes(t *testing.T) {
	text := "{ \"b\" : 30.0,\n\"a\":1e-06 , \"z\": [ ], \"u\": \"é<&>\\u2028\", \"n\": {\"k\": 1.50} }\n\n"
	c := mustParse(t, text)
	if got := string(c.Bytes()); got != text {
		t.Errorf("untouched config changed:\n%q\n%q", text, got)
	}
	d := c.Clone()
	d.Set("a", 3)
	if got := string(c.Bytes()); got != text {
		t.Errorf("changing a clone changed the config: %q", got)
	}
	want := "{\n  \"b\": 30.0,\n  \"a\": 3,\n  \"z\": [],\n  \"u\": \"é<&>\\u2028\",\n  \"n\": {\n    \"k\": 1.50\n  " +
		"}\n}\n"
	if got := string(d.Bytes()); got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestConfigRewritesAsTransformersWrites(t *testing.T) {
	for _, dir := range oracleDirs(t) {
		data := readFile(t, filepath.Join(dir, "config.json"))
		c := mustParse(t, string(data))
		c.Set("zz", 1)
		c.Delete("zz") // no longer the bytes as parsed, but the same content
		if got := string(c.Bytes()); got != string(data) {
			t.Errorf("%s: rewritten config differs from what transformers wrote:\n%s", dir, got)
		}
	}
}

func TestConfigSet(t *testing.T) {
	c := EmptyConfig()
	inner := EmptyConfig()
	inner.Set("x", 1.0)
	for _, kv := range []struct {
		key   string
		value any
		want  string
	}{
		{"int", 64, "64"}, {"whole", 64.0, "64.0"}, {"big", 1e16, "1e+16"}, {"theta", 1e6, "1000000.0"},
		{"eps", 1e-6, "1e-06"}, {"eps5", 1e-5, "1e-05"}, {"small", 0.0001, "0.0001"},
		{"third", 1.0 / 3, "0.3333333333333333"},
		{"neg", -0.5, "-0.5"}, {"zero", 0.0, "0.0"}, {"inf", math.Inf(1), `{"__float__":"Infinity"}`},
		{"s", "a<b>\n", `"a<b>\n"`}, {"nil", nil, "null"}, {"yes", true, "true"}, {"list", []string{"a", "b"}, `["a","b"]`},
		{"ints", []int{1, 2}, "[1,2]"}, {"floats", []float64{1, 2.5}, "[1.0,2.5]"}, {"obj", inner, `{"x":1.0}`},
	} {
		c.Set(kv.key, kv.value)
		if raw, _ := c.Raw(kv.key); string(raw) != kv.want {
			t.Errorf("%s: got %s, want %s", kv.key, raw, kv.want)
		}
	}
	if _, err := ParseConfig(c.Bytes()); err != nil {
		t.Error(err)
	}
	c.Delete("int")
	if c.Has("int") || !c.Has("whole") || c.Keys()[0] != "whole" {
		t.Errorf("delete left %v", c.Keys())
	}
}

func TestParseConfigRefuses(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"", "not valid JSON"},
		{"{", "not valid JSON"},
		{"[]", "wanted an object, found []"},
		{"null", "wanted an object"},
		{`{"a":1,"a":1}`, `duplicate key "a"`},
		{`{"a":{"b":[{"c":1,"c":2}]}}`, `duplicate key "c"`},
		{`{"a":1} x`, "not valid JSON"},
		{`{"a":01}`, "not valid JSON"},
		{`{"a":NaN}`, "not valid JSON"},
		{"{\"a\":\"\xff\"}", "not UTF-8"},
		{`{"a":1e999}`, "out of range"},
		{strings.Repeat("[", 20000), "not valid JSON"},
		{`{"a":` + strings.Repeat(`{"a":`, 9990) + "1" + strings.Repeat("}", 9991), "nest deeper than 128"},
	} {
		_, err := ParseConfig([]byte(tc.text))
		wantErr(t, err, "config.json", tc.want)
	}
}

func TestGettersNameKeyWantedFound(t *testing.T) {
	c := mustParse(t, `{"f": 64.0, "s": "x", "n": null, "o": {"k": "v"}, "l": [1, "a"], "big": 99999999999999999999, "b": 1, "exp": 1e3}`)
	for name, err := range map[string]error{
		"f: wanted an integer, found 64.0":                              second(c.Int("f", 0)),
		"exp: wanted an integer, found 1e3":                             second(c.Int("exp", 0)),
		`s: wanted an integer, found "x"`:                               second(c.Int("s", 0)),
		"n: wanted an integer, found null":                              second(c.Int("n", 0)),
		"big: wanted an integer":                                        second(c.Int("big", 0)),
		`s: wanted a number, found "x"`:                                 second(c.Float("s", 0)),
		"n: wanted a number, found null":                                second(c.Float("n", 0)),
		"b: wanted true or false, found 1":                              second(c.Bool("b", false)),
		"f: wanted a string, found 64.0":                                second(c.String("f", "")),
		"s: wanted an object":                                           third(c.Object("s")),
		`l: wanted a list of strings, found [1, "a"]`:                   third(c.Strings("l")),
		"s: wanted a list of strings":                                   third(c.Strings("s")),
		`l: wanted an integer or a list of integers, found [1, "a"]`:    third(c.Ints("l")),
		"f: wanted an integer or a list of integers, found 64.0":        third(c.Ints("f")),
		`config.json: o: k: wanted an integer, found "v"`:               nested(t, c, "o", "k"),
		"o: wanted an integer or a list of integers, found {\"k\": \"v": third(c.Ints("o")),
	} {
		wantErr(t, err, "config.json: ", name)
	}
	if v, err := c.Int("absent", 7); v != 7 || err != nil {
		t.Errorf("default: %d, %v", v, err)
	}
	if _, ok, err := c.IntOrNull("n", 7); ok || err != nil {
		t.Errorf("null integer: %v, %v", ok, err)
	}
	if v, ok, err := c.IntOrNull("absent", 7); v != 7 || !ok || err != nil {
		t.Errorf("absent integer: %d, %v, %v", v, ok, err)
	}
	if v, err := c.Float("exp", 0); v != 1000 || err != nil {
		t.Errorf("float: %v, %v", v, err)
	}
	if v, ok, err := c.Ints("b"); len(v) != 1 || v[0] != 1 || !ok || err != nil {
		t.Errorf("one integer as a list: %v, %v, %v", v, ok, err)
	}
}

func second[T any](_ T, err error) error        { return err }
func third[T, U any](_ T, _ U, err error) error { return err }
func nested(t *testing.T, c *Config, o, k string) error {
	t.Helper()
	in, ok, err := c.Object(o)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	return second(in.Int(k, 0))
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// oracleDirs are the fixtures of the four architectures.
func oracleDirs(t *testing.T) []string {
	t.Helper()
	var dirs []string
	all, err := filepath.Glob("../../fixtures/oracle/*/config.json")
	if err != nil || len(all) < 8 {
		t.Fatalf("oracle fixtures: %d, %v", len(all), err)
	}
	for _, path := range all {
		dirs = append(dirs, filepath.Dir(path))
	}
	return dirs
}
