package arch

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"famkit/format"
)

// loaders notes what a loader would obey and famkit does not, and what famkit does not know.
func (k *checker) loaders() {
	ck := k.ck
	k.obeyedKeys(ConfigFile, leavesOf(ck.Config, ck.Model.Spec.rules, ck.Model))
	if data, ok := format.ReadFile(k.src, GenerationFile); ok {
		o, err := parseObject(data, GenerationFile)
		if err != nil {
			k.add(Finding{Code: Obeyed, Key: GenerationFile}, "%v", err)
		} else {
			k.obeyedKeys(GenerationFile, leavesOf(o, generationRules, ck.Model))
		}
	}
	if ck.Config.IsSet("auto_map") {
		k.add(Finding{Code: OwnCode, Key: "auto_map"},
			"config.json: auto_map names code of the checkpoint's own, which transformers runs "+
				"under trust_remote_code; famkit goes by transformers' %s", ck.Model.Spec.Class)
	}
	for _, name := range slices.Sorted(maps.Keys(beside(k.src))) {
		if rule := fileRule(name); rule.Effect == Only {
			k.add(Finding{Code: Obeyed, Key: name}, "file %s: %s", fileShown(name), rule.Why)
		}
	}
	k.found = append(k.found, ck.obeyedInWeights()...)
	if says := ck.otherVersion(); len(says) > 0 {
		k.add(Finding{Code: OneVersion}, "transformers 4 reads it otherwise than transformers 5: %s", inOrder(says))
	}
}

// obeyedKeys notes the keys of a file whose values act otherwise than famkit goes by, and those that famkit does not
// know.
func (k *checker) obeyedKeys(file string, l leaves) {
	var unknown []string
	for _, key := range slices.Sorted(maps.Keys(l.values)) {
		rule, known := l.rules.of(key)
		if !known {
			unknown = append(unknown, clip([]byte(key)))
			continue
		}
		if why := rule.refuses(l.values[key], l.vocab); why != "" {
			k.add(Finding{Code: Obeyed, Key: key, Want: rule.wanted(), Found: clip(l.values[key])},
				"%s: %s: wanted %s, found %s: %s", file, clip([]byte(key)), rule.wanted(), clip(l.values[key]), why)
		}
	}
	if n := len(unknown); n > 0 {
		if n > most {
			unknown = append(unknown[:most], fmt.Sprintf("and %d more", n-most))
		}
		k.add(Finding{Code: UnknownKeys, Found: strings.Join(unknown, ", ")},
			"%s: famkit does not know %s, nor whether loaders go by them", file, strings.Join(unknown, ", "))
	}
}

// obeyedInWeights says what loaders obey in the headers and the index of the weights and famkit does not.
func (ck *Checkpoint) obeyedInWeights() []Finding {
	around, ok := format.AroundOf(ck.Source)
	if !ok {
		return nil
	}
	var found []Finding
	for i, meta := range around.Meta {
		if kind := meta["format"]; meta != nil && !slices.Contains([]string{"pt", "mlx"}, kind) {
			found = append(found, Finding{Code: Obeyed, Key: "format", Want: "pt", Found: kind, Text: fmt.Sprintf(
				"%s: header metadata: format: wanted pt, found %q: transformers 4 takes the weights for another library's, "+
					"or refuses them", fileShown(around.Weights[i]), kind)})
		}
	}
	if raw, says := around.Index["dtype"]; says && !ck.Config.has("dtype") && !ck.Config.has("torch_dtype") {
		found = append(found, Finding{Code: Obeyed, Key: "dtype", Found: clip(raw), Text: fmt.Sprintf(
			"shard index: metadata: dtype: wanted nothing, found %s: transformers 5 holds the weights in that type, "+
				"transformers 4 fails under dtype=\"auto\"", clip(raw))})
	}
	return found
}
