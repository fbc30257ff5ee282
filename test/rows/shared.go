package rows

import (
	"fmt"
	"machvm/kernel/choice"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// SharedAccess is one access of a program to a word of the shared object.
type SharedAccess struct {
	Store  bool
	Offset mach.Offset // a multiple of eight
	Value  uint64      // to store
}

// SharedProgram makes random accesses: n of them, to words of the object of which each unit has a few, half of
// them stores. No two stores of programs with different numbers store the same value.
func SharedProgram(r *choice.Rand, number, n int, size, unit mach.Size) []SharedAccess {
	var all []SharedAccess
	for i := range n {
		u := mach.Offset(r.Intn(int(size/unit))) * mach.Offset(unit)
		word := u + mach.Offset(r.Intn(4))*mach.Offset(unit/4)
		all = append(all, SharedAccess{Store: r.Intn(2) == 0, Offset: word, Value: uint64(number)<<32 | uint64(i+1)})
	}
	return all
}

// SharedMemory is what the object ought to hold: a load sees the last store, on whatever host it was made.
type SharedMemory struct {
	last  map[mach.Offset]uint64
	Loads int
	Err   error // the first load that saw something else, or the first access that failed
}

// NewSharedMemory is an object of zeros.
func NewSharedMemory() *SharedMemory { return &SharedMemory{last: map[mach.Offset]uint64{}} }

// Run makes the accesses of a program at a host. Between two of them other threads may run.
func (m *SharedMemory) Run(t user.Thread, who string, addr mach.Addr, program []SharedAccess) {
	for _, a := range program {
		m.Access(t, who, addr, a)
		t.Yield()
	}
}

// Access makes one access and checks what a load sees.
func (m *SharedMemory) Access(t user.Thread, who string, addr mach.Addr, a SharedAccess) {
	at := addr + mach.Addr(a.Offset)
	if a.Store {
		if err := t.Store64(at, a.Value); err != nil {
			m.fail(fmt.Errorf("%s stores to %#x: %w", who, uint64(a.Offset), err))
			return
		}
		m.last[a.Offset] = a.Value
		return
	}
	got, err := t.Load64(at)
	switch want := m.last[a.Offset]; {
	case err != nil:
		m.fail(fmt.Errorf("%s loads from %#x: %w", who, uint64(a.Offset), err))
	case got != want:
		m.fail(fmt.Errorf("%s loads %#x from %#x, where the last store was %#x", who, got, uint64(a.Offset), want))
	}
	m.Loads++
}

func (m *SharedMemory) fail(err error) {
	if m.Err == nil {
		m.Err = err
	}
}
