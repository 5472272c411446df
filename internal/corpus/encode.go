package corpus

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"famkit/internal/fault"
)

// Encoder turns text into token ids; it may be used by several goroutines.
type Encoder interface {
	EncodeAppend(dst []int32, text string) ([]int32, error)
}

// Counts says what a list of ids was made of.
type Counts struct {
	Files     int       `json:"files"`
	Documents int64     `json:"documents"` // 0 for ids that came as ids
	Tokens    int64     `json:"tokens"`
	Skipped   []Skipped `json:"skipped,omitempty"`
}

// Skipped are the files of folders that were passed over for one reason.
type Skipped struct {
	Reason string `json:"reason"`
	Files  int    `json:"files"`
	First  string `json:"first"` // path of the first of them
}

func (s Skipped) String() string { return fmt.Sprintf("%d %s (%s)", s.Files, s.Reason, s.First) }

func (c *Counts) skip(f file, why *unfit) {
	for i := range c.Skipped {
		if c.Skipped[i].Reason == why.what {
			c.Skipped[i].Files++
			return
		}
	}
	c.Skipped = append(c.Skipped, Skipped{why.what, 1, f.path})
}

// nothing is the error for folders in which every file was passed over.
func (c *Counts) nothing(paths []string) error {
	var why []string
	for _, s := range c.Skipped {
		why = append(why, s.String())
	}
	err := fault.Inputf("%s: no text to train on; passed over: %s", strings.Join(paths, ", "), strings.Join(why, ", "))
	return fault.Hint(err, "name a file to see what could be done with it")
}

// encoded is a file as ids, the separator after each document.
type encoded struct {
	list      []int32
	documents int
	skip      *unfit
	err       error
}

// text tokenises files side by side.
type textReader struct {
	Reading
	tok       Encoder
	separator int32
	files     []file
	results   []chan encoded
	slots     chan struct{} // bounds what is tokenised ahead
}

// addText appends the documents of files in their order, the separator after each.
func (s *ids) addText(ctx context.Context, r Reading, files []file, tok Encoder, separator int32,
	progress func(done int64)) (c Counts, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	t := newTextReader(r, files, tok, separator)
	t.start(ctx)
	var done int64
	for i, f := range files {
		var e encoded
		select {
		case e = <-t.results[i]:
			<-t.slots
		case <-ctx.Done():
			return c, context.Cause(ctx)
		}
		if e.err == nil && e.skip != nil && f.named {
			e.err = e.skip.refuse(f.path)
		}
		if e.err != nil {
			return c, e.err
		}
		if e.skip != nil {
			c.skip(f, e.skip)
		} else {
			c.Files++
			c.Documents += int64(e.documents)
			if err := s.add(e.list, f.path, 0); err != nil {
				return c, err
			}
		}
		done += f.size
		progress(done)
	}
	return c, nil
}

func newTextReader(r Reading, files []file, tok Encoder, separator int32) *textReader {
	t := &textReader{Reading: r, tok: tok, separator: separator, files: files, results: make([]chan encoded, len(files))}
	for i := range t.results {
		t.results[i] = make(chan encoded, 1)
	}
	t.slots = make(chan struct{}, 4*t.workers())
	return t
}

func (t *textReader) workers() int { return min(runtime.GOMAXPROCS(0), len(t.files)) }

// start hands the files out in order, until ctx ends.
func (t *textReader) start(ctx context.Context) {
	jobs := make(chan int)
	for range t.workers() {
		go func() {
			for i := range jobs {
				t.results[i] <- t.encode(t.files[i])
			}
		}()
	}
	go func() {
		defer close(jobs)
		for i := range t.files {
			select {
			case t.slots <- struct{}{}:
				jobs <- i
			case <-ctx.Done():
				return
			}
		}
	}()
}

func (t *textReader) encode(f file) (e encoded) {
	texts, why, err := t.documents(f)
	if err != nil || why != nil {
		return encoded{skip: why, err: err}
	}
	e.list = make([]int32, 0, f.size/3)
	for _, text := range texts {
		if e.list, err = t.tok.EncodeAppend(e.list, text); err != nil {
			return encoded{err: fault.Inputf("%s: %w", f.path, err)}
		}
		e.list = append(e.list, t.separator)
	}
	e.documents = len(texts)
	return e
}
