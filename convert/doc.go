// Package convert gives checkpoints other clothes and the same function: Hugging Face form to GGUF files, another
// dtype, other shards. Everything here takes a format.Source and returns one; nothing is read before it is written.
package convert
