package anchor

import "encoding/binary"

// touches reads words of resident pages: the least machine that has regions, a page table and pages.
func touches() (func(n int), func(), error) {
	const page, pages = 4096, 64
	type frame struct{ data *[page]byte }
	table := map[uint64]*frame{}
	for i := range uint64(pages) {
		table[i] = &frame{new([page]byte)}
	}
	last := extent{0, page * pages}
	var sum uint64
	return func(n int) {
		for i := range uint64(n) {
			addr := i * 8 % (page * pages)
			if addr < last.start || addr >= last.end {
				panic("anchor: outside of the region")
			}
			sum += binary.LittleEndian.Uint64(table[addr/page].data[addr%page:])
		}
	}, func() {}, nil
}
