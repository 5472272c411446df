package format

import "maps"

// Origin is the checkpoint that a source is made from. Write takes its digest on the way: each of its tensors is
// hashed beside the first one that is made from it, or with it where the bytes are the same, so that the origin is
// read from disk once.
type Origin struct {
	Source Source
	// Of names the tensors of Source that a written tensor is made from. same: its bytes are those of the only one as they
	// stand.
	Of func(name string) (from []string, same bool)
	// Done is told Digest(Source) when all tensors are on disk and before the destination appears. The files that it gives
	// are side files, in place of the source's. Where the destination is one file they stand beside it and appear with it.
	Done func(digest string) (map[string][]byte, error)
	// Files are the names of what Done will give, so that what is there already is refused before anything is written.
	Files []string
}

// origin is an Origin on its way.
type origin struct {
	*Origin
	list []placed
	sums map[string]*job // by tensor: the job that hashes it
}

func newOrigin(o *Origin) (*origin, error) {
	list, err := checkTensors(o.Source)
	if err != nil {
		return nil, err
	}
	return &origin{o, list, map[string]*job{}}, nil
}

// weave puts the jobs that hash the origin's tensors beside those that write what is made from them. What nothing is
// made from comes last.
func (o *origin) weave(jobs []*job) [][]*job {
	groups := make([][]*job, 0, len(jobs))
	if o == nil {
		for _, j := range jobs {
			groups = append(groups, []*job{j})
		}
		return groups
	}
	left := map[string]placed{}
	for _, p := range o.list {
		left[p.info.Name] = p
	}
	for _, j := range jobs {
		if from, same := o.Of(j.info.Name); same && len(from) == 1 {
			if p, ok := left[from[0]]; ok && p.info.Size() == j.info.Size() {
				j.digest, o.sums[from[0]] = true, j
				delete(left, from[0])
			}
		}
	}
	hash := func(name string) []*job {
		p, ok := left[name]
		if !ok {
			return nil
		}
		delete(left, name)
		o.sums[name] = digestJob(p)
		return []*job{o.sums[name]}
	}
	for _, j := range jobs {
		var group []*job
		from, _ := o.Of(j.info.Name)
		for _, name := range from {
			group = append(group, hash(name)...)
		}
		groups = append(groups, append(group, j))
	}
	for _, p := range o.list {
		groups = append(groups, hash(p.info.Name))
	}
	return groups
}

// tell gives the digest to who waits for it, and the side files that come of it.
func (o *origin) tell() (map[string][]byte, error) {
	sums := map[string]string{}
	for name, j := range o.sums {
		sums[name] = j.sum
	}
	digest, err := DigestOf(o.Source, sums)
	if err != nil {
		return nil, err
	}
	return o.Done(digest)
}

// tellOrigin takes the side files that wait for the origin's digest.
func (w *writer) tellOrigin() error {
	if w.origin == nil {
		return nil
	}
	files, err := w.origin.tell()
	if err != nil {
		return err
	}
	maps.Copy(w.side, files)
	w.count()
	return nil
}
