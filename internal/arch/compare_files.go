package arch

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"famkit/format"
)

// generation compares both generation_config.json, key by key; a file that is not there has no keys.
func (c *comparer) generation() {
	var read [2]leaves
	for i, s := range []side{c.parent, c.child} {
		config := EmptyConfig()
		if data, ok := format.ReadFile(s.Source, GenerationFile); ok {
			o, err := parseObject(data, GenerationFile)
			if err != nil {
				c.refuse(Finding{Code: Obeyed, Key: GenerationFile}, "the %s's %v", s.who, err)
				return
			}
			config = o
		}
		read[i] = leavesOf(config, generationRules, s.Model)
	}
	c.keys(GenerationFile, read[0], read[1])
}

// beside lists the names of the files of a checkpoint that are not weights that loaders choose, with the bytes of those
// that famkit reads and nil for the others.
func beside(src format.Source) map[string][]byte {
	files := maps.Collect(src.Files())
	around, _ := format.AroundOf(src)
	for _, name := range around.Others {
		files[name] = nil
	}
	delete(files, ConfigFile)
	delete(files, GenerationFile)
	return files
}

// digests gives the digest of each file, and "there" for those that famkit does not read.
func digests(files map[string][]byte) map[string]string {
	list := make(map[string]string, len(files))
	for name, data := range files {
		list[name] = "there"
		if data != nil {
			sum := sha256.Sum256(data)
			list[name] = "sha256 " + hex.EncodeToString(sum[:8])
		}
	}
	return list
}

// files compares what lies beside the weights.
func (c *comparer) files() {
	was, is := digests(beside(c.parent.Source)), digests(beside(c.child.Source))
	names := slices.Collect(maps.Keys(was))
	for name := range is {
		if _, both := was[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	code := c.parent.Config != nil && c.parent.Config.IsSet("auto_map") ||
		c.child.Config != nil && c.child.Config.IsSet("auto_map")
	for _, name := range names {
		rule := fileRule(name)
		switch {
		case rule.Effect == Only:
			c.unwanted(name, rule, was, is)
			continue
		case rule.Effect == Alike && !code:
			rule = otherFile
		case rule.Effect == Alike && was[name] != is[name]:
			c.refuse(Finding{Code: Unlike, Key: name, Want: was[name], Found: is[name]},
				"%s: wanted the parent's file, since config.json has an auto_map: %s", fileShown(name), rule.Why)
			continue
		}
		if rule.Why != otherFile.Why || was[name] != is[name] {
			c.facts = append(c.facts, Fact{File: name, Effect: rule.Effect, Parent: was[name], Child: is[name],
				Why: rule.Why})
		}
	}
}

// unwanted refuses a file that loaders obey.
func (c *comparer) unwanted(name string, rule FileRule, was, is map[string]string) {
	for _, s := range []struct {
		who  string
		have map[string]string
	}{{"parent", was}, {"child", is}} {
		if _, there := s.have[name]; there {
			c.refuse(Finding{Code: Obeyed, Key: name}, "the %s has a file %s: %s", s.who, fileShown(name), rule.Why)
		}
	}
}

// weights compares how loaders take the weights themselves.
func (c *comparer) weights() {
	for _, s := range []side{c.parent, c.child} {
		for _, f := range s.obeyedInWeights() {
			c.refuse(f, "the %s's %s", s.who, f.Text)
		}
	}
	c.versions()
	was, is := c.parent.LoadedAs(), c.child.LoadedAs()
	parents, children := changer{ck: c.parent.Checkpoint}, changer{ck: c.child.Checkpoint}
	for i, l := range is {
		before, after := parents.by(was[i]), children.by(l)
		c.facts = append(c.facts, Fact{File: "weights", Key: l.By, Effect: Read, Parent: was[i].Type + before.shown(),
			Child: l.Type + after.shown(), Why: "the type in which the weights are held"})
		if after.err != nil {
			c.refuse(Finding{Code: Unreadable}, "the child's weights: %v", after.err)
		} else if after.tensor != "" {
			c.found = append(c.found, Finding{Code: DTypeDiffers, Found: l.Type, Tensor: after.tensor,
				Fatal: before.tensor == "" && before.err == nil, Text: fmt.Sprintf(
					"%s holds the child's weights in %s and so rounds tensor %q: its function is another as loaded", l.By,
					l.Type, after.tensor)})
		}
	}
}

// changer knows which types change numbers of a checkpoint.
type changer struct {
	ck    *Checkpoint
	known map[string]change
}

// change is the first tensor of which a type changes a number, "" where it changes none.
type change struct {
	tensor string
	err    error
}

func (c change) shown() string {
	if c.tensor == "" {
		return ""
	}
	return ", rounded"
}

// by is what a way of loading changes. Weights are read only where their types leave it open, and once for each type.
func (c *changer) by(l Loading) change {
	if !l.Rounds {
		return change{}
	}
	if c.known == nil {
		c.known = map[string]change{}
	}
	if _, ok := c.known[l.Type]; !ok {
		var got change
		got.tensor, got.err = c.ck.Changes(l.DType)
		c.known[l.Type] = got
	}
	return c.known[l.Type]
}

// versions refuses a child that transformers 4 reads otherwise than transformers 5 in something in which it reads the
// parent alike.
func (c *comparer) versions() {
	if c.parent.Config == nil || c.child.Config == nil {
		return
	}
	was, is := c.parent.otherVersion(), c.child.otherVersion()
	fatal := false
	for field := range is {
		_, both := was[field]
		fatal = fatal || !both
	}
	for _, s := range []struct {
		who   string
		says  map[string]string
		fatal bool
	}{{"parent", was, false}, {"child", is, fatal}} {
		if len(s.says) > 0 {
			c.found = append(c.found, Finding{Code: OneVersion, Fatal: s.fatal,
				Text: fmt.Sprintf("transformers 4 reads the %s otherwise than transformers 5: %s", s.who,
					inOrder(s.says))})
		}
	}
}
