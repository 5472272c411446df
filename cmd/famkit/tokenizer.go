package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"famkit/convert"
	"famkit/format"
	"famkit/internal/corpus"
	"famkit/internal/fault"
	"famkit/internal/tokenizer"
)

const (
	tokenizerName       = "tokenizer.json"
	tokenizerConfigName = "tokenizer_config.json"
)

func tokenizerCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:        "tokenizer",
		Usage:       "train a tokenizer, turn text into ids and ids into text",
		Description: "Reads and writes tokenizer.json of the Hugging Face tokenizers library, with the library's ids." + exitStatus,
		Subcommands: []*cli.Command{tokenizerTrainCommand(u), tokenizerEncodeCommand(u), tokenizerDecodeCommand(u)},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return fault.Hint(fault.Usagef("no command %q of tokenizer", c.Args().First()), "famkit tokenizer --help")
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

const tokenizerTrainDescription = `Trains a byte-level BPE tokenizer on text files and folders of them and writes tokenizer.json and
tokenizer_config.json into OUT. The same text gives the same file. The first special token becomes bos_token and eos_token.

Example:
   famkit tokenizer train text/ notes.md OUT --vocab 4096 --ext .txt,.md`

func tokenizerTrainCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:        "train",
		Usage:       "train a byte-level BPE tokenizer on text",
		ArgsUsage:   "DATA... OUT",
		Description: tokenizerTrainDescription + exitStatus,
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "vocab", Value: 2048, Usage: "tokens, special ones and the 256 bytes included: `N`"},
			&cli.StringFlag{Name: "ext",
				Usage: "in folders take names with these endings, not those after a !: `LIST` such as .go,.md,!_test.go"},
			&cli.StringFlag{Name: "text-field", DefaultText: "text", Usage: "field of JSON rows that holds their text: `NAME`"},
			&cli.BoolFlag{Name: "as-text", Usage: "take JSON and tables as they stand"},
			&cli.StringSliceFlag{Name: "special", Value: cli.NewStringSlice("<|endoftext|>"),
				Usage: "special `TOKEN`, from id 0 on (may be repeated)"},
			&cli.Int64Flag{Name: "min-frequency", Value: 2, Usage: "merge pairs that occur at least `N` times"},
			&cli.BoolFlag{Name: "force", Aliases: []string{"f"}, Usage: "replace a tokenizer that OUT has"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() < 2 {
				return fault.Hint(fault.Usagef("tokenizer train takes data and a folder to write, %d given", c.NArg()),
					"famkit tokenizer train --help")
			}
			args := c.Args().Slice()
			data, out := args[:len(args)-1], args[len(args)-1]
			o := tokenizer.TrainOptions{VocabSize: c.Int("vocab"), Specials: c.StringSlice("special"),
				MinFrequency: c.Int64("min-frequency")}
			r := corpus.Reading{Ext: c.String("ext"), TextField: c.String("text-field"), AsText: c.Bool("as-text")}
			return runTokenizerTrain(c.Context, u, data, r, out, o, c.Bool("force"))
		},
	}
}

// trainedTokenizer is the answer of famkit tokenizer train.
type trainedTokenizer struct {
	Schema    int              `json:"schema"`
	Path      string           `json:"path"`
	Vocab     int              `json:"vocab"`
	Files     int              `json:"files"`
	Documents int64            `json:"documents"`
	Bytes     int64            `json:"bytes"`
	Skipped   []corpus.Skipped `json:"skipped,omitempty"`
	Special   []string         `json:"special"` // by id, from 0 on; the first begins and ends documents
}

