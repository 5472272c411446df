package format

import (
	"fmt"

	"famkit/internal/fault"
)

// defaultShard is the size above which a checkpoint is split, in bytes: transformers' max_shard_size of 50 GB.
const defaultShard = 50_000_000_000

// outFile is one container file to be written.
type outFile struct {
	name    string
	tensors []placed // laid out
	header  []byte   // length prefix and header
	size    int64
	pieces  *pieces // that were written into it
}

// split puts tensors into shards in the given order: a tensor larger than most goes alone, the others fill the open
// shard until it would exceed most. It is the algorithm of huggingface_hub.
func split(list []placed, most int64) [][]placed {
	var shards [][]placed
	var open []placed
	var size int64
	for _, p := range list {
		n := p.info.Size()
		if n > most {
			shards = append(shards, []placed{p})
			continue
		}
		if size+n > most {
			shards = append(shards, open)
			open, size = nil, 0
		}
		open = append(open, p)
		size += n
	}
	if len(open) > 0 || len(shards) == 0 {
		shards = append(shards, open)
	}
	return shards
}

// planFiles lays a checkpoint out in files with their headers, and gives the index when there are several.
func planFiles(list []placed, meta map[string]string, lone string, most int64) ([]outFile, *shardIndex, error) {
	if most <= 0 {
		most = defaultShard
	}
	shards := [][]placed{list}
	if lone == "" {
		lone = modelFile
		shards = split(list, most)
	}
	files := make([]outFile, len(shards))
	index := &shardIndex{Metadata: &indexMeta{}, WeightMap: map[string]string{}}
	for i, shard := range shards {
		name := lone
		if len(shards) > 1 {
			name = fmt.Sprintf("model-%05d-of-%05d%s", i+1, len(shards), suffix)
		}
		layout(shard)
		head, err := appendHeader(nil, shard, meta)
		if err != nil {
			return nil, nil, fault.Inputf("%s: %w", name, err)
		}
		f := outFile{name: name, tensors: shard, header: head, size: int64(len(head)), pieces: &pieces{}}
		for _, p := range shard {
			f.size += p.info.Size()
			elems, _ := p.info.Elems()
			index.Metadata.TotalParameters += int64(elems)
			index.Metadata.TotalSize += p.info.Size()
			index.WeightMap[p.info.Name] = name
		}
		files[i] = f
	}
	if len(files) == 1 {
		index = nil
	}
	return files, index, nil
}
