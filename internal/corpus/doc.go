// Package corpus turns files into the rows of token ids that a training reads: text, raw token files, and batches that
// were recorded elsewhere. It knows no model beyond the size of its vocabulary, and no training.
//
// The words:
//
//   - document: what a separator follows in the list of ids, so that the model learns where texts end.
//   - row: Seq+1 ids; the first Seq are inputs, the last Seq are their targets.
//   - order: which row is served as number i of a training. It is a function of the seed, the epoch and i, so that a
//     training that goes on needs only the number of rows that were served.
package corpus
