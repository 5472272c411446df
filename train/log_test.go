package train

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLogDropsRowsPastTheResumedStep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	before := `{"type":"start","step":0}
{"type":"step","step":1}
{"type":"step","step":2}
{"type":"eval","step":2}
{"type":"step","step":3}
{"type":"stop","step":2}
{"type":"step","st`
	if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := openLog(path, true, 2)
	if err == nil {
		err = l.write(map[string]int{"step": 3})
	}
	if err == nil {
		err = l.close()
	}
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"type":"start","step":0}
{"type":"step","step":1}
{"type":"step","step":2}
{"type":"eval","step":2}
{"step":3}
`
	if string(got) != want {
		t.Errorf("log is\n%s", got)
	}
	if list, err := os.ReadDir(filepath.Dir(path)); err != nil || len(list) != 1 {
		t.Errorf("left beside the log: %v, %v", list, err)
	}
}

func TestNewLogReplacesAnOldOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	if err := os.WriteFile(path, []byte("{\"step\":1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := openLog(path, false, 0)
	if err == nil {
		err = l.close()
	}
	if b, readErr := os.ReadFile(path); err != nil || readErr != nil || len(b) != 0 {
		t.Errorf("log holds %q; %v, %v", b, err, readErr)
	}
}
