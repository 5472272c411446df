//go:build linux

package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// loud is text that tries to speak to the terminal, as a JSON string has it.
const loud = `x\u001b[31m\u001b]0;owned\u0007\n` + claim + `\r\u009b2J\u202e\u2066\u007f\u2028\u0000\ud83d\ude00`

// The commands that read a model.
var modelCommands = []string{"inspect SRC", "inspect SRC --tensors --json", "expand SRC OUT --depth 2x -n",
	"convert SRC OUT --dtype bf16 -n",
	"verify MODEL SRC --proof-only"}

// specialFiles stand in the place of parts of a model: what waits for ever, has no end, or is no file.
func specialFiles() (list []attack) {
	kinds := map[string]func(path string) error{
		"pipe":   func(p string) error { return syscall.Mkfifo(p, 0o600) },
		"folder": func(p string) error { return os.Mkdir(p, 0o700) },
		"zeros":  func(p string) error { return os.Symlink("/dev/zero", p) },
		"random": func(p string) error { return os.Symlink("/dev/urandom", p) },
		"loop":   func(p string) error { return os.Symlink(p, p) },
		"sparse": func(p string) error {
			if err := os.WriteFile(p, nil, 0o600); err != nil {
				return err
			}
			return os.Truncate(p, 1<<40)
		},
		"socket": func(p string) error {
			return inFolder(filepath.Dir(p), func(dir string) error {
				l, err := net.Listen("unix", filepath.Join(dir, filepath.Base(p)))
				if err == nil {
					l.(*net.UnixListener).SetUnlinkOnClose(false)
					err = l.Close()
				}
				return err
			})
		},
	}
	parts := map[string]bool{ // part of a model: whether no command can do without it
		"config.json": true, "model.safetensors": true, "model.safetensors.index.json": false, "tokenizer.json": false,
		"generation_config.json": false, "plan.json": false, "lineage.json": false,
	}
	for kind, make := range kinds {
		for part, needed := range parts {
			a := attack{kind + " as " + part, func(t *testing.T, path string) {
				copyModel(t, path)
				p := filepath.Join(path, part)
				_ = os.Remove(p)
				if part == "model.safetensors.index.json" { // it is read where there is no other
					_ = os.Remove(filepath.Join(path, "model.safetensors"))
				}
				if err := make(p); err != nil {
					t.Skip(err)
				}
			}, []string{"inspect SRC", "expand SRC OUT --depth 2x -n", "verify MODEL SRC --proof-only"}, part, []int{1, 3}}
			if !needed && (kind == "folder" || kind == "sparse") {
				a.may = []int{0, 1, 3}
			}
			list = append(list, a)
		}
		for _, c := range []string{"tokenizer encode SRC TEXT", "tokenizer decode SRC IDS", "tokenizer encode MODEL SRC",
			"train MODEL OUT --data SRC -n", "train --init SRC OUT --data TEXT -n", "expand MODEL OUT --like SRC -n",
			"verify --proof SRC", "verify MODEL MODEL --text SRC", "logits MODEL --ids SRC --out OUT.safetensors", "inspect SRC",
			"convert SRC OUT -n"} {
			may := []int{3}
			if strings.Contains(c, "--data SRC") && kind == "sparse" {
				may = []int{3, 4}
			}
			list = append(list, attack{title("%s for %s", kind, c), func(t *testing.T, path string) {
				if err := make(path); err != nil {
					t.Skip(err)
				}
			}, []string{c}, "", may})
			if strings.Contains(c, "encode MODEL SRC") { // the model has no tokenizer
				list[len(list)-1].names = "model"
			}
		}
	}
	return list
}

// inFolder runs f with a short path to dir: that of a socket must be short.
func inFolder(dir string, f func(short string) error) error {
	link, err := os.MkdirTemp("", "s")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(link) }()
	short := filepath.Join(link, "d")
	if err := os.Symlink(dir, short); err != nil {
		return err
	}
	return f(short)
}

