package sched

import (
	"encoding/binary"
	"math/bits"
)

// Digest is a hash of state under construction: equal states, told in the same order, have equal sums. The zero value
// is the digest of nothing. Its value is its whole state, so that a part can be summed apart and added.
type Digest uint64

const (
	digestMul = 0x9e3779b97f4a7c15
	digestMix = 0xbf58476d1ce4e5b9
)

// Word adds a number.
func (d *Digest) Word(v uint64) {
	hi, lo := bits.Mul64(uint64(*d)^v^digestMul, digestMix)
	*d = Digest(bits.RotateLeft64(hi^lo, 23) + v*digestMul + 1)
}

// Words adds several numbers.
func (d *Digest) Words(vs ...uint64) {
	for _, v := range vs {
		d.Word(v)
	}
}

// Flags adds some facts.
func (d *Digest) Flags(bs ...bool) {
	v := uint64(1)
	for _, b := range bs {
		if v <<= 1; b {
			v |= 1
		}
	}
	d.Word(v)
}

// Text adds a string.
func (d *Digest) Text(s string) {
	d.Word(uint64(len(s)))
	for len(s) >= 8 {
		d.Word(uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 |
			uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56)
		s = s[8:]
	}
	v := uint64(0)
	for i := range len(s) {
		v = v<<8 | uint64(s[i])
	}
	d.Word(v)
}

// Bytes adds bytes. Trailing zeros count as none, so that memory which was never written equals memory of zeros.
func (d *Digest) Bytes(b []byte) {
	zeros := uint64(0) // words of zeros not added yet
	for ; len(b) >= 8; b = b[8:] {
		v := binary.LittleEndian.Uint64(b)
		if v == 0 {
			zeros++
			continue
		}
		d.Word(zeros)
		d.Word(v)
		zeros = 0
	}
	for _, v := range b {
		if v != 0 {
			d.Word(uint64(v) + uint64(len(b))<<8)
		}
	}
}

// Sum is the hash.
func (d Digest) Sum() uint64 {
	z := uint64(d)
	z = (z ^ z>>30) * digestMix
	return z ^ z>>31
}

// Digest adds where t is: its state and wait. The place in a queue is part of it.
func (t *Thread) Digest(d *Digest) {
	d.Words(uint64(t.id), uint64(t.state)|uint64(t.flags&(aborted|killed|held))<<8, uint64(t.suspended))
	if t.state == Blocked {
		d.Words(uint64(t.wait.Kind), t.wait.A, uint64(t.place()))
		if n, ok := t.wait.What.(interface{ WaitID() uint64 }); ok {
			d.Word(n.WaitID())
		}
		if t.wait.Deadline != 0 {
			d.Word(uint64(t.wait.Deadline - t.sched.now))
		}
	}
}

// place is how many threads stand before t in its queue.
func (t *Thread) place() (n int) {
	for q := t.prev; q != nil && t.queue != nil; q = q.prev {
		n++
	}
	return n
}
