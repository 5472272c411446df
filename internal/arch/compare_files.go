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
		if data, ok := format.ReadFile(s.Source, generationFile); ok {
			o, err := parseObject(data, generationFile)
			if err != nil {
				c.refuse(Finding{Code: Obeyed, Key: generationFile}, "the %s's %v", s.who, err)
				return
			}
			config = o
		}
		read[i] = leavesOf(config, generationRules, s.Model)
	}
	c.keys(generationFile, read[0], read[1])
}

// beside lists the files of a checkpoint that are not weights that loaders choose, with the digest of those that famkit
// reads and "there" for the others.
func beside(src format.Source) map[string]string {
	files := map[string]string{}
	for name, data := range src.Files() {
		sum := sha256.Sum256(data)
		files[name] = "sha256 " + hex.EncodeToString(sum[:8])
	}
	around, _ := format.AroundOf(src)
	for _, name := range around.Others {
		files[name] = "there"
	}
	delete(files, configFile)
	delete(files, generationFile)
	return files
}

// files compares what lies beside the weights.
func (c *comparer) files() {
	was, is := beside(c.parent.Source), beside(c.child.Source)
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
	for i := range is {
		c.facts = append(c.facts, Fact{File: "weights", Key: is[i].By, Effect: Read, Parent: was[i].shown(),
			Child: is[i].shown(),
			Why:   "the type in which the weights are held"})
		if is[i].Rounds {
			c.found = append(c.found, Finding{Code: DTypeDiffers, Found: is[i].Type, Text: fmt.Sprintf(
				"as loaded by %s the child's weights are rounded to %s", is[i].By, is[i].Type)})
		}
	}
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

func (l Loading) shown() string {
	if l.Rounds {
		return l.Type + ", rounded"
	}
	return l.Type
}
