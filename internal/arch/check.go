package arch

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"famkit/format"
	"famkit/internal/fault"
	"famkit/internal/printable"
	"famkit/internal/tensor"
)

// Code says what kind of thing a finding is about.
type Code string

// The codes. The first group makes a checkpoint unusable, the second is worth knowing.
const (
	BadConfig    Code = "config"     // config.json cannot be read or understood
	Unknown      Code = "unknown"    // a tensor that the architecture does not have
	Missing      Code = "missing"    // a tensor that the architecture asks for
	Misshapen    Code = "shape"      // a tensor of another shape than the config asks for
	WrongDType   Code = "dtype"      // a tensor of a type that is no weight's
	Unreadable   Code = "unreadable" // a tensor that its container cannot give
	HeadNotTied  Code = "untied"     // config.json says tied, the file has another head
	HeadTied     Code = "tied"       // the head in the file equals the embedding that it is tied to
	Ignored      Code = "ignored"    // a tensor that follows from the config
	MixedDTypes  Code = "mixed"      // weights of several types
	DTypeDiffers Code = "cast"       // config.json's dtype is not the weights'
	Stacked      Code = "stacked"    // the experts of a layer in one tensor
	Obeyed       Code = "obeyed"     // a key that loaders obey and famkit does not
	Unlike       Code = "unlike"     // a key that parent and child must say alike and do not
	OwnCode      Code = "code"       // config.json names code of the checkpoint's own
	UnknownKeys  Code = "keys"       // keys of config.json or another file that are not known
	OneVersion   Code = "versions"   // transformers 4 reads it otherwise than transformers 5
)

// Finding is one thing that checking a checkpoint found.
type Finding struct {
	Code   Code   `json:"code"`
	Fatal  bool   `json:"fatal"`
	Tensor string `json:"tensor,omitempty"`
	Key    string `json:"key,omitempty"` // of config.json or another file
	Want   string `json:"want,omitempty"`
	Found  string `json:"found,omitempty"`
	// Text says all of it in a line.
	Text string `json:"text"`
}

// Check recognises src's tensors against its config.json. The checkpoint is nil when the config cannot be
// understood; with an error it holds what could be recognised. The error lists all fatal findings.
func Check(src format.Source) (*Checkpoint, []Finding, error) {
	config, err := readConfig(src)
	if err == nil {
		var m *Model
		if m, err = Resolve(config); err == nil {
			return check(src, config, m)
		}
	}
	return nil, []Finding{{Code: BadConfig, Fatal: true, Text: err.Error()}}, inSource(src, err)
}

// checker gathers findings while it takes the tensors that the model asks for from those that are there.
type checker struct {
	src   format.Source
	ck    *Checkpoint
	left  map[string]tensor.Tensor
	found []Finding
	// explained are missing tensors that another finding accounts for.
	explained map[string]bool
}

func check(src format.Source, config *Config, m *Model) (*Checkpoint, []Finding, error) {
	k := &checker{src: src, ck: &Checkpoint{Model: m, Config: config, Source: src}, explained: map[string]bool{}}
	k.open()
	if n := m.Tensors(); n > manyTensors && n > 64*len(k.left) {
		k.add(Finding{Code: Missing, Fatal: true, Want: fmt.Sprint(n), Found: fmt.Sprint(len(k.left))},
			"config.json asks for %d tensors, found %d", n, len(k.left))
		return k.ck, k.found, inSource(src, k.err())
	}
	layout := m.Layout()
	k.tie(layout)
	k.unstack(layout)
	for _, s := range layout {
		k.take(s)
	}
	k.ck.reindex()
	k.depth()
	k.rest()
	k.types()
	k.loaders()
	return k.ck, k.found, inSource(src, k.err())
}

// manyTensors is more than any model has: where so many are asked for and few are there, they are not listed one by
// one.
const manyTensors = 1 << 17

func (k *checker) add(f Finding, format string, a ...any) {
	f.Text = fmt.Sprintf(format, a...)
	k.found = append(k.found, f)
}

