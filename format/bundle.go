package format

import (
	"errors"
	"io"
	"iter"
	"maps"
	"slices"

	"famkit/internal/disk"
	"famkit/internal/fault"
	"famkit/internal/infile"
	"famkit/internal/tensor"
)

// bundle is a Handle over safetensors files: one, or the shards of an index.
type bundle struct {
	path     string
	names    []string
	tensors  map[string]*section
	meta     map[string]string
	files    map[string][]byte
	side     int64 // bytes of files
	warnings []string
	shards   []*shardFile
	around   *Around // nil where one file was opened by itself
}

// shardFile is one open file of a bundle.
type shardFile struct {
	f    *disk.File
	path string
	size int64
	hdr  *header
}

// section is a tensor that lies in a file. It serves any goroutine.
type section struct {
	info tensor.Info
	r    io.ReaderAt
	path string
	off  int64
	n    int64
}

func (s *section) Info() tensor.Info { return s.info }

// ReadAt reads the tensor's bytes from offset off. A file that became shorter since it was opened is an error.
func (s *section) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off > s.n {
		return 0, fault.Inputf("%s: tensor %q: offset %d of %d bytes", s.path, s.info.Name, off, s.n)
	}
	want := min(int64(len(p)), s.n-off)
	n, err := s.r.ReadAt(p[:want], s.off+off)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
	case int64(n) == want && want < int64(len(p)):
		return n, io.EOF
	case int64(n) == want:
		return n, nil
	default:
		err = io.ErrUnexpectedEOF
	}
	return 0, fault.Unread(err, "%s: reading tensor %q", s.path, s.info.Name)
}

// openShard opens a safetensors file and checks its header and length.
func openShard(path string) (*shardFile, error) {
	f, err := infile.Open(path)
	if err != nil {
		return nil, err
	}
	s := &shardFile{f: f, path: path}
	size, err := f.Size()
	if err == nil {
		s.size = size
		s.hdr, err = readHeader(f, size, path)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return s, nil
}

// openWeights opens a file that stands for weights; what is not safetensors is named.
func openWeights(path string) (*shardFile, error) {
	head, err := readHead(path)
	if err != nil {
		return nil, err
	}
	if foreign(head) != "" {
		return nil, refuseForeign(path, head)
	}
	return openShard(path)
}

// openLone reads one file and nothing beside it.
func openLone(path string) (*bundle, error) {
	s, err := openWeights(path)
	if err != nil {
		return nil, err
	}
	b := newBundle(path)
	if err := b.add(s); err != nil {
		_ = b.Close()
		return nil, err
	}
	return b, nil
}

func newBundle(path string) *bundle {
	return &bundle{path: path, tensors: map[string]*section{}, files: map[string][]byte{}}
}

// add takes over an open file: its tensors in the order of their data, its metadata where no earlier file has the key.
func (b *bundle) add(s *shardFile) error {
	b.shards = append(b.shards, s)
	for i := range s.hdr.entries {
		e := &s.hdr.entries[i]
		if old, dup := b.tensors[e.name]; dup {
			return fault.Inputf("tensor %q is in two files: %s and %s", e.name, old.path, s.path)
		}
		b.names = append(b.names, e.name)
		b.tensors[e.name] = &section{info: e.info(), r: s.f, path: s.path, off: s.hdr.start + int64(e.begin),
			n: int64(e.end - e.begin)}
	}
	s.hdr.entries = nil
	for k, v := range s.hdr.meta {
		if b.meta == nil {
			b.meta = map[string]string{}
		}
		if _, ok := b.meta[k]; !ok {
			b.meta[k] = v
		}
	}
	return nil
}

// Names lists the tensors file by file, in the order of their data.
func (b *bundle) Names() []string { return slices.Clone(b.names) }

// Tensor gives the tensor called name.
func (b *bundle) Tensor(name string) (tensor.Tensor, error) {
	s, ok := b.tensors[name]
	if !ok {
		return nil, noTensor(b.path, name)
	}
	return s, nil
}

func noTensor(path, name string) error {
	return fault.Inputf("%s: no tensor %q", path, name)
}

func (b *bundle) Meta() map[string]string { return maps.Clone(b.meta) }
func (b *bundle) Path() string            { return b.path }
func (b *bundle) Warnings() []string      { return slices.Clone(b.warnings) }

func (b *bundle) Files() iter.Seq2[string, []byte] { return sortedFiles(b.files) }

// sortedFiles yields side files by name.
func sortedFiles(files map[string][]byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			if !yield(name, files[name]) {
				return
			}
		}
	}
}

// Close closes the files; tensors taken before can no longer be read.
func (b *bundle) Close() error {
	var errs []error
	for _, s := range b.shards {
		errs = append(errs, s.f.Close())
	}
	return errors.Join(errs...)
}

// weightFiles lists the container files with their sizes.
func (b *bundle) weightFiles() []FileSummary {
	files := make([]FileSummary, len(b.shards))
	for i, s := range b.shards {
		files[i] = FileSummary{s.path, s.size}
	}
	return files
}
