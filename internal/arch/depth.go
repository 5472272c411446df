package arch

import (
	"fmt"
	"strconv"
	"strings"
)

// depth compares how many layers config.json asks for with how many the tensors' names speak of, and says a difference
// once instead of tensor by tensor.
func (k *checker) depth() {
	found := 0
	for name := range k.left {
		if l, ok := k.ck.Model.Spec.layerOf(name); ok {
			found = max(found, l+1)
		}
	}
	for _, b := range k.ck.Tensors {
		found = max(found, b.Layer+1)
	}
	wanted := k.ck.Model.Layers
	if found == wanted || found == 0 {
		return
	}
	n := 0
	for name := range k.left {
		if l, ok := k.ck.Model.Spec.layerOf(name); ok && l >= wanted {
			delete(k.left, name)
			n++
		}
	}
	code := Unknown
	if found < wanted {
		code = Missing
		n += k.withoutLayers(found)
	}
	k.add(Finding{Code: code, Fatal: true, Key: "layers", Want: fmt.Sprint(wanted), Found: fmt.Sprint(found)},
		"config.json says %s, the weights have %d: %s %s", counted(wanted, "layer"), found, counted(n, "tensor"),
		map[Code]string{Unknown: "too many", Missing: "missing"}[code])
}

// counted is a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// withoutLayers takes back what was said of missing tensors from a layer on, and counts them.
func (k *checker) withoutLayers(first int) int {
	n := 0
	kept := k.found[:0]
	for _, f := range k.found {
		if l, ok := k.ck.Model.Spec.layerOf(f.Tensor); ok && f.Code == Missing && l >= first {
			n++
			continue
		}
		kept = append(kept, f)
	}
	k.found = kept
	return n
}

// layerOf reads the number of its layer in the name of a block's tensor.
func (s *Spec) layerOf(name string) (int, bool) {
	for _, t := range s.Block {
		if l, ok := numberIn(t.Name, name); ok {
			return l, true
		}
	}
	for _, t := range s.Stacks {
		if l, ok := numberIn(t.Name, name); ok {
			return l, true
		}
	}
	return 0, false
}

// numberIn reads the number that stands in a name for the first %d of a pattern. More of them stand for any number.
func numberIn(pattern, name string) (int, bool) {
	before, after, ok := strings.Cut(pattern, "%d")
	rest, begins := strings.CutPrefix(name, before)
	if !ok || !begins {
		return 0, false
	}
	digits := strings.TrimLeft(rest, "0123456789")
	n, err := strconv.Atoi(rest[:len(rest)-len(digits)])
	if err != nil || n < 0 || n >= manyTensors {
		return 0, false
	}
	if again, last, ok := strings.Cut(after, "%d"); ok {
		tail, begins := strings.CutPrefix(digits, again)
		return n, begins && strings.TrimLeft(tail, "0123456789") == last && tail != last
	}
	return n, digits == after
}
