package train

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"famkit/internal/fault"
	"famkit/internal/trainstate"
)

const someLog = `{"type":"start","step":0}
{"type":"step","step":1}
{"type":"step","step":2}
{"type":"eval","step":2}
{"type":"step","step":3}
{"type":"stop","step":2}
{"type":"step","st`

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
}

func TestLogDropsRowsPastTheResumedStep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	writeFile(t, path, someLog)
	cut, err := cutLog(path, 2)
	if err != nil || cut != 1 {
		t.Errorf("%d rows cut, %v; want 1", cut, err)
	}
	want := strings.Join(strings.SplitAfter(someLog, "\n")[:4], "")
	if got := contents(t, filepath.Dir(path)); len(got) != 1 || got["log.jsonl"] != want {
		t.Errorf("log is\n%v", got)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	if cut, err := cutLog(path, 2); err != nil || cut != 0 {
		t.Errorf("cut again: %d rows, %v", cut, err)
	}
}

// TestWhatIsNoLogIsNotCut: a resumed training does not go on in a file that is none of its logs.
func TestWhatIsNoLogIsNotCut(t *testing.T) {
	for name, text := range map[string]string{
		"prose":      "a diary\nof mine\n",
		"other rows": "{\"name\":\"x\"}\n",
		"no start":   "{\"type\":\"step\",\"step\":1}\n",
		"broken":     "{\"type\":\"start\",\"step\":0}\n{\"type\":\n{\"type\":\"step\",\"step\":9}\n",
		"other type": "{\"type\":\"start\",\"step\":\"x\"}\n",
	} {
		path := filepath.Join(t.TempDir(), "log.jsonl")
		writeFile(t, path, text)
		if _, err := cutLog(path, 0); fault.KindOf(err) != fault.Input || err == nil ||
			!strings.Contains(err.Error(), "is no row of a training's log") {
			t.Errorf("%s: %v", name, err)
		}
		if got := contents(t, filepath.Dir(path)); got["log.jsonl"] != text || len(got) != 1 {
			t.Errorf("%s: the file became %q", name, got)
		}
	}
}

// TestLogGoesOn: a training that is resumed in place goes on with its log, wherever it is resumed from.
func TestLogGoesOn(t *testing.T) {
	dir := t.TempDir()
	o := recordOptions("llama-tied", filepath.Join(dir, "runs", "out"))
	o.Steps, o.Log, o.SaveEvery = 4, filepath.Join(dir, "log.jsonl"), 2
	if err := os.Mkdir(filepath.Join(dir, "runs"), 0o755); err != nil {
		t.Fatal(err)
	}
	stopAt(t, o, 3)
	if s, err := trainstate.Read(o.Out); err != nil || s.Log != "../../log.jsonl" {
		t.Fatalf("the state says the log is %q, %v", s.Log, err)
	}
	moved := t.TempDir()
	if err := os.CopyFS(moved, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	trained(t, goOn(filepath.Join(moved, "runs", "out")))
	checkLog(t, filepath.Join(moved, "log.jsonl"), 4)
	trained(t, goOn(o.Out))
	checkLog(t, o.Log, 4)

	// Another file, named, is taken instead from then on.
	other := newSteps(goOn(o.Out), 6)
	other.Log = filepath.Join(dir, "other.jsonl")
	trained(t, other)
	if s, err := trainstate.Read(o.Out); err != nil || s.Log != "../../other.jsonl" {
		t.Errorf("the state says the log is %q, %v", s.Log, err)
	}
	checkLog(t, o.Log, 4)

	if err := os.RemoveAll(other.Log); err != nil {
		t.Fatal(err)
	}
	trained(t, newSteps(goOn(o.Out), 7)) // begins it anew
	gone := filepath.Join(t.TempDir(), "deep", "er")
	if err := os.CopyFS(gone, os.DirFS(o.Out)); err != nil {
		t.Fatal(err)
	}
	spoilState(t, gone, `"../../other.jsonl"`, `"../nowhere/other.jsonl"`)
	refused(t, "no folder", newSteps(goOn(gone), 8), fault.Input, "is not there",
		"--log FILE goes on in another file")
}

// spoilState replaces text in a training's state.
func spoilState(t *testing.T, dir, old, text string) {
	t.Helper()
	path := filepath.Join(dir, trainstate.StateFile)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(b), old, text, 1)
	if changed == string(b) {
		t.Fatalf("%s is not in %s", old, b)
	}
	writeFile(t, path, changed)
}

// TestLogsAreNotReplaced: the file of a new log must be new or empty, unless forced.
func TestLogsAreNotReplaced(t *testing.T) {
	dir := t.TempDir()
	o := recordOptions("llama-tied", filepath.Join(dir, "out"))
	o.Steps, o.Log = 1, filepath.Join(dir, "log.jsonl")
	writeFile(t, o.Log, someLog)
	refused(t, "a log", o, fault.Input, "log.jsonl: exists already", "--force")
	o.Log = dir
	refused(t, "a folder", o, fault.Input, "is a folder")
	o.Log = filepath.Join(dir, "none", "log")
	refused(t, "no folder", o, fault.Input, "is not there")
	o.Log = filepath.Join(o.Out, "log")
	refused(t, "inside", o, fault.Usage, "put the log elsewhere")

	// A link is followed, not replaced.
	o.Log = filepath.Join(dir, "link")
	if err := os.Symlink("real.jsonl", o.Log); err != nil {
		t.Fatal(err)
	}
	trained(t, o)
	if st, err := os.Lstat(o.Log); err != nil || st.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", st.Mode(), err)
	}
	checkLog(t, filepath.Join(dir, "real.jsonl"), 1)
	trained(t, newSteps(goOn(o.Out), 2))
	if st, err := os.Lstat(o.Log); err != nil || st.Mode()&os.ModeSymlink == 0 {
		t.Errorf("resumed: the link became %v, %v", st.Mode(), err)
	}
	checkLog(t, filepath.Join(dir, "real.jsonl"), 2)

	o.Out, o.Log = filepath.Join(dir, "second"), filepath.Join(dir, "log.jsonl")
	trained(t, o.with(func(o *Options) { o.Force = true }))
	checkLog(t, o.Log, 1)
}

// TestLogThroughPipesAndWriters: what is no regular file is written through and is there afterwards.
func TestLogThroughPipesAndWriters(t *testing.T) {
	dir := t.TempDir()
	o := recordOptions("llama-tied", filepath.Join(dir, "out"))
	o.Steps, o.Log = 2, filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(o.Log, 0o600); err != nil {
		t.Skip(err)
	}
	rows := make(chan string)
	go func() {
		f, err := os.Open(o.Log)
		if err != nil {
			rows <- err.Error()
			return
		}
		b, _ := io.ReadAll(f)
		_ = f.Close()
		rows <- string(b)
	}()
	trained(t, o)
	if got := <-rows; strings.Count(got, `"type":"step"`) != 2 {
		t.Errorf("the pipe gave %q", got)
	}
	if st, err := os.Lstat(o.Log); err != nil || st.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("the pipe became %v, %v", st.Mode(), err)
	}
	var b bytes.Buffer
	o.Out, o.Log, o.LogTo = filepath.Join(dir, "second"), "", &b
	trained(t, o)
	if strings.Count(b.String(), `"type":"step"`) != 2 || !json.Valid(bytes.SplitN(b.Bytes(), []byte("\n"), 2)[0]) {
		t.Errorf("the writer got %q", b.String())
	}
	if s, err := trainstate.Read(o.Out); err != nil || s.Log != "" {
		t.Errorf("the state says the log is %q, %v", s.Log, err)
	}
}
