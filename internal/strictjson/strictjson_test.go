package strictjson

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

type inner struct {
	Theta float64 `json:"rope_theta"`
	Kind  string  `json:"rope_type"`
}

type outer struct {
	Weights *string          `json:"transformers_weights"`
	Rope    inner            `json:"rope"`
	Layers  []inner          `json:"layers"`
	ByName  map[string]inner `json:"by_name"`
	Pair    [2]int           `json:"pair"`
	Count   int
	Any     any             `json:"any"`
	Raw     json.RawMessage `json:"raw"`
	inner
}

func TestUnmarshal(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	for _, c := range []struct{ text, want string }{
		{`{"transformers_weights":"x","rope":{"rope_theta":1e4},"layers":[{}],"by_name":{"A":{},"a":{}}}`, ""},
		{`{"pair":[1,2],"Count":-3}`, ""},
		{` {"any":{"Any":1,"any":2},"raw":{"x":[1.5,null,true]},"unknown":[[]]} `, ""},
		{`{"transformers_weights":null,"rope_theta":2}`, ""},
		{`{"any":` + deep(MaxDepth-1) + `}`, ""},
		{`{"Transformers_Weights":"x"}`, `key "Transformers_Weights": wanted "transformers_weights", keys match`},
		{"{\"tran\u017fformers_weights\":\"x\"}", `wanted "transformers_weights"`},
		{`{"count":1}`, `wanted "Count"`},
		{`{"ROPE_TYPE":"x"}`, `wanted "rope_type"`},
		{`{"rope":{"Rope_Theta":1}}`, `key "Rope_Theta" in "rope"`},
		{`{"layers":[{},{"Rope_Theta":1}]}`, `in "layers[1]"`},
		{`{"by_name":{"a":{"rope_Type":""}}}`, `in "by_name.a"`},
		{`{"any":{"a":1,"b":[{"c":1,"c":2}]}}`, `duplicate key "c" in "any.b[0]"`},
		{`{"raw":{"a":1,"\u0061":1}}`, `duplicate key "a" in "raw"`},
		{`{"unknown":{"a":1,"a":1}}`, `duplicate key "a" in "unknown"`},
		{`{"pair":[1,2,3]}`, `wanted 2 entries in "pair", found 3`},
		{`{"pair":[1]}`, "found 1"},
		{`{"Count":1.0}`, `wanted an integer in "Count", found 1.0`},
		{`{"Count":"1"}`, `wanted a number in "Count"`},
		{`{"rope":[]}`, `wanted an object in "rope"`},
		{`{"layers":{}}`, `wanted a list in "layers"`},
		{`{"transformers_weights":1}`, `wanted a string in "transformers_weights"`},
		{`{"any":` + deep(MaxDepth) + `}`, "nest deeper than 128"},
		{`{"any":` + strings.Repeat("[", 1<<20), "nest deeper"},
		{deep(9990), "nest deeper"},
		{`{} {}`, `found "{}" after the value`},
		{`{"a":1}x`, "after the value"},
		{`{"any":"\ud800"}`, "lone surrogate"},
		{"{\"any\":\"\xff\"}", "not UTF-8"},
		{"\ufeff{}", "not valid JSON"},
		{`{"any":1e999}`, "out of range"},
		{`{"any":NaN}`, "not valid JSON"},
		{`{"any":01}`, "not valid JSON"},
		{`{"any":[1,]}`, "not valid JSON"},
		{"", "not valid JSON: empty"},
		{"  ", "not valid JSON: empty"},
		{"<html>", "not valid JSON"},
		{"{\"any\":{\"\x1b[2J\":1,\"\x1b[2J\":1}}", "not valid JSON"},
		{`{"any":{"\u001b[2J":1,"\u001b[2J":1}}`, `duplicate key "\x1b[2J"`},
	} {
		var v outer
		err := Unmarshal([]byte(c.text), &v)
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%.80s: %v, want %q", c.text, err, c.want)
		case err == nil && v.Rope.Theta == 0 && strings.Contains(c.text, "1e4"):
			t.Errorf("%s: not decoded: %+v", c.text, v)
		}
	}
}

func TestUnmarshalKnown(t *testing.T) {
	var v outer
	if err := UnmarshalKnown([]byte(`{"by_name":{"anything":{"rope_theta":1}},"any":{"x":1}}`), &v); err != nil {
		t.Error(err)
	}
	err := UnmarshalKnown([]byte(`{"rope":{"factor":1}}`), &v)
	if err == nil || !strings.Contains(err.Error(), `unknown key "factor" in "rope"`) {
		t.Error(err)
	}
}

func TestMembers(t *testing.T) {
	list, err := Members([]byte(" {\"b\" :\t[ 1 ] , \"a\":\"x\\n\"\n, \"c\":{}} "))
	want := []Member{{"b", json.RawMessage("[ 1 ]")}, {"a", json.RawMessage(`"x\n"`)}, {"c", json.RawMessage("{}")}}
	if err != nil || !reflect.DeepEqual(list, want) {
		t.Errorf("%q, %v", list, err)
	}
	if _, err := Members([]byte("[]")); err == nil || !strings.Contains(err.Error(), "wanted an object") {
		t.Error(err)
	}
}

// FuzzCheck: what is accepted is JSON to the standard library too, and means the same when it is decoded and written
// again.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":null}]}`, `"\ud83d\ude00"`, `[1e5,-0,0.1]`, `{"a":{"a":1},"b":{"a":2}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if Check(text) != nil {
			return
		}
		if !json.Valid(text) || !utf8.Valid(text) {
			t.Fatalf("accepted %q", text)
		}
		var a, b any
		if err := json.Unmarshal(text, &a); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(again, &b); err != nil || !reflect.DeepEqual(a, b) {
			t.Fatalf("%q became %q", text, again)
		}
	})
}

func TestWithout(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":1}`:                             `{}`,
		`{"a": 1, "b": 30.0}`:                 `{ "b": 30.0}`,
		"{\n \"b\": 30.0,\n \"a\": [1, 2]\n}": "{\n \"b\": 30.0\n}",
		`{"b":{"a":1},"a":"},","c":null}`:     `{"b":{"a":1},"c":null}`,
		` { "\u0061" : 1 , "b":2 } `:          ` { "b":2 } `,
		`{"b":1}`:                             `{"b":1}`,
		`{}`:                                  `{}`,
	} {
		got, err := Without([]byte(text), "a")
		if err != nil || string(got) != want || Check(got) != nil {
			t.Errorf("%s: %q, %v, want %q", text, got, err, want)
		}
	}
	if _, err := Without([]byte("[]"), "a"); err == nil {
		t.Error("a list has no keys")
	}
}
