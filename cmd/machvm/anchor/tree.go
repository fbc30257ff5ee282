package anchor

import "github.com/google/btree"

// region is what the tree holds: where something begins, and the thing.
type region struct {
	start uint64
	thing *extent
}

type extent struct{ start, end uint64 }

// lookups finds the regions that random addresses lie in.
func lookups() (func(n int), func(), error) {
	const page = 4096
	tree := btree.NewG(64, func(a, b region) bool { return a.start < b.start })
	for i := range uint64(lookupEntries) {
		tree.ReplaceOrInsert(region{i * 2 * page, &extent{i * 2 * page, i*2*page + page}})
	}
	var at uint64
	return func(n int) {
		found := 0
		for range n {
			at = at*6364136223846793005 + 1442695040888963407
			addr := (at>>20)%lookupEntries*2*page + 8
			tree.DescendLessOrEqual(region{start: addr}, func(r region) bool {
				if addr < r.thing.end {
					found++
				}
				return false
			})
		}
		if found != n {
			panic("anchor: a region is missing")
		}
	}, func() {}, nil
}
