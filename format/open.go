package format

import (
	"bytes"
	"errors"
	"io"
	"io/fs"

	"famkit/internal/disk"
	"famkit/internal/fault"
	"famkit/internal/infile"
)

// sniffLen is how much of a file a container's sniff function sees; shorter files give what they have.
const sniffLen = 512

// container is one kind of file that holds tensors. Adding a kind is one entry and the file that has its open function.
type container struct {
	name string
	// sniff tells the kind by the first bytes of the file.
	sniff func(head []byte) bool
	// open reads the file at path, strictly; it is called only after sniff said yes.
	open func(path string) (Handle, error)
}

// containers are tried in order.
var containers = []container{
	{"gguf", looksLikeGGUF, openGGUF},
	{"safetensors", looksLikeSafetensors, openModelFile},
}

// Open gives the checkpoint at path: a container file, a shard index (NAME.index.json), a directory, or a directory
// of the Hugging Face hub cache (models--ORG--NAME). Only headers and side files are read. A file that is the model
// file of a directory with a config.json opens as that directory. Errors have kind Input.
func Open(path string) (Handle, error) {
	st, err := disk.StatOf(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Inputf("%s: no such file or directory", path)
	}
	if err != nil {
		return nil, fault.OS(err)
	}
	switch {
	case st.IsDir():
		return openDir(path)
	case isIndexName(path):
		return openIndexFile(path)
	case !st.Mode().IsRegular():
		return nil, fault.Inputf("%s: not a regular file or directory", path)
	}
	return openFile(path)
}

// openFile dispatches on the first bytes of a file.
func openFile(path string) (Handle, error) {
	head, err := readHead(path)
	if err != nil {
		return nil, err
	}
	for _, c := range containers {
		if c.sniff(head) {
			return c.open(path)
		}
	}
	return nil, refuseForeign(path, head)
}

func readHead(path string) (head []byte, err error) {
	f, err := infile.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	head = make([]byte, sniffLen)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, fault.Unread(err, "%s: reading", path)
	}
	return head[:n], nil
}

// ContainerOf names the container that the file at path holds ("safetensors"), "" when none is recognised.
func ContainerOf(path string) string {
	head, err := readHead(path)
	if err != nil {
		return ""
	}
	for _, c := range containers {
		if c.sniff(head) {
			return c.name
		}
	}
	return ""
}

// looksLikeSafetensors accepts what can be a length prefix followed by JSON, also when the length is wrong, so that the
// strict reader can say what is wrong with it.
func looksLikeSafetensors(head []byte) bool {
	if foreign(head) != "" {
		return false
	}
	if len(head) < 9 {
		return len(head) > 0 && len(head) <= 8
	}
	rest := bytes.TrimLeft(head[8:], " \t\r\n")
	return len(rest) == 0 || rest[0] == '{' || bytes.Count(head[3:8], []byte{0}) == 5
}
