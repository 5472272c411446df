package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"famkit/format"
	"famkit/internal/arch"
)

// variant is a child as variants.py describes it: the checkpoint in folder Base with some files written or left out.
type variant struct {
	ID    int                `json:"id"`
	Base  string             `json:"base"`
	Files map[string]*string `json:"files"`
}

// verdict is what famkit says of a child: "refused" where it does not read it or a proof would refuse it, "other" where
// its Model is another than the parent's, so that a proof would compare them, "same" where nothing is said against it.
type verdict struct {
	ID      int      `json:"id"`
	Vocab   int      `json:"vocab,omitempty"` // of the child
	Verdict string   `json:"verdict"`
	Why     string   `json:"why,omitempty"`
	Named   []string `json:"named,omitempty"` // what differs without effect
}

func judgeAll(variants, out string) error {
	w, err := os.Create(out)
	if err != nil {
		return err
	}
	e := json.NewEncoder(w)
	folder, err := os.MkdirTemp("", "famkit-judge-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }() // a temporary folder
	parents := map[string]*arch.Checkpoint{}
	err = eachLine(variants, func(line []byte) error {
		var v variant
		if err := json.Unmarshal(line, &v); err != nil {
			return err
		}
		if parents[v.Base] == nil {
			ck, err := bind(v.Base)
			if err != nil {
				return err
			}
			parents[v.Base] = ck
		}
		if v.inMemory() {
			return e.Encode(judge(v.ID, parents[v.Base], v.source(parents[v.Base].Source)))
		}
		if err := put(v, folder); err != nil {
			return err
		}
		h, err := format.Open(folder)
		if err != nil {
			return e.Encode(verdict{ID: v.ID, Verdict: "refused", Why: err.Error()})
		}
		defer func() { _ = h.Close() }() // only read
		return e.Encode(judge(v.ID, parents[v.Base], h))
	})
	if err != nil {
		return err
	}
	return w.Close()
}

// inMemory reports whether opening the variant's folder gives nothing but other side files.
func (v variant) inMemory() bool {
	for name, text := range v.Files {
		if !strings.HasSuffix(name, "config.json") || text == nil || strings.Contains(*text, "transformers_weights") {
			return false
		}
	}
	return true
}

// source is the variant without its folder.
func (v variant) source(base format.Source) format.Source {
	files := map[string][]byte{}
	for name, text := range v.Files {
		files[name] = []byte(*text)
	}
	return format.WithFiles(base, files)
}

// put makes the folder of a variant.
func put(v variant, folder string) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	list, err := os.ReadDir(v.Base)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, de := range list {
		if _, other := v.Files[de.Name()]; !other && !de.IsDir() && !strings.HasSuffix(de.Name(), ".other") {
			if err := os.Link(filepath.Join(v.Base, de.Name()), filepath.Join(folder, de.Name())); err != nil {
				return err
			}
		}
	}
	for name, text := range v.Files {
		if text == nil {
			continue
		}
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if from, link := strings.CutPrefix(*text, "file:"); link {
			err = os.Link(from, path)
		} else {
			err = os.WriteFile(path, []byte(*text), 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// neutral are the fields of a Model that decide nothing of logits.
var neutral = []string{"Spec", "InitRange", "BOS", "EOS"}

func judge(id int, parent *arch.Checkpoint, src format.Source) verdict {
	child, err := arch.Bind(src)
	if err != nil {
		return verdict{ID: id, Verdict: "refused", Why: err.Error()}
	}
	facts, found := arch.CompareLoaded(parent, child)
	for _, f := range found {
		if f.Fatal {
			return verdict{ID: id, Verdict: "refused", Why: f.Text}
		}
	}
	if field := differs(parent.Model, child.Model); field != "" {
		return verdict{ID: id, Vocab: child.Model.Vocab, Verdict: "other", Why: field}
	}
	v := verdict{ID: id, Vocab: child.Model.Vocab, Verdict: "same"}
	for _, f := range facts {
		if f.Differs() {
			v.Named = append(v.Named, fmt.Sprintf("%s: %s (%s)", f.File, f.Key, f.Effect))
		}
	}
	return v
}

// differs names a field in which two Models differ.
func differs(a, b *arch.Model) string {
	if a.Spec != b.Spec {
		return "Spec"
	}
	x, y := reflect.ValueOf(*a), reflect.ValueOf(*b)
	for i := range x.NumField() {
		name := x.Type().Field(i).Name
		if !slices.Contains(neutral, name) && !reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			return name
		}
	}
	return ""
}
