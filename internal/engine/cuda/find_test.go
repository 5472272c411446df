package cuda

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// machine is a search over files and variables that are made up.
func machine(env map[string]string, files ...string) *search {
	stat := func(p string) bool { return slices.Contains(files, p) }
	return &search{home: "/home/u", env: func(n string) string { return env[n] }, stat: stat,
		glob: func(pattern string) (found []string) {
			for _, f := range files {
				for d := f; d != "/"; d = filepath.Dir(d) {
					if ok, _ := filepath.Match(pattern, d); ok && !slices.Contains(found, d) {
						found = append(found, d)
					}
				}
			}
			return found
		}}
}

// TestOrder: newer names before older ones, and of one name the folder that was asked for, the loader, the toolkit
// that variables name, Python's packages, conda, the usual folders.
func TestOrder(t *testing.T) {
	files := []string{
		"/mine/libcublas.so.12",
		"/toolkit/lib64/libcublas.so.13",
		"/venv/lib/python3.11/site-packages/nvidia/cu13/lib/libcublas.so.13",
		"/venv/lib/python3.11/site-packages/nvidia/cublas/lib/libcublas.so.12",
		"/opt/py/bin/python3",
		"/opt/py/lib/python3.12/site-packages/nvidia/cublas/lib/libcublas.so.12",
		"/home/u/.local/lib/python3.10/site-packages/nvidia/cublas/lib/libcublas.so.12",
		"/conda/lib/libcublas.so.12",
		"/usr/local/cuda/lib64/libcublas.so.13",
		"/usr/local/cuda-12.9/lib64/libcublas.so.12",
		"/usr/local/cuda-12.10/lib64/libcublas.so.12",
	}
	s := machine(map[string]string{PathEnv: "/mine", "CUDA_HOME": "/toolkit", "VIRTUAL_ENV": "/venv",
		"CONDA_PREFIX": "/conda",
		"PATH":         "/bin:/opt/py/bin"}, files...)
	want := []string{"libcublas.so.13", files[1], files[2], files[8],
		files[0], "libcublas.so.12", files[3], files[5], files[6], files[7], files[10], files[9], "libcublas.so.11"}
	if got := s.candidates(s.blasLibrary(13000)); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := s.candidates(s.blasLibrary(12080)); slices.Contains(got, files[1]) || len(got) != 9 {
		t.Errorf("for a driver of CUDA 12.8: %v", got)
	}
}

func TestKeyChangesWithTheEnvironment(t *testing.T) {
	if machine(map[string]string{"CUDA_PATH": "/a"}).key() == machine(map[string]string{"CUDA_PATH": "/b"}).key() {
		t.Error("the same key")
	}
}
