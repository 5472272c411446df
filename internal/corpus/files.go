package corpus

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"famkit/internal/disk"
	"famkit/internal/fault"
)

// suffixes reads a list such as ".go,.md,!_test.go": a name must end in one of the plain suffixes, where there are
// any, and in none of those after "!".
type suffixes struct{ want, refuse []string }

func parseSuffixes(list string) (s suffixes) {
	for _, e := range strings.Split(list, ",") {
		e = strings.TrimSpace(e)
		if name, no := strings.CutPrefix(e, "!"); no && name != "" {
			s.refuse = append(s.refuse, name)
		} else if e != "" {
			s.want = append(s.want, e)
		}
	}
	return s
}

func (s suffixes) match(name string) bool {
	ends := func(e string) bool { return strings.HasSuffix(name, e) }
	return (len(s.want) == 0 || slices.ContainsFunc(s.want, ends)) && !slices.ContainsFunc(s.refuse, ends)
}

// file is a file of the data. named says that the user gave its path, not that of a folder above it.
type file struct {
	path  string
	size  int64
	named bool
}

// findFiles lists the files of paths: files as given, folders with all that match below them, sorted by path; hidden
// files and folders are passed over. A path that is neither a file nor a folder, such as a pipe, is refused: the data
// must be there again when a training is resumed.
func findFiles(paths []string, match suffixes) ([]file, error) {
	var out []file
	for _, root := range paths {
		st, err := disk.StatOf(root)
		switch {
		case err != nil:
			return nil, fault.OS(err)
		case st.Mode().IsRegular():
			out = append(out, file{root, st.Size(), true})
			continue
		case !st.IsDir():
			return nil, fault.Inputf("%s: is neither a file nor a folder", root)
		}
		found, err := walk(root, match)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fault.Inputf("%s: no file to train on; %s", root, wanted(match))
		}
		out = append(out, found...)
	}
	return out, nil
}

func wanted(s suffixes) string {
	if len(s.want) == 0 {
		return "the folder is empty"
	}
	return "none ends in " + strings.Join(s.want, ", ")
}

func walk(root string, match suffixes) ([]file, error) {
	var out []file
	// A root that is a link to a folder is followed, links below it are not.
	err := disk.Walk(filepath.Clean(root)+string(filepath.Separator),
		func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if strings.HasPrefix(d.Name(), ".") && filepath.Clean(path) != filepath.Clean(root) {
				if d.IsDir() {
					return filepath.SkipDir
				}
				return nil
			}
			if !d.Type().IsRegular() || !match.match(d.Name()) {
				return nil
			}
			st, err := d.Info()
			if err != nil {
				return err
			}
			out = append(out, file{path, st.Size(), false})
			return nil
		})
	if err != nil {
		return nil, fault.OS(err)
	}
	slices.SortFunc(out, func(a, b file) int {
		return strings.Compare(filepath.ToSlash(a.path),
			filepath.ToSlash(b.path))
	})
	return out, nil
}

func totalSize(files []file) (n int64) {
	for _, f := range files {
		n += f.size
	}
	return n
}