var plainConfig = map[string]any{"architectures": []string{"LlamaForCausalLM"}, "bos_token_id": 0, "eos_token_id": 0,
	"dtype": "float32", "head_dim": 4, "hidden_act": "silu", "hidden_size": 8, "intermediate_size": 12,
	"max_position_embeddings": 64, "model_type": "llama", "num_attention_heads": 2, "num_hidden_layers": 2,
	"num_key_value_heads": 1, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "tie_word_embeddings": false, "vocab_size": 300}

// configText is the plain config with the text of one value replaced.
func configText(key, value string) string {
	c := map[string]json.RawMessage{}
	for k, v := range plainConfig {
		c[k], _ = json.Marshal(v)
	}
	c[key] = json.RawMessage(value)
	b, _ := json.Marshal(c)
	return string(b)
}

// configs have numbers that no model has, other types, and loud names.
func configs() (list []attack) {
	commands := []string{"inspect SRC", "inspect SRC/model.safetensors --json",
		"train --init SRC/config.json OUT --data MODEL/../text.bin --token-dtype uint16 -n --seq 8"}
	for _, key := range []string{"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
		"num_key_value_heads",
		"head_dim", "intermediate_size", "max_position_embeddings", "rms_norm_eps", "rope_theta"} {
		for _, v := range []string{"0", "-1", "268435456", "9007199254740993", "1e308", `"7"`, "[1]"} {
			list = append(list, inModel(title("%s %s", key, v), "config.json", configText(key, v), []int{0, 2, 3, 4},
				commands[0], commands[2]))
		}
	}
	for _, key := range []string{"architectures", "model_type", "hidden_act", "dtype", "rope_scaling", "auto_map",
		"unheard_of"} {
		for shape, v := range map[string]string{"": `"` + loud + `"`, " in a list": `["` + loud + `"]`,
			" as a key": `{"` + loud + `":"` + loud + `","rope_type":"` + loud + `","type":"` + loud + `"}`} {
			list = append(list, inModel(title("loud %s%s", key, shape), "config.json", configText(key, v), []int{0, 3, 4},
				append(commands, "inspect SRC --json", "convert SRC OUT -n")...))
		}
	}
	deep := func(n int, open, end string) string { return strings.Repeat(open, n) + "1" + strings.Repeat(end, n) }
	for name, v := range map[string]string{"objects": deep(9990, `{"`+strings.Repeat("k", 90)+`":`, "}"),
		"lists":      deep(100_000, "[", "]"),
		"open lists": strings.Repeat("[", 1<<20), "a long string": `"` + strings.Repeat("x", 8<<20) + `"`,
		"many numbers": "[" + strings.Repeat("1,", 1<<20) + "1]", "a long number": strings.Repeat("1", 1<<20)} {
		text := strings.TrimSuffix(configText("hidden_act", `"silu"`), "}") + `,"zz":` + v + "}"
		list = append(list, inModel("config of "+name, "config.json", text, []int{0, 2, 3, 4}, commands...))
	}
	return list
}

// texts are files that are no JSON, or say things twice, in the place of each file that is JSON.
func texts() (list []attack) {
	for name, text := range map[string]string{"empty": "", "zeros": strings.Repeat("\x00", 1<<20),
		"escapes":   "\x1b[2J\x1b]0;x\x07\n" + claim + "\n",
		"not UTF-8": "{\"\xff\x9b2J\": 1}", "a loud key": `{"` + loud + `": 1, "` + loud + `": 2}`,
		"a page": "<html>\x1b[31m\n" + claim,
		"null":   "null", "a list": "[]"} {
		for _, part := range []string{"config.json", "plan.json", "model.safetensors.index.json", "model.safetensors"} {
			may := []int{1, 3}
			if part == "plan.json" {
				may = []int{0, 3}
			}
			if part == "model.safetensors.index.json" {
				may = []int{0, 1, 2, 3} // the other is read
			}
			list = append(list, inModel(title("%s as %s", name, part), part, text, may, "inspect SRC",
				"verify MODEL SRC --proof-only"))
		}
		list = append(list, file(title("%s as a file", name), text, "", nil, "tokenizer encode SRC TEXT",
			"verify --proof SRC", "inspect SRC", "logits MODEL --ids SRC --out OUT.safetensors"))
	}
	return list
}

