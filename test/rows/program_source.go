package rows

// Source is where a program's choices come from: numbers from 0 to n-1. A *choice.Rand is one.
type Source interface{ Intn(n int) int }

// Bytes is a source of choices made before, such as a fuzzer's: one byte for a choice among at most 256, two for
// others. When they are used up all further ones are 0.
type Bytes []byte

// Intn is the next choice.
func (b *Bytes) Intn(n int) int {
	v := b.next()
	if n > 1<<8 {
		v = v<<8 | b.next()
	}
	return v % n
}

func (b *Bytes) next() int {
	if len(*b) == 0 {
		return 0
	}
	v := (*b)[0]
	*b = (*b)[1:]
	return int(v)
}
