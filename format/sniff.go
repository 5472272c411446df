package format

import (
	"bytes"
	"path/filepath"
	"strings"

	"famkit/internal/fault"
)

// foreign says what a file is that people take for a checkpoint because a download went wrong; "" when it is none of
// these.
func foreign(head []byte) string {
	if len(head) == 0 {
		return "an empty file"
	}
	if beginsHeader(head) {
		return ""
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	lower := bytes.ToLower(text)
	switch {
	case bytes.HasPrefix(text, []byte("version https://git-lfs")):
		return "a git-lfs pointer"
	case bytes.HasPrefix(lower, []byte("<!doctype")), bytes.HasPrefix(lower, []byte("<html")),
		bytes.HasPrefix(lower, []byte("<head")),
		bytes.HasPrefix(lower, []byte("<?xml")), bytes.HasPrefix(lower, []byte("<error")):
		return "an HTML or XML page"
	case bytes.HasPrefix(text, []byte("{")), bytes.HasPrefix(text, []byte("[{")):
		return "JSON text"
	case bytes.HasPrefix(text, []byte("Entry not found")), bytes.HasPrefix(text, []byte("Not Found")),
		bytes.HasPrefix(text, []byte("Invalid username or password")):
		return "a download error message"
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return "a zip archive (perhaps a PyTorch checkpoint)"
	case bytes.HasPrefix(head, []byte("\x80\x02")), bytes.HasPrefix(head, []byte("\x80\x04")):
		return "a Python pickle (perhaps a PyTorch checkpoint)"
	case bytes.HasPrefix(head, []byte("\x1f\x8b")), bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		return "a compressed file"
	case bytes.HasPrefix(head, []byte("\x89HDF")):
		return "an HDF5 file"
	}
	return ""
}

// beginsHeader reports whether a file begins with a length of less than 4 GiB and a JSON object, as safetensors does.
// The low bytes of the length may be those that other kinds of files begin with: 0x280 is a pickle's "\x80\x02", 0x7b
// is "{".
func beginsHeader(head []byte) bool {
	return len(head) > 8 && head[8] == '{' && bytes.Count(head[4:8], []byte{0}) == 4
}

// refuseForeign says why a file that no container recognises cannot be read, and what to do about it.
func refuseForeign(path string, head []byte) error {
	what := foreign(head)
	switch what {
	case "":
		if strings.HasSuffix(path, suffix) {
			h, err := openModelFile(path) // its error says which check fails
			if err == nil {
				_ = h.Close()
				err = fault.Inputf("%s: not recognised as safetensors", path)
			}
			return err
		}
		return fault.Inputf("%s: not a known container: it begins with %q", path, head[:min(len(head), 16)])
	case "an empty file":
		return fault.Hint(fault.Inputf("%s: the file is empty (0 bytes)", path),
			"a download that failed leaves such files; fetch it again")
	case "a git-lfs pointer":
		return fault.Hint(fault.Inputf("%s: found a git-lfs pointer, wanted the weights themselves", path),
			"fetch them with: git lfs pull")
	case "JSON text":
		what = "JSON text (perhaps an error message of a server)"
	}
	excerpt := strings.Join(strings.Fields(strings.ToValidUTF8(string(head[:min(len(head), 60)]), "?")), " ")
	err := fault.Inputf("%s: found %s, wanted a checkpoint", path, what)
	switch {
	case strings.Contains(what, "PyTorch"):
		return fault.Hint(err, pickleHint, filepath.Dir(path))
	case strings.Contains(what, "HDF5"), strings.Contains(what, "compressed"):
		return err
	case besideWeights(path):
		return fault.Hint(fault.Inputf("%s: found JSON text, wanted a checkpoint", path), "name its folder: %s",
			filepath.Dir(path))
	}
	return fault.Hint(err, "it begins with %q; fetch the file again", excerpt)
}

// pickleHint says how to come from a PyTorch checkpoint in a folder to one that can be read.
const pickleHint = "save it once with safe weights: python -c \"from transformers import AutoModelForCausalLM as M; " +
	"M.from_pretrained('%s').save_pretrained('OUT')\""

// besideWeights reports whether path is one of the files that lie beside a model's weights.
func besideWeights(path string) bool {
	switch filepath.Base(path) {
	case "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
		"plan.json", "proof.json", "trainer_state.json":
		return true
	}
	return false
}

// truncatedHint marks an error as that of a file which is shorter than its header says.
func truncatedHint(err error) error {
	return fault.Hint(err, "the file is cut short, as by a download that stopped; fetch it again")
}
