package format

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"famkit/internal/disk"
	"famkit/internal/fault"
	"famkit/internal/output"
	"famkit/internal/strictjson"
)

// Write puts src at dst: a directory, or one file when dst ends in .safetensors (side files stay behind then). dst
// appears only when it is complete and on disk. Refusals (kind Input) come before anything is written, and so does a
// disk that is too full (kind Failed). A cancelled ctx removes what was written and is returned as its error.
func Write(ctx context.Context, dst string, src Source, o WriteOptions) (*Written, error) {
	w, err := newWriter(dst, src, o)
	if err != nil {
		return nil, err
	}
	if err := w.admit(); err != nil {
		return nil, err
	}
	temporary := output.NewDir
	if w.lone {
		temporary = output.NewFile
	}
	t, err := temporary(w.dst)
	if err != nil {
		return nil, err
	}
	all := []*output.Temporary{t}
	if err = w.fill(ctx, t); err == nil && w.lone {
		all, err = w.writeBeside(all)
	}
	if err != nil {
		for _, t := range all {
			t.Discard()
		}
		return nil, err
	}
	if err := output.CommitAll(filepath.Dir(w.dst), o.Force, all...); err != nil {
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
	free, err := Free(w.dst)
	if err != nil {
		return nil, err
	}
	n := &Need{Bytes: w.need, Free: free}
	for _, f := range w.files {
		n.Files = append(n.Files, f.name)
	}
	return n, nil
}

// statDisk is disk.Free; tests put a smaller disk here.
var statDisk = disk.Free

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
		return fault.Hint(fault.Usagef("%s: files %s are not written; wanted a folder, or a name that ends in %s", dst, ext,
			suffix),
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
	if err := output.Parent(w.dst); err != nil {
		return err
	}
	if err := output.Sweep(w.dst); err != nil {
		return err
	}
	if err := w.vacant(); err != nil {
		return err
	}
	free, err := Free(w.dst)
	if err != nil {
		return err
	}
	if w.need > free {
		return fault.Failedf("%s: too little disk space: wanted %d bytes, available %d", w.dst, w.need, free)
	}
	return nil
}

// vacant refuses a destination that exists, and with Force one that is of another kind or not a checkpoint.
func (w *writer) vacant() error {
	if w.dst == output.Stdout {
		return fault.Hint(fault.Usagef("-: a checkpoint cannot be written to standard output"),
			"name a folder, or a file that ends in %s", suffix)
	}
	if err := w.vacantBeside(); err != nil {
		return err
	}
	st, err := disk.LstatOf(w.dst)
	switch {
	case disk.Absent(err):
		return nil
	case err != nil:
		return output.Failed(w.dst, "looking at it", err)
	case !w.o.Force:
		return fault.Hint(fault.Inputf("%s: exists already", w.dst), "choose another name, or replace it with --force")
	case w.lone && !st.Mode().IsRegular():
		return fault.Inputf("%s: wanted a file to replace, found a %s", w.dst, output.KindOf(st))
	case !w.lone && !st.IsDir():
		return fault.Inputf("%s: wanted a checkpoint directory to replace, found a %s", w.dst, output.KindOf(st))
	case w.lone:
		return nil
	}
	ok, err := replaceable(w.dst)
	switch {
	case err != nil:
		return output.Failed(w.dst, "looking into it", err)
	case !ok:
		return fault.Hint(fault.Inputf("%s: not replaced: it is not empty and holds neither config.json nor weights",
			w.dst), "remove it yourself if it may go")
	}
	return nil
}

// replaceable reports whether a directory is empty or a checkpoint, so that --force with a mistyped name deletes
// nothing else.
func replaceable(dir string) (bool, error) {
	list, err := disk.List(dir)
	if err != nil {
		return false, err
	}
	for _, de := range list {
		if de.Name() == "config.json" || strings.HasSuffix(de.Name(), suffix) {
			return true, nil
		}
	}
	return len(list) == 0, nil
}

// apart refuses a destination that is, holds or lies inside an input, links resolved.
func apart(dst string, inputs []string) error {
	to, err := realPath(dst)
	if err != nil {
		return output.Failed(dst, "resolving the destination", err)
	}
	for _, in := range inputs {
		from, err := realPath(in)
		if err != nil {
			return output.Failed(in, "resolving the input", err)
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
	abs, err := disk.Abs(path)
	if err != nil {
		return "", err
	}
	head, err := existing(abs)
	if err != nil {
		return "", err
	}
	real, err := disk.Real(head)
	if err != nil {
		return "", err
	}
	rest, err := filepath.Rel(head, abs)
	return filepath.Join(real, rest), err
}

// existing is the longest leading part of path that is there.
func existing(path string) (string, error) {
	for {
		there, err := disk.Exists(path)
		up := filepath.Dir(path)
		if err != nil || there || up == path {
			return path, err
		}
		path = up
	}
}

// fill writes and syncs all files of the temporary.
func (w *writer) fill(ctx context.Context, t *output.Temporary) error {
	outs, err := w.create(t)
	if err == nil {
		err = w.pump(ctx, outs)
	}
	for i, f := range outs {
		name := w.place(w.files[i].name)
		if err == nil {
			if err = f.Sync(); err != nil {
				err = output.Failed(name, "syncing", err)
			} else if err = w.files[i].readBack(ctx, f); err != nil {
				err = notReadBack(ctx, name, err)
			}
		}
		if f == t.File() {
			continue
		}
		if closed := f.Close(); err == nil && closed != nil {
			err = output.Failed(name, "closing", closed)
		}
	}
	if err == nil {
		err = w.tellOrigin()
	}
	if err != nil || w.lone {
		return err
	}
	return w.writeSideFiles(t)
}

// notReadBack is the error of a file that could not be compared with what was written, or differs.
func notReadBack(ctx context.Context, name string, err error) error {
	if ctx.Err() != nil {
		return err
	}
	return output.Failed(name, "reading back what was written", err)
}

// place is the path that a file will have.
func (w *writer) place(name string) string {
	if w.lone {
		return filepath.Join(filepath.Dir(w.dst), name)
	}
	return filepath.Join(w.dst, name)
}

// create opens the container files, takes their disk space and writes their headers.
func (w *writer) create(t *output.Temporary) (outs []*disk.File, err error) {
	for _, file := range w.files {
		f := t.File()
		if !w.lone {
			if f, err = t.Create(file.name); err != nil {
				return outs, output.Failed(w.place(file.name), "making it", err)
			}
		}
		outs = append(outs, f)
		if err := f.Reserve(file.size); err != nil {
			return outs, output.Failed(w.place(file.name), fmt.Sprintf("reserving %d bytes", file.size), err)
		}
		if _, err := f.WriteAt(file.header, 0); err != nil {
			return outs, output.Failed(w.place(file.name), "writing the header", err)
		}
	}
	return outs, nil
}

func (w *writer) pump(ctx context.Context, outs []*disk.File) error {
	var jobs []*job
	own := 0
	for i, file := range w.files {
		for _, p := range file.tensors {
			jobs = append(jobs, &job{placed: p, out: outs[i], path: w.place(file.name), pieces: file.pieces,
				base:   int64(len(file.header)) + p.begin,
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

func (w *writer) writeSideFiles(t *output.Temporary) error {
	if w.index != nil {
		if err := t.WriteIn(indexFile, w.index); err != nil {
			return err
		}
	}
	for name, data := range sortedFiles(w.side) {
		if err := t.WriteIn(name, data); err != nil {
			return err
		}
	}
	return t.SyncDirs()
}

// writeBeside writes the files that stand beside a lone file and appear with it.
func (w *writer) writeBeside(all []*output.Temporary) ([]*output.Temporary, error) {
	for name, data := range sortedFiles(w.side) {
		t, err := output.NewFile(w.place(name))
		if err != nil {
			return all, err
		}
		all = append(all, t)
		if err := t.Fill(data); err != nil {
			return all, err
		}
	}
	return all, nil
}

// vacantBeside refuses files that stand where those beside a lone file go.
func (w *writer) vacantBeside() error {
	if w.origin == nil || !w.lone {
		return nil
	}
	names := map[string][]byte{}
	for _, name := range w.o.Origin.Files {
		names[name] = nil
	}
	return output.MayWriteAll(filepath.Dir(w.dst), names, w.o.Force)
}

// wrap puts words before an error and keeps its kind.
func wrap(err error, format string, a ...any) error {
	return &fault.Error{Kind: fault.KindOf(err), Err: fmt.Errorf(format+": %w", append(a, err)...)}
}
