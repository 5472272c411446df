package format

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"famkit/internal/disk"
	"famkit/internal/fault"
	"famkit/internal/infile"
)

// sideFileCap is the largest side file that travels, sideFilesCap what all of them may take together; the largest
// tokenizer.json in use is about half of the one.
const (
	sideFileCap  = 64 << 20
	sideFilesCap = 2 * sideFileCap
)

// sideDirs are the folders of a checkpoint whose files travel.
var sideDirs = []string{"chat_templates"}

// travels says whether a file of a checkpoint directory is carried to what is made from it: configuration, tokenizer,
// documentation, and the record of an earlier growth (plan.json, proof.json). Weights, indexes and the state of
// training do not travel.
func travels(name string) bool {
	if strings.HasPrefix(name, ".") || isIndexName(name) {
		return false
	}
	for _, state := range []string{"optimizer", "scheduler", "train", "rng_state"} {
		if strings.HasPrefix(name, state) {
			return false
		}
	}
	switch path.Ext(name) {
	case ".json", ".jinja", ".txt", ".model", ".tiktoken", ".md", ".py":
		return true
	}
	for _, text := range []string{"LICENSE", "LICENCE", "NOTICE", "COPYING", "README", "USE_POLICY"} {
		if strings.HasPrefix(name, text) && path.Ext(name) == "" {
			return true
		}
	}
	return false
}

func isIndexName(name string) bool { return strings.HasSuffix(name, ".index.json") }

// readSideFiles reads the files of dir that travel. Links must stay inside the checkpoint; what is too large is left
// out with a warning.
func (b *bundle) readSideFiles(dir string) error {
	root, err := newRoot(dir)
	if err != nil {
		return err
	}
	for _, sub := range append([]string{"."}, sideDirs...) {
		list, err := disk.List(filepath.Join(dir, sub))
		if os.IsNotExist(err) && sub != "." {
			continue
		}
		if err != nil {
			return fault.OS(err)
		}
		for _, de := range list {
			if name := path.Join(sub, de.Name()); !de.IsDir() && travels(de.Name()) {
				if err := b.readSideFile(root, name); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (b *bundle) readSideFile(root *root, name string) error {
	file, err := root.resolve(name)
	if err != nil {
		return err
	}
	st, err := disk.StatOf(file)
	switch {
	case err != nil:
		return fault.OS(err)
	case st.IsDir(): // a link to one
		return nil
	case st.Size() > sideFileCap:
		b.warnings = append(b.warnings, name+" is larger than 64 MiB and is left out")
		return nil
	case b.side+st.Size() > sideFilesCap:
		b.warnings = append(b.warnings, name+" is left out: the side files take more than 128 MiB together")
		return nil
	}
	data, err := infile.ReadUpTo(file, sideFileCap)
	if err != nil {
		return err
	}
	b.files[name] = data
	b.side += int64(len(data))
	return nil
}

// root is a checkpoint directory that names found in data must not lead out of.
type root struct {
	dir     string
	allowed []string // real paths under which a file may lie
}

func newRoot(dir string) (*root, error) {
	abs, err := disk.Abs(dir)
	if err == nil {
		abs, err = disk.Real(abs)
	}
	if err != nil {
		return nil, fault.OS(err)
	}
	r := &root{dir: dir, allowed: []string{abs}}
	// The hub cache keeps models--ORG--NAME/snapshots/COMMIT/FILE as a link to models--ORG--NAME/blobs/HASH.
	if snapshots := filepath.Dir(abs); filepath.Base(snapshots) == "snapshots" {
		r.allowed = append(r.allowed, filepath.Join(filepath.Dir(snapshots), "blobs"))
	}
	return r, nil
}

// resolve gives the path of a file by its name within the directory. Names that lead out of it are refused, links too.
func (r *root) resolve(name string) (string, error) {
	if !filepath.IsLocal(name) || strings.Contains(name, `\`) {
		return "", fault.Inputf("%s: file name %q leads out of the checkpoint", r.dir, name)
	}
	file := filepath.Join(r.dir, name)
	real, err := disk.Real(file)
	if os.IsNotExist(err) {
		return "", fault.Inputf("%s: no such file", file)
	}
	if err == nil {
		real, err = disk.Abs(real)
	}
	if err != nil {
		return "", fault.Unread(err, "%s", file)
	}
	if !slices.ContainsFunc(r.allowed, func(dir string) bool { return within(real, dir) }) {
		err := fault.Inputf("%s: a link that leads out of the checkpoint, to %s", file, real)
		return "", fault.Hint(err, "put the file itself there, or a hard link")
	}
	return file, nil
}

// within reports whether path equals dir or lies inside it; both absolute and clean.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}
