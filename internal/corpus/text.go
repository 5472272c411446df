package corpus

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

	"famkit/internal/fault"
)

// Encoder turns text into token ids; it may be used by several goroutines.
type Encoder interface {
	EncodeAppend(dst []int32, text string) ([]int32, error)
}

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

// dataFile is a file found; named says that the user gave its path, not a folder's.
type dataFile struct {
	path  string
	size  int64
	named bool
}

// findFiles lists the files of paths: files as given, folders with all that match below them, sorted by path;
// hidden files and folders are passed over.
func findFiles(paths []string, match suffixes) ([]dataFile, error) {
	var out []dataFile
	for _, root := range paths {
		st, err := os.Stat(root)
		if err != nil {
			return nil, fault.Inputf("%w", err)
		}
		if !st.IsDir() {
			out = append(out, dataFile{root, st.Size(), true})
			continue
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

func walk(root string, match suffixes) ([]dataFile, error) {
	var out []dataFile
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") && path != root {
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
		out = append(out, dataFile{path, st.Size(), false})
		return nil
	})
	if err != nil {
		return nil, fault.Inputf("%w", err)
	}
	slices.SortFunc(out, func(a, b dataFile) int { return strings.Compare(filepath.ToSlash(a.path), filepath.ToSlash(b.path)) })
	return out, nil
}

// addText tokenises the files side by side and appends them in order, the separator after each.
// It returns how many files of folders were passed over because they are not UTF-8 text.
func (s *ids) addText(ctx context.Context, files []dataFile, tok Encoder, separator int32, progress func(done int64)) (skipped int, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	workers := min(runtime.GOMAXPROCS(0), len(files))
	jobs, results := make(chan int), make([]chan encoded, len(files))
	for i := range results {
		results[i] = make(chan encoded, 1)
	}
	slots := make(chan struct{}, 4*workers) // bounds what is tokenised ahead
	for range workers {
		go func() {
			for i := range jobs {
				results[i] <- encodeFile(files[i], tok)
			}
		}()
	}
	go func() {
		defer close(jobs)
		for i := range files {
			select {
			case slots <- struct{}{}:
				jobs <- i
			case <-ctx.Done():
				return
			}
		}
	}()
	var done int64
	for i, f := range files {
		var r encoded
		select {
		case r = <-results[i]:
			<-slots
		case <-ctx.Done():
			return skipped, context.Cause(ctx)
		}
		if r.err != nil {
			return skipped, r.err
		}
		if r.skip {
			skipped++
		} else if err := s.add(append(r.list, separator), f.path, 0); err != nil {
			return skipped, err
		}
		done += f.size
		progress(done)
	}
	return skipped, nil
}

type encoded struct {
	list []int32
	skip bool
	err  error
}

func encodeFile(f dataFile, tok Encoder) encoded {
	b, err := os.ReadFile(f.path)
	switch {
	case err != nil:
		return encoded{err: fault.Inputf("%w", err)}
	case len(b) == 0 && f.named:
		return encoded{err: fault.Inputf("%s: empty", f.path)}
	case !utf8.Valid(b) && f.named:
		return encoded{err: fault.Inputf("%s: not UTF-8 text", f.path)}
	case len(b) == 0 || !utf8.Valid(b):
		return encoded{skip: true}
	}
	list, err := tok.EncodeAppend(make([]int32, 0, len(b)/3), string(b))
	if err != nil {
		return encoded{err: fault.Inputf("%s: %w", f.path, err)}
	}
	return encoded{list: list}
}