func runTokenizerTrain(ctx context.Context, u *ui, data []string, r corpus.Reading, out string,
	o tokenizer.TrainOptions, force bool) error {
	if o.MinFrequency < 1 {
		return fault.Usagef("--min-frequency %d: wanted 1 or more", o.MinFrequency)
	}
	if err := mayWriteTokenizer(out, force); err != nil {
		return err
	}
	answer := trainedTokenizer{Schema: 1, Path: out, Special: o.Specials}
	files, size, err := corpus.Texts(data, r, func(s []corpus.Skipped) { answer.Skipped = s })
	if err != nil {
		return err
	}
	bar := u.progressBytes("reading", size)
	defer bar.finish()
	encoded, err := tokenizer.TrainBPE(countTexts(ctx, files, &answer, bar), o)
	if err != nil {
		return err
	}
	bar.finish()
	t, err := tokenizer.Load(encoded)
	if err != nil {
		return err
	}
	if answer.Vocab = t.VocabSize(); answer.Vocab < o.VocabSize {
		u.warn("the text has pairs for %d tokens only, %d were wanted", answer.Vocab, o.VocabSize)
	}
	if len(answer.Skipped) > 0 {
		u.note("%s", skippedText(answer.Skipped))
	}
	if err := writeTokenizer(out, encoded, o.Specials); err != nil {
		return err
	}
	return u.answer(answer, func(w io.Writer) { printTokenizer(w, &answer) })
}

// printTokenizer also says what the config.json of a model needs to agree with the tokenizer.
func printTokenizer(w io.Writer, a *trainedTokenizer) {
	_, _ = fmt.Fprintf(w, "%s: %s tokens from %s files, %s\n", filepath.Join(a.Path, tokenizerName),
		countText(int64(a.Vocab)),
		countText(int64(a.Files)), bytesText(a.Bytes))
	if len(a.Special) > 0 {
		_, _ = fmt.Fprintf(w,
			"%q (0) begins and ends documents; a config.json for it: \"vocab_size\": %d, \"bos_token_id\": 0, \"eos_token_id\": 0\n",
			a.Special[0], a.Vocab)
	}
}

// countTexts passes texts on, counts them and stops when ctx ends.
func countTexts(ctx context.Context, files iter.Seq2[corpus.Text, error], a *trainedTokenizer,
	bar *progress) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for f, err := range files {
			if err == nil {
				err = context.Cause(ctx)
			}
			if f.Last {
				a.Files++
			}
			a.Documents++
			a.Bytes += int64(len(f.Text))
			if !yield(f.Text, err) {
				return
			}
			bar.set(a.Bytes)
		}
	}
}

// mayWriteTokenizer refuses to replace a tokenizer without being told to.
func mayWriteTokenizer(out string, force bool) error {
	st, err := os.Stat(out)
	if err == nil && !st.IsDir() {
		return fault.Inputf("%s: is a file, wanted a folder to write into", out)
	}
	for _, name := range []string{tokenizerName, tokenizerConfigName} {
		path := filepath.Join(out, name)
		if _, err := os.Lstat(path); err == nil && !force {
			return fault.Hint(fault.Inputf("%s: is there already", path), "--force replaces it")
		}
	}
	return nil
}

// writeTokenizer writes the two files, tokenizer.json last: it is the one that is looked for.
func writeTokenizer(out string, encoded []byte, specials []string) error {
	config, err := tokenizer.Config(specials)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o777); err != nil {
		return fault.Failedf("%w", err)
	}
	if err := format.WriteFileAtomic(filepath.Join(out, tokenizerConfigName), config); err != nil {
		return err
	}
	return format.WriteFileAtomic(filepath.Join(out, tokenizerName), encoded)
}

func tokenizerEncodeCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:        "encode",
		Usage:       "turn text into ids",
		ArgsUsage:   "TOKENIZER [FILE]",
		Description: "TOKENIZER is a tokenizer.json, a folder that has one, or a GGUF file. Without FILE the text comes from standard input." + exitStatus,
		Flags: []cli.Flag{&cli.BoolFlag{Name: "special",
			Usage: "put the tokens around the text that the model expects, such as <s>"}},
		Action: func(c *cli.Context) error {
			t, text, err := tokenizerInput(u, c)
			if err != nil {
				return err
			}
			ids, err := t.Encode(text, c.Bool("special"))
			if err != nil {
				return err
			}
			return u.answer(struct {
				Schema int     `json:"schema"`
				Count  int     `json:"count"`
				IDs    []int32 `json:"ids"`
			}{1, len(ids), append([]int32{}, ids...)}, func(w io.Writer) { printIDs(w, ids) })
		},
	}
}