// open lists what the source has.
func (k *checker) open() {
	k.left = map[string]tensor.Tensor{}
	bare := false
	for _, name := range k.src.Names() {
		t, err := k.src.Tensor(name)
		if err != nil {
			k.add(Finding{Code: Unreadable, Fatal: true, Tensor: name}, "tensor %q: %v", name, err)
			continue
		}
		full := k.ck.Model.Spec.fullName(name)
		if full != name {
			info := t.Info()
			info.Name = full
			t = renamed{t, info}
		}
		if _, twice := k.left[full]; twice {
			k.add(Finding{Code: Unknown, Fatal: true, Tensor: name}, "tensor %q: there twice, with and without %q", full,
				k.ck.Model.Spec.Prefix)
		}
		k.left[full] = t
		bare = bare || full != name
	}
	if bare && !k.ck.Model.Tied {
		k.ck.five = "it refuses a head beside tensors without their prefix"
	}
}

// fullName puts the prefix before the name of a tensor of the bare model.
func (s *Spec) fullName(name string) string {
	if s.Prefix == "" || name == s.headName() || strings.HasPrefix(name, s.Prefix) {
		return name
	}
	return s.Prefix + name
}

// take binds the tensor of one slot.
func (k *checker) take(s Slot) {
	t, ok := k.left[s.Name]
	if k.explained[s.Name] {
		return
	}
	if !ok {
		k.add(Finding{Code: Missing, Fatal: true, Tensor: s.Name, Want: fmt.Sprint(s.Shape)},
			"tensor %q: missing, wanted shape %v", s.Name, s.Shape)
		return
	}
	delete(k.left, s.Name)
	info := t.Info()
	if !slices.Equal(info.Shape, s.Shape) {
		k.add(Finding{Code: Misshapen, Fatal: true, Tensor: s.Name, Want: fmt.Sprint(s.Shape), Found: fmt.Sprint(info.Shape)},
			"tensor %q: wanted shape %v as config.json says, found %v", s.Name, s.Shape, info.Shape)
	}
	if !info.DType.Real() {
		k.add(Finding{Code: WrongDType, Fatal: true, Tensor: s.Name, Want: "F16, BF16, F32 or F64",
			Found: info.DType.String()},
			"tensor %q: wanted weights of F16, BF16, F32 or F64, found %s", s.Name, info.DType)
	}
	k.ck.Tensors = append(k.ck.Tensors, Bound{Spec: s.Spec, Layer: s.Layer, Expert: s.Expert, Tensor: t})
}

// rest says what the tensors are that the model does not ask for.
func (k *checker) rest() {
	for _, name := range slices.Sorted(maps.Keys(k.left)) {
		info := k.left[name].Info()
		if k.ck.Model.Spec.ignores(name) {
			k.add(Finding{Code: Ignored, Tensor: name, Found: fmt.Sprint(info.Shape)},
				"tensor %q: ignored, it follows from config.json", name)
			continue
		}
		k.add(Finding{Code: Unknown, Fatal: true, Tensor: name, Found: fmt.Sprint(info.Shape)},
			"tensor %q: unknown to %s with this config.json, found shape %v", name, k.ck.Model.Spec.Name, info.Shape)
	}
}

// types notes weights of several types, and a dtype that a loader would cast them to.
func (k *checker) types() {
	types := map[tensor.DType]int{}
	for _, b := range k.ck.Tensors {
		types[b.Info().DType]++
	}
	var says []string
	for _, d := range slices.Sorted(maps.Keys(types)) {
		says = append(says, fmt.Sprintf("%d %s", types[d], d))
	}
	all := strings.Join(says, ", ")
	if len(types) > 1 {
		k.add(Finding{Code: MixedDTypes, Found: all}, "weights of several types: %s", all)
	}
	want := k.ck.Model.DType
	if want != tensor.Invalid && len(types) > 0 && types[want] != len(k.ck.Tensors) {
		k.add(Finding{Code: DTypeDiffers, Want: want.String(), Found: all},
			"config.json says dtype %s, found tensors of %s: transformers casts them when it loads", want, all)
	}
}

