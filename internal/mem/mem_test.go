package mem

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"
)

func TestArenaAlignsZeroesAndCounts(t *testing.T) {
	var a Arena
	defer func() {
		if err := a.Release(); err != nil {
			t.Fatal(err)
		}
	}()
	var want int64
	var all [][]byte
	for _, n := range []int{0, 1, 63, 64, 65, 1 << 10, Page/2 - 1, Page / 2, Page, 3*Page + 5} {
		b, err := a.Alloc(n)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) != n || cap(b) != n {
			t.Fatalf("alloc %d: len %d cap %d", n, len(b), cap(b))
		}
		if n > 0 && uintptr(unsafe.Pointer(&b[0]))%Align != 0 {
			t.Errorf("alloc %d is not aligned", n)
		}
		for i := range b {
			if b[i] != 0 {
				t.Fatalf("alloc %d: byte %d is not zero", n, i)
			}
			b[i] = byte(len(all) + 1)
		}
		all = append(all, b)
		want += int64((n + 63) / 64 * 64)
	}
	if a.Used() != want {
		t.Errorf("used %d, want %d", a.Used(), want)
	}
	for i, b := range all { // nothing overlaps
		for _, v := range b {
			if v != byte(i+1) {
				t.Fatalf("block %d was overwritten", i)
			}
		}
	}
}

func TestArenaRefusesMoreThanThereIs(t *testing.T) {
	if Available() == 0 {
		t.Skip("available memory unknown")
	}
	var a Arena
	_, err := a.Alloc(1 << 50)
	if err == nil || !strings.Contains(err.Error(), "1125899906842624 bytes wanted") {
		t.Fatalf("got %v", err)
	}
	if _, err := a.Alloc(-1); err == nil {
		t.Error("negative size accepted")
	}
}

func TestLimits(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	at := func() figures { return limits(filepath.Join(dir, "proc"), filepath.Join(dir, "cg")) }
	if f := at(); f.total() != 0 || f.available() != 0 {
		t.Errorf("nothing known: %+v", f)
	}
	write("proc/meminfo", "MemTotal:  1000 kB\nMemFree: 5 kB\nMemAvailable:   600 kB\n")
	if f := at(); f.total() != 1000<<10 || f.available() != 600<<10 {
		t.Errorf("no group: %+v", f)
	}
	write("proc/self/cgroup", "0::/a/b\n")
	write("cg/a/memory.max", "409600\n")
	write("cg/a/memory.current", "204800\n")
	write("cg/a/memory.stat", "anon 1\ninactive_file 4800\n")
	write("cg/a/b/memory.max", "max\n")
	if f := at(); f.total() != 409600 || f.available() != 409600-200000 {
		t.Errorf("version 2: %+v", f)
	}
	write("proc/self/cgroup", "3:cpu:/x\n4:memory:/x\n")
	write("cg/memory/x/memory.limit_in_bytes", "300000\n")
	write("cg/memory/x/memory.usage_in_bytes", "400000\n")
	write("cg/memory/memory.limit_in_bytes", "9223372036854771712\n")
	if f := at(); f.total() != 300000 || f.available() != 1 {
		t.Errorf("version 1: %+v", f)
	}
}
