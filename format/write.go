package format

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"famkit/internal/fault"
	"famkit/internal/strictjson"
)

// Write puts src at dst: a directory, or one file when dst ends in .safetensors (side files stay behind then). dst appears
// only when it is complete and on disk. Refusals (kind Input) come before anything is written, and so does a disk that is
// too full (kind Failed). A cancelled ctx removes what was written and is returned as its error.
func Write(ctx context.Context, dst string, src Source, o WriteOptions) (*Written, error) {
	w, err := newWriter(dst, src, o)
	if err != nil {
		return nil, err
	}
	if err := w.admit(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(w.dst), 0o755); err != nil {
		return nil, fault.Failedf("making the destination's parent: %w", err)
	}
	t, err := newTemporary(w.dst, !w.lone)
	if err != nil {
		return nil, err
	}
	if err := w.fill(ctx, t); err != nil {
		t.discard()
		return nil, err
	}
	if err := t.commit(o.Force); err != nil {
		return nil, err
	}
	return w.written, nil
}

// Need is what a Write would take.
type Need struct {
	Bytes int64    `json:"bytes"` // on disk, side files included
	Free  int64    `json:"free"`  // bytes available below the destination
	Files []string `json:"files"` // container files, in order
}

// Measure says what Write would take, and refuses what Write would refuse for the tensors' sake. It writes nothing.
func Measure(dst string, src Source, o WriteOptions) (*Need, error) {
	w, err := newWriter(dst, src, o)
	if err != nil {
		return nil, err
	}
	free, err := statDisk(existing(w.dst))
	if err != nil {
		return nil, fault.Failedf("measuring free disk space: %w", err)
	}
	n := &Need{Bytes: w.need, Free: free}
	for _, f := range w.files {
		n.Files = append(n.Files, f.name)
	}
	return n, nil
}

// statDisk is freeDisk; tests put a smaller disk here.
var statDisk = freeDisk

// writer is one Write.
type writer struct {
	dst     string
	lone    bool
	o       WriteOptions
	files   []outFile
	index   []byte // nil for a single file
	side    map[string][]byte
	need    int64
	written *Written
	origin  *origin // nil without WriteOptions.Origin
}

// newWriter plans the files with their headers.
// checkSuffix refuses a destination that is named as a file of a kind that is not written: it would become a folder of
// that name.
func checkSuffix(dst string) error {
	switch ext := filepath.Ext(dst); ext {
	case ".gguf", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".h5", ".npz", ".json", ".txt":
		return fault.Hint(fault.Usagef("%s: files %s are not written; wanted a folder, or a name that ends in %s", dst, ext, suffix),
			"%s", strings.TrimSuffix(dst, ext))
	}
	return nil
}

func newWriter(dst string, src Source, o WriteOptions) (*writer, error) {
	w := &writer{dst: filepath.Clean(dst), o: o, lone: strings.HasSuffix(dst, suffix), side: map[string][]byte{}}
	if err := checkSuffix(w.dst); err != nil {
		return nil, err
	}
	list, err := checkTensors(src)
	if err != nil {
		return nil, err
	}
	meta := map[string]string{}
	for k, v := range src.Meta() {
		meta[k] = strings.ToValidUTF8(v, "\ufffd")
	}
	meta["format"] = "pt" // transformers 4 refuses metadata without it
	name := ""
	if w.lone {
		name = filepath.Base(w.dst)
	}
	files, index, err := planFiles(list, meta, name, o.MaxShard)
	if err != nil {
		return nil, err
	}
	w.files = files
	if index != nil {
		if w.index, err = indexJSON(*index); err != nil {
			return nil, fault.Failedf("writing the index: %w", err)
		}
	}
	if err := w.planExtra(); err != nil {
		return nil, err
	}
	if err := w.takeSideFiles(src); err != nil {
		return nil, err
	}
	if o.Origin != nil {
		if w.origin, err = newOrigin(o.Origin); err != nil {
			return nil, err
		}
	}
	w.written = &Written{Path: dst, Tensors: len(list)}
	w.count()
	return w, nil
}