func tokenizerText(parts map[string]any) string {
	file := map[string]any{"version": "1.0", "model": map[string]any{"type": "BPE", "unk_token": "?",
		"vocab": map[string]int{"?": 0, "a": 1, "b": 2, "aa": 3}, "merges": []string{"a a"}}}
	for k, v := range parts {
		file[k] = v
	}
	b, _ := json.Marshal(file)
	return strings.ReplaceAll(string(b), `"LOUD"`, `"`+loud+`"`)
}

type obj = map[string]any

// tokenizers multiply text, take long on it, or have loud names.
func tokenizers() (list []attack) {
	many := func(n int, part obj) []obj {
		out := make([]obj, n)
		for i := range out {
			out[i] = part
		}
		return out
	}
	sequence := func(key string, parts []obj) obj { return obj{"type": "Sequence", key: parts} }
	grow := obj{"type": "Replace", "pattern": obj{"String": "a"}, "content": "aaaaaaaaaa"}
	split := func(expr string) obj {
		return obj{"type": "Split", "pattern": obj{"Regex": expr}, "behavior": "Isolated", "invert": false}
	}
	bytesOfBytes := obj{"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}
	whole := obj{"Sequence": obj{"id": "A", "type_id": 0}}
	long := strings.Repeat("a", 100_000) + "b"
	for name, parts := range map[string]obj{
		"normalizers grow": {"normalizer": sequence("normalizers", many(20, grow))},
		"an added token grows": {"normalizer": sequence("normalizers", many(40, grow)),
			"added_tokens": []obj{{"id": 4, "content": "aaaa", "normalized": true}}},
		"decoders grow":          {"decoder": sequence("decoders", many(10, grow))},
		"24,000 normalizers":     {"normalizer": sequence("normalizers", many(24_000, obj{"type": "NFC"}))},
		"24,000 pre-tokenizers":  {"pre_tokenizer": sequence("pretokenizers", many(24_000, bytesOfBytes))},
		"24,000 decoders":        {"decoder": sequence("decoders", many(24_000, obj{"type": "Fuse"}))},
		"24,000 post-processors": {"post_processor": sequence("processors", many(24_000, obj{"type": "ByteLevel"}))},
		"bytes of bytes":         {"pre_tokenizer": sequence("pretokenizers", many(50, bytesOfBytes))},
		"nested plus":            {"pre_tokenizer": split("(a+)+$")},
		"nested plus in lines":   {"pre_tokenizer": split(`(a+)+c|\n`)},
		"nested plus to replace": {"normalizer": obj{"type": "Replace", "pattern": obj{"Regex": "(x+x+)+y"},
			"content": "z"}},
		"alternatives alike":   {"pre_tokenizer": split("(a|a|aa|aaa)*$")},
		"looking far":          {"pre_tokenizer": split(`(?=.*z)a|(?=[\s\S]*z)b`)},
		"counts of counts":     {"pre_tokenizer": split("((((((a{99}){99}){99}){99}){99}){99})")},
		"empty counts":         {"pre_tokenizer": split("((((((){99999}){99999}){99999}){99999}){99999}){99999}a{9999}")},
		"thousands of choices": {"pre_tokenizer": split("(?:a?){4000}a{4000}b")},
		"a long pattern":       {"pre_tokenizer": split(strings.Repeat("(a|b)*", 200_000))},
		"deep groups":          {"pre_tokenizer": split(strings.Repeat("(", 7000) + strings.Repeat(")", 7000))},
		"a loud pattern": {"pre_tokenizer": obj{"type": "Split", "pattern": obj{"Regex": "LOUD"},
			"behavior": "LOUD"}},
		"a loud type":        {"pre_tokenizer": obj{"type": "LOUD"}},
		"loud kinds":         {"normalizer": obj{"type": "LOUD"}, "decoder": obj{"type": "LOUD"}},
		"a loud token":       {"added_tokens": []obj{{"id": 9, "content": "LOUD"}}},
		"a long added token": {"added_tokens": []obj{{"id": 4, "content": long}}},
		"long tokens alike": {"added_tokens": []obj{{"id": 4, "content": long}, {"id": 5, "content": long + "b"},
			{"id": 6, "content": "a" + long}}},
		"an added token elsewhere": {"added_tokens": []obj{{"id": 1 << 40, "content": "x"}}},
		"a template of 24,000": {"post_processor": obj{"type": "TemplateProcessing", "single": many(24_000, whole),
			"pair": []int{}, "special_tokens": obj{}}},
		"templates of templates": {"post_processor": sequence("processors",
			many(40, obj{"type": "TemplateProcessing", "single": many(2, whole), "pair": []int{}, "special_tokens": obj{}}))},
		"an id far away": {"model": obj{"type": "BPE", "vocab": obj{"a": 1<<24 - 1}, "merges": []int{}}},
		"a negative id":  {"model": obj{"type": "BPE", "vocab": obj{"a": -5}, "merges": []int{}}},
		"a long prefix": {"model": obj{"type": "BPE", "vocab": obj{"a": 0}, "merges": []int{},
			"continuing_subword_prefix": strings.Repeat("x", 1<<20)}},
		"merges of nothing":         {"model": obj{"type": "BPE", "vocab": obj{"a": 0}, "merges": many(100_000, obj{})}},
		"a loud merge":              {"model": obj{"type": "BPE", "vocab": obj{"a": 0}, "merges": []string{"LOUD"}}},
		"a loud token of the model": {"model": obj{"type": "BPE", "vocab": obj{"LOUD": 1 << 30}, "merges": []int{}}},
		"no model":                  {"model": nil},
		"a loud model":              {"model": obj{"type": "LOUD"}},
	} {
		list = append(list, attack{"tokenizer: " + name, func(t *testing.T, path string) {
			put(t, filepath.Join(path, "tokenizer.json"), tokenizerText(parts))
			put(t, filepath.Join(path, "text"), strings.Repeat("a", 200_000)+"!\n"+strings.Repeat(strings.Repeat("a", 24)+"\n",
				400))
			put(t, filepath.Join(path, "ids"), strings.Repeat("1 3 1 0 ", 1000))
		}, []string{"tokenizer encode SRC SRC/text --add-special", "tokenizer encode SRC/tokenizer.json SRC/text --json",
			"tokenizer decode SRC SRC/ids"},
			"tokenizer.json", []int{0, 3}})
	}
	return list
}

// plans and proofs claim what cannot be.
func plans() (list []attack) {
	sizes := obj{"layers": 2, "hidden": 8, "ffn": 12, "heads": 2, "kv_heads": 1, "head_dim": 4, "vocab": 300,
		"positions": 64}
	axes := []string{"vocab", "pos", "hidden", "ffn", "kv", "group", "head_dim", "experts", "expert_ffn"}
	big := obj{"src": "0*8388607", "write": [][]float64{{1, 8388607}}, "read": [][]float64{{1, 8388607}}}
	maps, strange := obj{}, obj{}
	for _, a := range axes {
		maps[a] = big
	}
	for i := range 200 {
		strange[fmt.Sprint("x", i)] = big
	}
	plain := func() obj {
		return obj{"schema": 2, "arch": "llama", "parent": obj{"path": "../p"}, "from": sizes, "to": sizes, "split": "choice",
			"seed":   0,
			"layers": []obj{{"src": 0}, {"src": 1}}}
	}
	with := func(key string, v any) string {
		p := plain()
		p[key] = v
		b, _ := json.Marshal(p)
		return strings.ReplaceAll(string(b), `"LOUD"`, `"`+loud+`"`)
	}
	huge := obj{}
	for k := range sizes {
		huge[k] = 1 << 62
	}
	for name, text := range map[string]string{
		"maps of millions": with("maps", maps), "pairs of millions": with("pairs", maps), "200 maps": with("maps", strange),
		"huge sizes": with("to", huge), "negative sizes": with("from", obj{"layers": -1}),
		"a loud arch":   with("arch", "LOUD"),
		"a loud parent": with("parent", obj{"path": "LOUD"}),
		"a loud axis":   with("maps", obj{strings.Repeat("x", 1<<16): big}),
		"a loud split":  with("split", "LOUD"), "a parent that is a device": with("parent", obj{"path": "/dev/zero"}),
		"layers from nowhere": with("layers", []obj{{"src": 1 << 40}, {"src": -9}}),
		"a seed of 1e999":     strings.Replace(with("seed", "S"), `"S"`, "1e999", 1),
		"another schema":      with("schema", 1<<30), "a run without end": with("maps",
			obj{"hidden": obj{"src": "0-99999999999999999999"}}),
		"a million layers": with("layers", make([]obj, 1<<20)), "a loud method": with("methods", obj{"hidden": "LOUD"}),
	} {
		list = append(list, inModel("plan: "+name, "plan.json", text, []int{0, 3}, "verify SRC",
			"verify MODEL SRC --proof-only", "inspect SRC",
			"expand SRC OUT --depth 2x -n"))
	}
	for name, text := range map[string]string{
		"another schema": `{"schema":99,"claim":{},"parent":{"path":"a"},"child":{"path":"b"}}`,
		"no paths":       `{"schema":2,"claim":{}}`,
		"loud paths":     `{"schema":2,"claim":{"layers":[]},"parent":{"path":"` + loud + `"},"child":{"path":"` + loud + `"}}`,
		"a loud key":     `{"schema":2,"` + loud + `":1,"` + loud + `":2}`,
		"a device":       `{"schema":2,"claim":{"layers":[]},"parent":{"path":"/dev/zero"},"child":{"path":"/dev/zero"}}`,
		"a loud type":    `{"schema":"` + loud + `"}`,
		"millions of layers": `{"schema":2,"claim":{"layers":[` + strings.Repeat("0,",
			1<<20) + `0]},"parent":{"path":"MODEL"},"child":{"path":"MODEL"}}`,
		"maps of millions":     `{"schema":2,"claim":{"layers":[0,1],"maps":{"hidden":{"src":"0*99999999999"}}},"parent":{"path":"MODEL"},"child":{"path":"MODEL"}}`,
		"an axis from nowhere": `{"schema":2,"claim":{"layers":[0,1],"maps":{"` + loud + `":{"src":"0"}}},"parent":{"path":"MODEL"},"child":{"path":"MODEL"}}`,
		"layers from nowhere":  `{"schema":2,"claim":{"layers":[9999999,-7]},"parent":{"path":"MODEL"},"child":{"path":"MODEL"}}`,
	} {
		model, _ := filepath.Abs(oracleModel)
		list = append(list, file("proof: "+name, strings.ReplaceAll(text, "MODEL", model), "", []int{1, 3},
			"verify --proof SRC", "verify --proof SRC --json"))
	}
	return list
}

// states are those of a training with wrong values.
func states(sound string) (list []attack) {
	b, err := os.ReadFile(filepath.Join(sound, "run", "trainer_state.json"))
	if err != nil {
		return nil
	}
	var state map[string]any
	_ = json.Unmarshal(b, &state)
	settings, _ := state["settings"].(map[string]any)
	add := func(name string, text string) {
		list = append(list, attack{title("state: %s", name), func(t *testing.T, path string) {
			copyFiles(t, filepath.Join(sound, "run"), path, "config.json", "model.safetensors", "optimizer.safetensors")
			put(t, filepath.Join(path, "trainer_state.json"), text)
			put(t, filepath.Join(filepath.Dir(path), "text.bin"), strings.Repeat("\x01\x00\x02\x00", 400))
		}, []string{"train SRC --resume -n --change", "inspect SRC"}, "trainer_state.json", []int{0, 2, 3}})
	}
	wrong := []string{"1073741824", "-1", "1e308", "0.5", `"` + loud + `"`, "null", "[]"}
	change := func(top bool, key, v string) string {
		const mark = "MARK"
		where := state
		if !top {
			where = settings
		}
		old := where[key]
		where[key] = mark
		b, _ := json.Marshal(state)
		where[key] = old
		return strings.Replace(string(b), `"`+mark+`"`, v, 1)
	}
	for key := range settings {
		for _, v := range []string{wrong[0], wrong[1], wrong[4]} {
			add(key+" "+v, change(false, key, v))
		}
	}
	for key := range state {
		for _, v := range wrong[1:] {
			if key != "settings" {
				add(key+" "+v, change(true, key, v))
			}
		}
	}
	add("a log that is a device", change(true, "log", `"/dev/zero"`))
	return list
}

// weights are safetensors files and indexes.
func weights() (list []attack) {
	st := func(header string, data int) string {
		return string(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))) + header + strings.Repeat("x", data)
	}
	var many strings.Builder
	many.WriteString("{")
	for i := range 50_000 {
		fmt.Fprintf(&many, `"t%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},`, i)
	}
	for name, text := range map[string]string{
		"loud names":      st(`{"`+loud+`":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"__metadata__":{"`+loud+`":"`+loud+`"}}`, 1),
		"a loud type":     st(`{"a":{"dtype":"`+loud+`","shape":[1],"data_offsets":[0,1]}}`, 1),
		"a huge shape":    st(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}`, 4),
		"an empty shape":  st(`{"a":{"dtype":"F32","shape":[0,9223372036854775807],"data_offsets":[0,0]}}`, 0),
		"many dimensions": st(`{"a":{"dtype":"U8","shape":[`+strings.Repeat("1,", 1<<20)+`1],"data_offsets":[0,1]}}`, 1),
		"50,000 tensors":  st(many.String()+`"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1),
		"a long name":     st(`{"`+strings.Repeat("n", 4<<20)+`":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1),
		"a long header":   string(binary.LittleEndian.AppendUint64(nil, 1<<62)) + "{}",
		"metadata of much": st(`{"__metadata__":{"a":"`+strings.Repeat("m",
			4<<20)+`"},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1),
		"deep metadata": st(`{"__metadata__":`+strings.Repeat(`{"a":`, 50_000)+"1"+strings.Repeat("}", 50_000)+"}", 0),
	} {
		list = append(list, file("weights: "+name, text, "", []int{0, 3}, "inspect SRC",
			"inspect SRC --tensors --json --values", "inspect SRC --strict",
			"convert SRC OUT -n", "logits SRC --ids SRC --out OUT.safetensors"))
		list = append(list, inModel("in a model: "+name, "model.safetensors", text, []int{0, 1, 3}, modelCommands...))
		list[len(list)-1].names = "src"
	}
	index := func(name, text string) {
		list = append(list, attack{"index: " + name, func(t *testing.T, path string) {
			copyFiles(t, oracleModel, path, "config.json")
			put(t, filepath.Join(path, "model.safetensors.index.json"), text)
			if err := syscall.Mkfifo(filepath.Join(path, "pipe.safetensors"), 0o600); err != nil {
				t.Skip(err)
			}
		}, []string{"inspect SRC", "verify MODEL SRC --proof-only", "expand SRC OUT --depth 2x -n"}, "src", nil})
	}
	index("a pipe as shard", `{"weight_map":{"a":"pipe.safetensors"}}`)
	index("a loud shard", `{"weight_map":{"a":"`+loud+`"}}`)
	index("a loud tensor", `{"weight_map":{"`+loud+`":"config.json"}}`)
	index("a device as shard", `{"weight_map":{"a":"/dev/zero"}}`)
	index("a way out", `{"weight_map":{"a":"../../../../../../dev/zero"}}`)
	index("itself as shard", `{"weight_map":{"a":"model.safetensors.index.json"}}`)
	index("many shards", `{"weight_map":{`+strings.Repeat(`"a":"pipe.safetensors",`, 100_000)+`"b":"x"}}`)
	return list
}

// gguf writes a GGUF file of version 3 with keys and no tensors.
type gguf struct{ bytes.Buffer }

func (g *gguf) u64(v uint64) { _ = binary.Write(g, binary.LittleEndian, v) }
func (g *gguf) u32(v uint32) { _ = binary.Write(g, binary.LittleEndian, v) }
func (g *gguf) str(s string) { g.u64(uint64(len(s))); g.WriteString(s) }

func newGGUF(tensors, keys uint64) *gguf {
	g := &gguf{}
	g.WriteString("GGUF")
	g.u32(3)
	g.u64(tensors)
	g.u64(keys)
	return g
}

// ggufs lie about lengths, or hold what a tokenizer takes long to make merges of.
func ggufs() (list []attack) {
	vocabulary := func(model string, tokens []string, merges []string) string {
		g := newGGUF(0, 5)
		for _, kv := range [][2]string{{"general.architecture", "llama"}, {"tokenizer.ggml.model", model}} {
			g.str(kv[0])
			g.u32(8)
			g.str(kv[1])
		}
		for _, list := range []struct {
			key  string
			text []string
		}{{"tokenizer.ggml.tokens", tokens}, {"tokenizer.ggml.merges", merges}} {
			g.str(list.key)
			g.u32(9)
			g.u32(8)
			g.u64(uint64(len(list.text)))
			for _, s := range list.text {
				g.str(s)
			}
		}
		g.str("tokenizer.ggml.scores")
		g.u32(9)
		g.u32(6)
		g.u64(uint64(len(tokens)))
		for range tokens {
			g.u32(0)
		}
		return g.String()
	}
	as := make([]string, 0, 2000)
	for i := range 1300 {
		as = append(as, strings.Repeat("a", i+1))
	}
	base := []string{"<unk>", "<s>", "</s>"}
	raw := strings.NewReplacer(`\u001b`, "\x1b", `\n`, "\n", `\u0007`, "\a", `\u009b`, "\u009b", `\u202e`,
		"\u202e").Replace(loud[:60])
	count := func(tensors, keys uint64) string { return newGGUF(tensors, keys).String() }
	for name, text := range map[string]string{
		"counts of everything": count(1<<63, 1<<63), "many tensors": count(1<<32, 0), "many keys": count(0, 1<<40),
		"a token of 900,000 letters": vocabulary("llama", append(base, strings.Repeat("a", 900_000), "a"), nil),
		"tokens alike":               vocabulary("llama", append(base, as...), nil),
		"tokens alike for gpt2":      vocabulary("gpt2", as, nil),
		"loud tokens":                vocabulary("gpt2", []string{raw, "a"}, []string{raw + " a"}),
		"a loud kind":                vocabulary(raw, []string{raw}, nil),
		"loud merges":                vocabulary("llama", append(base, raw), []string{raw}),
		"long merges":                vocabulary("gpt2", []string{"a"}, []string{strings.Repeat("a ", 400_000)}),
	} {
		list = append(list, file("gguf: "+name, text, "", []int{0, 3}, "inspect SRC", "inspect SRC --json",
			"convert SRC OUT -n", "tokenizer encode SRC TEXT"))
	}
	return list
}

// data is what a training reads.
func data() (list []attack) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	for range 300 {
		_, _ = z.Write(bytes.Repeat([]byte("a"), 1<<20))
	}
	_ = z.Close()
	for name, text := range map[string]string{
		"packed letters": packed.String(), "a loud row": `{"` + loud + `":"a"}` + "\n" +
			`{"text":5}`, "deep rows": strings.Repeat("[", 100_000) + "\n",
		"half a row": `{"text":"a`, "zeros": strings.Repeat("\x00", 4<<20), "escapes": "\x1b[2J\n" + claim +
			"\n", "one byte": "a",
	} {
		for _, ext := range []string{"jsonl", "bin", "safetensors"} {
			list = append(list, attack{"data: " + name + " as " + ext, func(t *testing.T, path string) {
				put(t, filepath.Join(path, "data."+ext), text)
			}, []string{"train MODEL OUT -n --seq 8 --token-dtype uint16 --data SRC/data." +
				ext, "train MODEL OUT -n --seq 8 --tokenizer MODEL/../tok --data SRC/data." + ext}, "data." + ext,
				[]int{0, 2, 3}})
		}
	}
	return list
}
