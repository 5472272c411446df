package proof_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/proof"
)

var exported atomic.Int64

// export stores what a test asks a proof of, where FAMKIT_ATTACKS names a folder, so that another checker can be
// asked the same: a folder for each question, with parent, child and proof.json.
func export(t testing.TB, p *proof.Proof, parent, child *arch.Checkpoint) {
	t.Helper()
	dir := os.Getenv("FAMKIT_ATTACKS")
	if dir == "" {
		return
	}
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\ :*?"<>|#`, r) {
			return '_'
		}
		return r
	}, t.Name())
	dir = filepath.Join(dir, fmt.Sprintf("%s.%d", name, exported.Add(1)))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for to, ck := range map[string]*arch.Checkpoint{"parent": parent, "child": child} {
		if _, err := format.Write(context.Background(), filepath.Join(dir, to), ck.Source,
			format.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "proof.json"), p.JSON(), 0o644); err != nil {
		t.Fatal(err)
	}
}
