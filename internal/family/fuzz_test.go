package family

import (
	"strings"
	"testing"

	"famkit/internal/fault"
)

// FuzzParse: whatever stands in a recipe, it is read or refused as input, with the file's name.
func FuzzParse(f *testing.F) {
	f.Add(small)
	f.Add(tiny)
	f.Add("[[member]]\nname = 1\n[member.x]\n")
	f.Add("a.b.c = {d = [1, {e = 2}]}\n\"\\u0000\" = '''x'''\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, err := Parse("r.toml", []byte(text))
		if err != nil && (fault.KindOf(err) != fault.Input || !strings.HasPrefix(err.Error(), "r.toml")) {
			t.Errorf("%v (kind %d)", err, fault.KindOf(err))
		}
	})
}
