package trainstate

import (
	"testing"

	"famkit/internal/fault"
)

// FuzzParse: no text of a state makes it panic, what it refuses is the input's fault, and what it accepts is accepted
// again as it is stored.
func FuzzParse(f *testing.F) {
	b, err := sound().Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(b))
	f.Add(`{"format":1,"step":1,"settings":{"threads":1073741824,"batch":-1}}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse("trainer_state.json", []byte(text))
		if err != nil {
			if fault.KindOf(err) != fault.Input {
				t.Fatalf("kind %d: %v", fault.KindOf(err), err)
			}
			return
		}
		again, err := s.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse("trainer_state.json", again); err != nil {
			t.Fatalf("%s became %s: %v", text, again, err)
		}
	})
}
