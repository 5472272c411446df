package engine

// SortRows fills order with the numbers of rows 0 to len(ids), by their id and rows of one id in order. Ids are below
// len(starts)-1, and starts is scratch.
func SortRows(order, ids, starts []int32) {
	clear(starts)
	for _, id := range ids {
		starts[id+1]++
	}
	for i := 1; i < len(starts); i++ {
		starts[i] += starts[i-1]
	}
	for r, id := range ids {
		order[starts[id]] = int32(r)
		starts[id]++
	}
}