// most is how many findings an error lists.
const most = 20

// err lists the fatal findings in one error.
func (k *checker) err() error {
	var lines []string
	for _, f := range k.found {
		if f.Fatal {
			lines = append(lines, f.Text)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	n := len(lines)
	if n > most {
		lines = append(lines[:most], fmt.Sprintf("and %d more", n-most))
	}
	return k.hint(fault.Inputf("%s", printable.Lines(lines)))
}

// hint explains the refusals that concern the head.
func (k *checker) hint(err error) error {
	for _, f := range k.found {
		switch {
		case f.Code == HeadNotTied:
			return fault.Hint(err, "transformers 5 would keep the two apart, transformers 4 would drop the head; set "+
				"tie_word_embeddings to false to keep it")
		case f.Code == Missing && !k.ck.Model.Tied && f.Tensor == k.ck.Model.Spec.headName():
			return fault.Hint(err, "transformers would fill the head with random numbers; if it is the embedding, set "+
				"tie_word_embeddings to true")
		}
	}
	return err
}

func (s *Spec) headName() string { return find(s.Head, Head).Name }

func find(group []TensorSpec, role Role) *TensorSpec {
	for i := range group {
		if group[i].Role == role {
			return &group[i]
		}
	}
	return &TensorSpec{}
}

func (s *Spec) ignores(name string) bool {
	return slices.ContainsFunc(s.Ignore, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}

// tie settles what a tied model's file holds: either of embedding and head, or both and equal.
func (k *checker) tie(layout []Slot) {
	m := k.ck.Model
	if !m.Tied {
		return
	}
	var embed Slot
	for _, s := range layout {
		if s.Spec.Role == Embed {
			embed = s
		}
	}
	name := m.Spec.headName()
	head, ok := k.left[name]
	if !ok || embed.Spec == nil {
		return
	}
	delete(k.left, name)
	table, ok := k.left[embed.Name]
	if !ok { // transformers 5 ties either way
		info := head.Info()
		info.Name = embed.Name
		k.left[embed.Name] = renamed{head, info}
		k.ck.five = "it fails where the head stands for the embedding"
		k.add(Finding{Code: HeadTied, Tensor: name}, "tensor %q: stands for the embedding %q, which it is tied to", name,
			embed.Name)
		return
	}
	same, err := sameTensor(table, head)
	switch {
	case err != nil:
		k.add(Finding{Code: Unreadable, Fatal: true, Tensor: name}, "tensor %q: %v", name, err)
	case same:
		k.add(Finding{Code: HeadTied, Tensor: name}, "tensor %q: equal to the embedding that it is tied to, left out", name)
	default:
		k.add(Finding{Code: HeadNotTied, Fatal: true, Tensor: name, Want: table.Info().String(), Found: head.Info().String()},
			"tensor %q: differs from %q, though config.json says tie_word_embeddings", name, embed.Name)
	}
}

// renamed is a tensor under another name.
type renamed struct {
	tensor.Tensor
	info tensor.Info
}

func (r renamed) Info() tensor.Info { return r.info }

func (r renamed) StoredAs() string { return StoredAs(r.Tensor) }

// sameTensor compares two tensors byte for byte, a piece at a time.
func sameTensor(a, b tensor.Tensor) (bool, error) {
	x, y := a.Info(), b.Info()
	if x.DType != y.DType || !x.SameShape(y) {
		return false, nil
	}
	size := x.Size()
	one, two := make([]byte, min(size, 1<<20)), make([]byte, min(size, 1<<20))
	for at := int64(0); at < size; at += int64(len(one)) {
		n := min(size-at, int64(len(one)))
		for _, side := range []struct {
			t   tensor.Tensor
			buf []byte
		}{{a, one}, {b, two}} {
			if err := tensor.Fill(side.t, side.buf[:n], at); err != nil {
				return false, err
			}
		}
		if !bytes.Equal(one[:n], two[:n]) {
			return false, nil
		}
	}
	return true, nil
}
