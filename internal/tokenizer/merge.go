package tokenizer

// maxScanned is the number of symbols up to which looking through all pairs beats a queue.
const maxScanned = 40

// mergeAll applies the merges to ids until none fits: always the one of lowest rank, of those the leftmost.
// It works in place and returns what is left.
func (m *bpe) mergeAll(ids []int32, w *worker) []int32 {
	if len(ids) <= maxScanned {
		return m.mergeScan(ids)
	}
	return m.mergeQueue(ids, w)
}

const noRank = int32(1<<31 - 1)

// mergeScan keeps the rank of every neighbouring pair and looks for the lowest each time.
func (m *bpe) mergeScan(ids []int32) []int32 {
	var pairs [maxScanned]pairRank
	n := len(ids)
	for i := 0; i+1 < n; i++ {
		pairs[i] = m.pair(ids[i], ids[i+1])
	}
	for n > 1 {
		best := 0
		for i := 1; i < n-1; i++ {
			if pairs[i].rank < pairs[best].rank {
				best = i
			}
		}
		if pairs[best].rank == noRank {
			break
		}
		ids[best] = pairs[best].id
		copy(ids[best+1:n-1], ids[best+2:n])
		copy(pairs[best:n-2], pairs[best+1:n-1])
		n--
		if best > 0 {
			pairs[best-1] = m.pair(ids[best-1], ids[best])
		}
		if best+1 < n {
			pairs[best] = m.pair(ids[best], ids[best+1])
		}
	}
	return ids[:n]
}

func (m *bpe) pair(a, b int32) pairRank {
	if p, ok := m.merges[pairKey(a, b)]; ok {
		return p
	}
	return pairRank{noRank, -1}
}

// node is a symbol in a doubly linked list; gone once it was merged into its left neighbour.
type node struct {
	id         int32
	prev, next int32
	gone       bool
}

// candidate is a merge that was possible when it was queued.
type candidate struct {
	pairRank
	at int32 // the left symbol
}

func (a candidate) before(b candidate) bool {
	return a.rank < b.rank || a.rank == b.rank && a.at < b.at
}

// mergeQueue is mergeScan for long words: n log n with a heap of candidates.
func (m *bpe) mergeQueue(ids []int32, w *worker) []int32 {
	w.nodes, w.queue = w.nodes[:0], w.queue[:0]
	last := int32(len(ids) - 1)
	for i, id := range ids {
		next := int32(i + 1)
		if next > last {
			next = -1
		}
		w.nodes = append(w.nodes, node{id: id, prev: int32(i - 1), next: next})
	}
	for i := range last {
		m.enqueue(w, i)
	}
	for len(w.queue) > 0 {
		c := w.pop()
		left := &w.nodes[c.at]
		if left.gone || left.next < 0 {
			continue
		}
		right := &w.nodes[left.next]
		if m.pair(left.id, right.id) != c.pairRank {
			continue // one of the two has been merged since
		}
		left.id, right.gone = c.id, true
		left.next = right.next
		if left.next >= 0 {
			w.nodes[left.next].prev = c.at
			m.enqueue(w, c.at)
		}
		if left.prev >= 0 {
			m.enqueue(w, left.prev)
		}
	}
	out := ids[:0]
	for i := int32(0); i >= 0; i = w.nodes[i].next {
		out = append(out, w.nodes[i].id)
	}
	return out
}

// enqueue adds the merge of symbol at with the one after it, if there is such a merge.
func (m *bpe) enqueue(w *worker, at int32) {
	n := w.nodes[at]
	p := m.pair(n.id, w.nodes[n.next].id)
	if p.rank == noRank {
		return
	}
	w.queue = append(w.queue, candidate{p, at})
	q := w.queue
	for i := len(q) - 1; i > 0; {
		parent := (i - 1) / 2
		if !q[i].before(q[parent]) {
			break
		}
		q[i], q[parent] = q[parent], q[i]
		i = parent
	}
}

// pop takes the first candidate off the heap.
func (w *worker) pop() candidate {
	q := w.queue
	top := q[0]
	q[0] = q[len(q)-1]
	q = q[:len(q)-1]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(q); child++ {
			if q[child].before(q[least]) {
				least = child
			}
		}
		if least == i {
			break
		}
		q[i], q[least] = q[least], q[i]
		i = least
	}
	w.queue = q
	return top
}
