package cuda

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"famkit/internal/fault"
)

// PathEnv names a folder, or several, that are searched for CUDA's libraries before all others.
const PathEnv = "FAMKIT_CUDA_PATH"

// Tried is a library that was looked at, and why it was not taken; Why is empty for the one that was.
type Tried struct {
	Path string `json:"path"`
	Why  string `json:"why,omitempty"`
}

// search finds libraries. Its fields are the machine, so that tests can be another.
type search struct {
	env  func(string) string
	home string
	glob func(string) []string
	stat func(string) bool
}

func thisMachine() *search {
	home, _ := os.UserHomeDir()
	return &search{env: os.Getenv, home: home,
		glob: func(p string) []string { found, _ := filepath.Glob(p); return found },
		stat: func(p string) bool { st, err := os.Stat(p); return err == nil && !st.IsDir() }}
}

// key changes when the answers of a search may.
func (s *search) key() string {
	var b strings.Builder
	for _, name := range []string{PathEnv, "CUDA_PATH", "CUDA_HOME", "CONDA_PREFIX", "VIRTUAL_ENV", "LD_LIBRARY_PATH",
		"PATH"} {
		fmt.Fprintf(&b, "%s=%s\n", name, s.env(name))
	}
	return b.String()
}

// loader stands for the dynamic loader's own path: a library is opened by its name alone.
const loader = ""

// own are the folders of FAMKIT_CUDA_PATH.
func (s *search) own() (dirs []string) {
	for _, d := range filepath.SplitList(s.env(PathEnv)) {
		if d != "" {
			dirs = append(dirs, d, filepath.Join(d, "lib64"), filepath.Join(d, "lib"))
		}
	}
	return dirs
}

// driverDirs are where the driver's library may be.
func (s *search) driverDirs() []string {
	return append(s.own(), loader, "/usr/lib/"+multiarch(), "/usr/lib64", "/usr/lib/wsl/lib", "/run/opengl-driver/lib",
		"/usr/local/nvidia/lib64")
}

func multiarch() string {
	if runtime.GOARCH == "arm64" {
		return "aarch64-linux-gnu"
	}
	return "x86_64-linux-gnu"
}

// toolkitDirs are where a library of the toolkit may be; wheel is its folder among Python's packages before CUDA 13.
func (s *search) toolkitDirs(wheel string) []string {
	dirs := append(s.own(), loader)
	for _, name := range []string{"CUDA_PATH", "CUDA_HOME"} {
		if d := s.env(name); d != "" {
			dirs = append(dirs, filepath.Join(d, "lib64"), filepath.Join(d, "lib"))
		}
	}
	for _, p := range s.sitePackages() {
		dirs = append(dirs, s.newest(filepath.Join(p, "nvidia", "cu[0-9]*", "lib"))...)
		dirs = append(dirs, s.newest(filepath.Join(p, "nvidia", wheel, "lib"))...)
	}
	if d := s.env("CONDA_PREFIX"); d != "" {
		dirs = append(dirs, filepath.Join(d, "lib"), filepath.Join(d, "targets", target(), "lib"))
	}
	dirs = append(dirs, "/usr/local/cuda/lib64")
	dirs = append(dirs, s.newest("/usr/local/cuda-*/lib64")...)
	dirs = append(dirs, "/usr/local/nvidia/lib64", "/opt/cuda/lib64", "/usr/lib/"+multiarch())
	var once []string
	for _, d := range dirs {
		if !slices.Contains(once, d) {
			once = append(once, d)
		}
	}
	return once
}

// target is a machine as CUDA's packages for conda call it.
func target() string {
	if runtime.GOARCH == "arm64" {
		return "sbsa-linux"
	}
	return "x86_64-linux"
}

// newest lists what matches, the highest version first.
func (s *search) newest(pattern string) []string {
	found := s.glob(pattern)
	slices.SortFunc(found, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a) // cuda-12.10 after cuda-12.9
		}
		return strings.Compare(b, a)
	})
	return found
}

// sitePackages lists Python's folders of packages: of an active environment, the user's, the system's, and of each
// python3 on the path.
func (s *search) sitePackages() (dirs []string) {
	roots := []string{s.env("VIRTUAL_ENV"), s.env("CONDA_PREFIX")}
	for _, d := range filepath.SplitList(s.env("PATH")) {
		if p := filepath.Join(d, "python3"); s.stat(p) {
			roots = append(roots, filepath.Dir(d))
		}
	}
	if s.home != "" {
		roots = append(roots, filepath.Join(s.home, ".local"))
	}
	for _, r := range append(roots, "/usr/local", "/usr") {
		if r == "" {
			continue
		}
		for _, kind := range []string{"site-packages", "dist-packages"} {
			dirs = append(dirs, s.newest(filepath.Join(r, "lib", "python3*", kind))...)
		}
	}
	return slices.Compact(append(dirs, s.glob("/usr/lib/python3/dist-packages")...))
}

// library is what to look for: its names, the best first, and where.
type library struct {
	what  string
	names []string
	dirs  []string
}

// candidates are the paths that are there, by name and then by folder, and the bare names that the loader may know.
func (s *search) candidates(l library) (paths []string) {
	for _, name := range l.names {
		for _, d := range l.dirs {
			switch path := filepath.Join(d, name); {
			case d == loader:
				paths = append(paths, name)
			case s.stat(path):
				paths = append(paths, path)
			}
		}
	}
	return paths
}

// notFound says what was looked for and where, and why what was found there was not taken.
func notFound(l library, tried []Tried) error {
	var where []string
	for _, d := range l.dirs {
		if d == loader {
			d = "the loader's own path"
		}
		where = append(where, d)
	}
	var why []string
	for _, t := range tried {
		if t.Why != "" && filepath.IsAbs(t.Path) {
			why = append(why, fmt.Sprintf("%s: %s", t.Path, t.Why))
		}
	}
	msg := fmt.Sprintf("no %s: looked for %s in %s", l.what, strings.Join(l.names, ", "), strings.Join(where, ", "))
	if len(why) > 0 {
		msg += "; " + strings.Join(why, "; ")
	}
	return fault.Failedf("%s", msg)
}

// blasMajors are the versions of cuBLAS that the engine knows, newest first.
var blasMajors = []int{13, 12, 11}

// floor is the least version of the driver, as cuDriverGetVersion gives it, for a library of that major version.
func floor(major int) int { return major * 1000 }

// driverLibrary is libcuda, which comes with the driver and not with a toolkit.
func (s *search) driverLibrary() library {
	return library{"NVIDIA driver", []string{"libcuda.so.1"}, s.driverDirs()}
}

// blasLibrary is the cuBLAS of versions that the driver can run.
func (s *search) blasLibrary(driver int) library {
	l := library{what: "cuBLAS", dirs: s.toolkitDirs("cublas")}
	for _, major := range blasMajors {
		if floor(major) <= driver {
			l.names = append(l.names, fmt.Sprintf("libcublas.so.%d", major))
		}
	}
	return l
}
