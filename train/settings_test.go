package train

import (
	"slices"
	"testing"
)

func TestSettingsInherit(t *testing.T) {
	was := Defaults()
	was.Data, was.Ext, was.Eval, was.Steps, was.LR, was.Threads = []string{"a"}, ".go", "held", 50, 0.5, 3
	now := Defaults()
	now.LR, now.Ext, now.Batch = 0.25, "", 99
	if err := now.inherit(&was, given("lr", "ext")); err != nil {
		t.Fatal(err)
	}
	want := was
	want.LR, want.Ext = 0.25, ""
	if d := now.differences(&want); len(d) > 0 || now.Ext != "" || now.Eval != "held" || !slices.Equal(now.Data, want.Data) {
		t.Errorf("%+v, want %+v", now, want)
	}
}

func TestDifferences(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Settings)
		want   []string
	}{
		"nothing":            {func(*Settings) {}, nil},
		"harmless":           {func(s *Settings) { s.SaveEvery, s.EvalEvery, s.Eval, s.Data = 5, 6, "x", []string{"y"} }, nil},
		"rate":               {func(s *Settings) { s.LR = 1 }, []string{"lr was 0.0003, now 1"}},
		"steps, cosine":      {func(s *Settings) { s.Steps = 9 }, []string{"steps was 0, now 9"}},
		"steps, constant":    {func(s *Settings) { s.Steps, s.Schedule = 9, Constant }, []string{"schedule was cosine, now constant"}},
		"absent in the JSON": {func(s *Settings) { s.DType = "float16" }, []string{"dtype was not set, now float16"}},
	} {
		was, now := Defaults(), Defaults()
		c.change(&now)
		if got := now.differences(&was); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	// A setting that disappears from the JSON counts as well.
	was, now := Defaults(), Defaults()
	was.DType = "float16"
	if got := now.differences(&was); !slices.Equal(got, []string{"dtype was float16, now not set"}) {
		t.Errorf("removed: %q", got)
	}
}
