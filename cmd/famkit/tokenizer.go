package main

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"famkit/internal/corpus"
	"famkit/internal/fault"
	"famkit/internal/infile"
	"famkit/internal/job"
	"famkit/internal/tokenizer"
	"famkit/internal/units"
)

func tokenizerCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:  "tokenizer",
		Usage: "train a tokenizer, turn text into ids and ids into text",
		Description: "Reads and writes tokenizer.json of the Hugging Face tokenizers library, with the library's ids." +
			exitStatus,
		Subcommands: []*cli.Command{tokenizerTrainCommand(u), tokenizerEncodeCommand(u), tokenizerDecodeCommand(u)},
		Action:      func(c *cli.Context) error { return u.page(commandHelp(c.Command, []string{"tokenizer"})) },
	}
}

const tokenizerTrainDescription = `Trains a byte-level BPE tokenizer on text files and folders of
them and writes tokenizer.json and tokenizer_config.json into OUT. The same text gives the same
file. The first special token becomes bos_token and eos_token.

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
				Usage: "in folders take names with these endings, not those after a !: `LIST`, such as .go,.md,!_test.go"},
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
			r, err := job.TrainTokenizer(c.Context, job.TokenizerOptions{Data: args[:len(args)-1], Output: args[len(args)-1],
				Reading: corpus.Reading{Ext: c.String("ext"), TextField: c.String("text-field"), AsText: c.Bool("as-text")},
				Train: tokenizer.TrainOptions{VocabSize: c.Int("vocab"), Specials: c.StringSlice("special"),
					MinFrequency: c.Int64("min-frequency")}, Force: c.Bool("force")}, u.observe())
			if err == nil && len(r.Skipped) > 0 {
				u.note("%s", skippedText(r.Skipped))
			}
			return u.result(r, err, func(w io.Writer) { printTokenizer(w, r) })
		},
	}
}

// printTokenizer also says what the config.json of a model needs to agree with the tokenizer.
func printTokenizer(w io.Writer, a *job.TrainedTokenizer) {
	say(w, "%s: %s tokens from %s files, %s\n", filepath.Join(a.Path, "tokenizer.json"),
		units.Count(int64(a.Vocab)),
		units.Count(int64(a.Files)), units.Bytes(a.Bytes))
	if len(a.Special) > 0 {
		say(w,
			"%q (0) begins and ends documents; a config.json for it: \"vocab_size\": %d, \"bos_token_id\": 0, "+
				"\"eos_token_id\": 0\n",
			a.Special[0], a.Vocab)
	}
}

func tokenizerEncodeCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "encode",
		Usage:     "turn text into ids",
		ArgsUsage: "TOKENIZER [FILE]",
		Description: "TOKENIZER is a tokenizer.json, a folder that has one, or a GGUF file. Without FILE the text comes " +
			"from standard input." + exitStatus,
		Flags: []cli.Flag{&cli.BoolFlag{Name: "add-special",
			Usage: "put the tokens around the text that the model expects, such as <s>"}},
		Action: func(c *cli.Context) error {
			t, text, err := tokenizerInput(u, c)
			if err != nil {
				return err
			}
			ids, err := t.Encode(text, c.Bool("add-special"))
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
		Description: "TOKENIZER is a tokenizer.json, a folder that has one, or a GGUF file. The ids, separated by spaces, " +
			"commas or line ends,\n" +
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
			}{1, text}, func(io.Writer) { u.plainText(text) })
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
	t, err := job.OpenTokenizer(c.Args().First(), u.observe())
	if err != nil {
		return nil, "", err
	}
	var b []byte
	if c.NArg() == 2 {
		b, err = infile.ReadUpTo(c.Args().Get(1), maxText)
	} else {
		b, err = readAll(os.Stdin)
	}
	if err != nil {
		return nil, "", err
	}
	return t, string(b), nil
}

// maxText bounds what encode and decode take: it is read as a whole.
const maxText = 256 << 20

func readAll(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxText+1))
	switch {
	case err != nil:
		return nil, fault.Failedf("standard input: %w", err)
	case len(b) > maxText:
		return nil, fault.Inputf("standard input: more than %d bytes", maxText)
	}
	return b, nil
}
