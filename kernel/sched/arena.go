package sched

// Arena hands out structures of one type and takes all of them back at once. A nil Arena is legal: its structures are
// the garbage collector's.
type Arena[T any] struct {
	chunks [][]T
	used   int
}

const arenaChunk = 16

// New is a structure: zero if it was never used, and otherwise as its user has left it.
func (a *Arena[T]) New() *T {
	if a == nil {
		return new(T)
	}
	i := a.used / arenaChunk
	if i == len(a.chunks) {
		a.chunks = append(a.chunks, make([]T, arenaChunk))
	}
	a.used++
	return &a.chunks[i][(a.used-1)%arenaChunk]
}

// Reclaim takes everything back. Nobody may use any of it any more.
func (a *Arena[T]) Reclaim() { a.used = 0 }
