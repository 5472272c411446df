package corpus

import "iter"

// Text is one document of the data.
type Text struct {
	Path string
	Text string
	Last bool // of its file
}

// Texts gives the documents that a training on these paths reads, in the same order and by the same rules: files as
// given, folders with all that match below them. size is the sum of the files in bytes. What was passed over is told to
// skipped when all is read.
func Texts(paths []string, r Reading, skipped func([]Skipped)) (texts iter.Seq2[Text, error], size int64, err error) {
	files, err := findFiles(paths, parseSuffixes(r.Ext))
	if err != nil {
		return nil, 0, err
	}
	return func(yield func(Text, error) bool) {
		var c Counts
		defer func() { skipped(c.Skipped) }()
		for _, f := range files {
			list, why, err := r.documents(f)
			if err == nil && why != nil && f.named {
				err = why.refuse(f.path)
			}
			if err != nil {
				yield(Text{Path: f.path}, err)
				return
			}
			if why != nil {
				c.skip(f, why)
			}
			for i, text := range list {
				if !yield(Text{f.path, text, i == len(list)-1}, nil) {
					return
				}
			}
		}
	}, totalSize(files), nil
}