func (w *writer) takeSideFiles(src Source) error {
	if w.lone {
		return nil
	}
	for name, data := range src.Files() {
		if !filepath.IsLocal(name) || strings.HasSuffix(name, suffix) || name == indexFile {
			return fault.Inputf("side file %q cannot be written: its name is taken or leads out of the destination",
				name)
		}
		w.side[name] = data
	}
	// The weights that transformers_weights named are written under the usual names. A config.json that is no JSON
	// object stays as it is.
	if data, ok := w.side["config.json"]; ok {
		if data, err := strictjson.Without(data, "transformers_weights"); err == nil {
			w.side["config.json"] = data
		}
	}
	return nil
}

// count adds up the bytes and how much disk they take.
func (w *writer) count() {
	const block = 4096
	w.need, w.written.Bytes, w.written.Files = 0, 0, nil
	add := func(n int64) {
		w.written.Bytes += n
		w.need += (n + block - 1) / block * block
	}
	for _, f := range w.files {
		add(f.size)
		w.written.Files = append(w.written.Files, f.name)
	}
	if w.index != nil {
		add(int64(len(w.index)))
		w.written.Files = append(w.written.Files, indexFile)
	}
	for name, data := range sortedFiles(w.side) {
		add(int64(len(data)))
		w.written.Files = append(w.written.Files, name)
	}
}

// admit refuses a destination, clears leftovers of killed runs and looks at the disk.
func (w *writer) admit() error {
	if err := apart(w.dst, w.o.Inputs); err != nil {
		return err
	}
	if err := sweep(w.dst); err != nil {
		return err
	}
	if err := w.vacant(); err != nil {
		return err
	}
	free, err := statDisk(existing(w.dst))
	if err != nil {
		return fault.Failedf("measuring free disk space: %w", err)
	}
	if w.need > free {
		return fault.Failedf("%s: too little disk space: wanted %d bytes, available %d", w.dst, w.need, free)
	}
	return nil
}

// vacant refuses a destination that exists, and with Force one that is of another kind or not a checkpoint.
func (w *writer) vacant() error {
	st, err := os.Lstat(w.dst)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fault.Failedf("looking at the destination: %w", err)
	case !w.o.Force:
		return fault.Hint(fault.Inputf("%s: exists already", w.dst), "choose another name, or replace it with --force")
	case w.lone && !st.Mode().IsRegular():
		return fault.Inputf("%s: wanted a file to replace, found a %s", w.dst, kindOf(st))
	case !w.lone && !st.IsDir():
		return fault.Inputf("%s: wanted a checkpoint directory to replace, found a %s", w.dst, kindOf(st))
	case !w.lone && !replaceable(w.dst):
		return fault.Hint(fault.Inputf("%s: not replaced: it is not empty and holds neither config.json nor weights",
			w.dst), "remove it yourself if it may go")
	}
	return nil
}

func kindOf(st fs.FileInfo) string {
	switch {
	case st.IsDir():
		return "directory"
	case st.Mode()&fs.ModeSymlink != 0:
		return "symbolic link"
	}
	return "file"
}

// replaceable reports whether a directory is empty or a checkpoint, so that --force with a mistyped name deletes nothing else.
func replaceable(dir string) bool {
	list, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, de := range list {
		if de.Name() == "config.json" || strings.HasSuffix(de.Name(), suffix) {
			return true
		}
	}
	return len(list) == 0
}

// apart refuses a destination that is, holds or lies inside an input, links resolved.
func apart(dst string, inputs []string) error {
	to, err := realPath(dst)
	if err != nil {
		return fault.Failedf("resolving the destination: %w", err)
	}
	for _, in := range inputs {
		from, err := realPath(in)
		if err != nil {
			return fault.Failedf("resolving the input: %w", err)
		}
		switch {
		case to == from:
			return fault.Inputf("%s: the destination is the input %s itself", dst, in)
		case within(to, from):
			return fault.Inputf("%s: the destination lies inside the input %s", dst, in)
		case within(from, to):
			return fault.Inputf("%s: the destination contains the input %s", dst, in)
		}
	}
	return nil
}

