package format

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"famkit/internal/output"
	"famkit/internal/tensor"
)

const killEnv = "FAMKIT_TEST_WRITE_UNTIL_KILLED"

// generation is a source of some 8 MB whose contents are those of its number, so that a mixture of two is noticed.
func generation(n int) *Memory {
	m := &Memory{}
	for i := range 4 {
		data := make([]byte, 2_000_000)
		for k := range data {
			data[k] = byte(n + i)
		}
		m.AddBytes(tensor.Info{Name: "w" + strconv.Itoa(i), DType: tensor.U8, Shape: []int{len(data)}}, data)
	}
	m.SetFile("config.json", []byte(strconv.Itoa(n)))
	return m
}

// TestKillChild is the process that gets killed: it replaces a checkpoint by the next generation as long as it lives.
func TestKillChild(t *testing.T) {
	dst := os.Getenv(killEnv)
	if dst == "" {
		t.Skip("runs as the child of TestKilledWriter")
	}
	for n := 0; ; n = (n + 1) % 200 {
		o := WriteOptions{Force: true, MaxShard: 3_000_000}
		if _, err := Write(context.Background(), dst, generation(n), o); err != nil {
			t.Fatal(err)
		}
	}
}

// A writer killed at any moment leaves one whole generation or nothing; the next run clears what else it left.
func TestKilledWriter(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	for _, name := range []string{"out", "out.safetensors"} {
		dir := t.TempDir()
		dst := filepath.Join(dir, name)
		leftovers := 0
		for range 12 {
			child := exec.Command(os.Args[0], "-test.run=^TestKillChild$")
			child.Env = append(os.Environ(), killEnv+"="+dst)
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(20+rand.IntN(300)) * time.Millisecond)
			if err := child.Process.Kill(); err != nil {
				t.Fatal("the child ended by itself: ", child.Wait())
			}
			_ = child.Wait()
			leftovers += wholeGeneration(t, dir, dst)
		}
		want := generation(7)
		sameSource(t, writeOpen(t, dst, want, WriteOptions{Force: true}), want)
		onlyThese(t, dir, name)
		t.Logf("%s: 12 kills, %d with leftovers", name, leftovers)
	}
}

// wholeGeneration fails unless dst is absent or one generation through and through. It gives 1 when there are
// leftovers.
func wholeGeneration(t *testing.T, dir, dst string) int {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	left := 0
	if len(list) > 1 || len(list) == 1 && list[0].Name() != filepath.Base(dst) {
		left = 1
	}
	if _, err := os.Stat(dst); err != nil {
		return left
	}
	h, err := Open(dst)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	x, err := h.Tensor("w0")
	if err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 1)
	if err := tensor.Fill(x, first, 0); err != nil {
		t.Fatal(err)
	}
	want := generation(int(first[0]))
	sameSource(t, h, want)
	if text, ok := ReadFile(h, "config.json"); ok && string(text) != strconv.Itoa(int(first[0])) {
		t.Errorf("config.json of generation %s beside the weights of %d", text, first[0])
	}
	return left
}

// Where two paths cannot be swapped, a kill between the two renames leaves the old checkpoint aside; the next run
// puts it back.
func TestReplacementCutOffIsRepaired(t *testing.T) {
	dir := t.TempDir()
	dst := filepath.Join(dir, "out")
	writeOpen(t, dst, generation(1), WriteOptions{})
	if err := os.Rename(dst, filepath.Join(dir, ".out.famkit-old-1-0123456789ab")); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(context.Background(), dst, generation(2), WriteOptions{}); err == nil {
		t.Error("the old checkpoint was written over without Force")
	}
	h, err := Open(dst)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	sameSource(t, h, generation(1))
	onlyThese(t, dir, "out")

	// Killed after both renames: the new one stays and the old one goes.
	aside := filepath.Join(dir, ".out.famkit-old-1-0123456789ab")
	writeOpen(t, aside, generation(3), WriteOptions{})
	if err := output.Sweep(dst); err != nil {
		t.Fatal(err)
	}
	sameSource(t, h, generation(1))
	onlyThese(t, dir, "out")
}
