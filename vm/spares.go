package vm

import (
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// Spares is what the hosts of one simulation leave to those of the next: tables of calls, and the bytes of page frames.
// The zero value is empty.
type Spares struct {
	control map[mig.Form]*controlServer
	bytes   map[mach.Size]*arena
}

// arena is page buffers of one size: the first few are in use, by hosts of the present simulation.
type arena struct {
	buffers [][]byte
	used    int
}

// Reclaim takes back every buffer. The hosts that use them must not run any more.
func (s *Spares) Reclaim() {
	for _, a := range s.bytes { // unordered: each on its own
		a.used = 0
	}
}

// server is the table of control calls in a form.
func (s *Spares) server(f mig.Form) *controlServer {
	if s == nil {
		return newControlServer(f)
	}
	if s.control == nil {
		s.control = map[mig.Form]*controlServer{}
	}
	if s.control[f] == nil {
		s.control[f] = newControlServer(f)
	}
	return s.control[f]
}

// arena is the buffers of a size; nil, which is legal, without spares.
func (s *Spares) arena(size mach.Size) *arena {
	if s == nil {
		return nil
	}
	if s.bytes == nil {
		s.bytes = map[mach.Size]*arena{}
	}
	if s.bytes[size] == nil {
		s.bytes[size] = &arena{}
	}
	return s.bytes[size]
}

// buffer is size bytes of any contents.
func (a *arena) buffer(size mach.Size) []byte {
	if a == nil {
		return make([]byte, size)
	}
	if a.used == len(a.buffers) {
		a.buffers = append(a.buffers, make([]byte, size))
	}
	a.used++
	return a.buffers[a.used-1]
}