// realPath is the absolute path with links resolved as far as the path exists.
func realPath(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	head := existing(abs)
	real, err := filepath.EvalSymlinks(head)
	if err != nil {
		return "", err
	}
	rest, err := filepath.Rel(head, abs)
	return filepath.Join(real, rest), err
}

// existing is the longest leading part of path that is there.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil {
			return path
		}
		up := filepath.Dir(path)
		if up == path {
			return path
		}
		path = up
	}
}

// fill writes and syncs all files of the temporary.
func (w *writer) fill(ctx context.Context, t *temporary) error {
	outs, err := w.create(t)
	if err == nil {
		err = w.pump(ctx, outs)
	}
	for _, f := range outs {
		if err == nil {
			if err = f.Sync(); err != nil {
				err = fault.Failedf("syncing: %w", err)
			}
		}
		if f != t.lock {
			err = errors.Join(err, f.Close())
		}
	}
	if err == nil {
		err = w.tellOrigin()
	}
	if err != nil || w.lone {
		return err
	}
	return w.writeSideFiles(t.path)
}

// create opens the container files, takes their disk space and writes their headers.
func (w *writer) create(t *temporary) (outs []*os.File, err error) {
	for _, file := range w.files {
		f := t.lock
		if !w.lone {
			if f, err = os.OpenFile(filepath.Join(t.path, file.name), os.O_WRONLY|os.O_CREATE|os.O_EXCL,
				0o644); err != nil {
				return outs, fault.Failedf("making a file: %w", err)
			}
		}
		outs = append(outs, f)
		if err := reserve(f, file.size); err != nil {
			return outs, fault.Failedf("%s: reserving %d bytes: %w", file.name, file.size, err)
		}
		if _, err := f.WriteAt(file.header, 0); err != nil {
			return outs, fault.Failedf("%s: writing the header: %w", file.name, err)
		}
	}
	return outs, nil
}

func (w *writer) pump(ctx context.Context, outs []*os.File) error {
	var jobs []*job
	own := 0
	for i, file := range w.files {
		for _, p := range file.tensors {
			jobs = append(jobs, &job{placed: p, out: outs[i], base: int64(len(file.header)) + p.begin,
				digest: !w.o.NoDigests})
		}
		if i < len(w.files)-len(w.o.Extra) {
			own = len(jobs)
		}
	}
	groups := w.origin.weave(jobs[:own])
	for _, j := range jobs[own:] {
		groups = append(groups, []*job{j})
	}
	p := pump{workers: w.o.Workers, progress: w.o.Progress}
	if err := p.run(ctx, groups); err != nil {
		return err
	}
	if !w.o.NoDigests {
		w.written.Digests = sums(jobs)
	}
	return nil
}

func (w *writer) writeSideFiles(dir string) error {
	dirs := map[string]bool{dir: true}
	write := func(name string, data []byte) error {
		path := filepath.Join(dir, name)
		if up := filepath.Dir(path); !dirs[up] {
			if err := os.MkdirAll(up, 0o755); err != nil {
				return err
			}
			dirs[up] = true
		}
		return writeSynced(path, data)
	}
	var err error
	if w.index != nil {
		err = write(indexFile, w.index)
	}
	for name, data := range sortedFiles(w.side) {
		if err == nil {
			err = write(name, data)
		}
	}
	for up := range dirs {
		if err == nil {
			err = syncDir(up)
		}
	}
	if err != nil {
		return fault.Failedf("writing a side file: %w", err)
	}
	return nil
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// wrap puts words before an error and keeps its kind.
func wrap(err error, format string, a ...any) error {
	return &fault.Error{Kind: fault.KindOf(err), Err: fmt.Errorf(format+": %w", append(a, err)...)}
}