func printIDs(w io.Writer, ids []int32) {
	b := make([]byte, 0, 6*len(ids)+1)
	for i, id := range ids {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendInt(b, int64(id), 10)
	}
	_, _ = w.Write(append(b, '\n'))
}

func tokenizerDecodeCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "decode",
		Usage:     "turn ids into text",
		ArgsUsage: "TOKENIZER [FILE]",
		Description: "TOKENIZER is a tokenizer.json, a folder that has one, or a GGUF file. The ids, separated by spaces, commas or line ends,\n" +
			"come from FILE or from standard input. The text is printed as it is, without a line end of its own." + exitStatus,
		Flags: []cli.Flag{&cli.BoolFlag{Name: "skip-special", Usage: "leave special tokens out"}},
		Action: func(c *cli.Context) error {
			t, list, err := tokenizerInput(u, c)
			if err != nil {
				return err
			}
			ids, err := parseIDs(list)
			if err != nil {
				return err
			}
			text, err := t.Decode(ids, c.Bool("skip-special"))
			if err != nil {
				return err
			}
			return u.answer(struct {
				Schema int    `json:"schema"`
				Text   string `json:"text"`
			}{1, text}, func(w io.Writer) { _, _ = io.WriteString(w, text) })
		},
	}
}

func parseIDs(list string) ([]int32, error) {
	var ids []int32
	for _, s := range strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(" \t\r\n,[]", r) }) {
		id, err := strconv.ParseInt(s, 10, 32)
		if err != nil {
			return nil, fault.Inputf("%q at position %d is not an id", s, len(ids))
		}
		ids = append(ids, int32(id))
	}
	return ids, nil
}

// tokenizerInput reads what encode and decode take: a tokenizer, and a file or standard input.
func tokenizerInput(u *ui, c *cli.Context) (*tokenizer.Tokenizer, string, error) {
	if c.NArg() < 1 || c.NArg() > 2 {
		return nil, "", fault.Hint(fault.Usagef("%s takes a tokenizer and at most one file, %d given", c.Command.Name,
			c.NArg()), "famkit tokenizer --help")
	}
	t, err := u.openTokenizer(c.Args().First())
	if err != nil {
		return nil, "", err
	}
	var b []byte
	if c.NArg() == 2 {
		b, err = os.ReadFile(c.Args().Get(1))
	} else {
		b, err = io.ReadAll(os.Stdin)
	}
	if err != nil {
		return nil, "", fault.Inputf("%w", err)
	}
	return t, string(b), nil
}

// openTokenizer loads a tokenizer.json, the one of a folder, or that of a checkpoint such as a GGUF file.
func (u *ui) openTokenizer(path string) (*tokenizer.Tokenizer, error) {
	file := path
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		file = filepath.Join(path, tokenizerName)
	}
	var data []byte
	var err error
	if strings.HasSuffix(file, ".json") {
		data, err = os.ReadFile(file)
	} else {
		data, err = u.checkpointTokenizer(path)
	}
	if err != nil {
		return nil, fault.Inputf("%w", err)
	}
	t, err := tokenizer.Load(data)
	if err != nil {
		return nil, fault.Inputf("%s: %w", path, err)
	}
	return t, nil
}

func (u *ui) checkpointTokenizer(path string) ([]byte, error) {
	h, err := u.openSource(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = h.Close() }()
	src := format.Source(h)
	if _, gguf := format.GGUF(h); gguf {
		if src, err = convert.FromGGUF(h); err != nil {
			return nil, err
		}
	}
	data, ok := format.ReadFile(src, tokenizerName)
	if !ok {
		return nil, fault.Inputf("%s: has no %s", path, tokenizerName)
	}
	return data, nil
}
