package zoo

import (
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

var noFlowControl = Specimen{
	ID:    "Z12",
	Title: "takes pageout without flow control, which eats the reserve",
	Mistake: "When memory is short the kernel gives page after page back, and to write one the manager needs some memory " +
		"itself. It is privileged, and takes it from the reserve. But it begins all writes at once: each gets part of " +
		"what it needs and waits for more, which none of them will give back before it is done.",
	Remedy: "Keep what is needed for one write within the reserve, and begin no more writes than the reserve is good for.",
	Wrong: func(t user.Thread, hostPriv mach.Name) (*Manager, mach.Return) {
		return newWriter(t, &writer{hostPriv: hostPriv, wrong: true})
	},
	Right: func(t user.Thread, hostPriv mach.Name) (*Manager, mach.Return) {
		return newWriter(t, &writer{hostPriv: hostPriv})
	},
}

// writer is a manager that needs two pages of memory to write one.
type writer struct {
	shelf
	hostPriv mach.Name
	wrong    bool
	busy     bool
	queue    []pagers.DataReturn  // not begun
	written  map[mach.Offset]bool // looked up, never ranged over
}

func newWriter(t user.Thread, z *writer) (*Manager, mach.Return) {
	z.written = map[mach.Offset]bool{}
	m, ret := exhibit(t, z)
	if ret == mach.KernSuccess {
		m.Word = func(off mach.Offset) (uint64, bool) {
			word, _ := z.stored(off)
			return word, z.written[off-off%mach.Offset(z.size)]
		}
	}
	return m, ret
}

// DataReturn keeps the page in hand and has it written.
func (z *writer) DataReturn(c *pagers.Call, m *pagers.DataReturn) mach.Return {
	if data, err := user.LoadBytes(c.Thread, m.Data); err == nil {
		z.pages[m.Offset] = data
	}
	z.written[m.Offset] = false
	c.Release(m.MemoryControl)
	z.queue = append(z.queue, *m)
	if !z.busy || z.wrong { // the mistake: however many there are
		z.busy = true
		c.Thread.Spawn("write", z.work)
	}
	return mach.KernSuccess
}

// work writes what is queued, page by page.
func (z *writer) work(t user.Thread) {
	user.ThreadWire(t, z.hostPriv, t.ThreadSelf(), true)
	for len(z.queue) > 0 {
		m := z.queue[0]
		z.queue = z.queue[1:]
		z.write(t, m)
	}
	z.busy = false
	user.ThreadWire(t, z.hostPriv, t.ThreadSelf(), false)
}

// write writes a page: first where it will be, then the page. Its memory is free only then.
func (z *writer) write(t user.Thread, m pagers.DataReturn) {
	const index, block = 0, 1
	var buffer mach.Addr
	user.VMAllocate(t, user.Self(t), &buffer, 2*z.size, true)
	defer user.VMDeallocate(t, user.Self(t), buffer, 2*z.size)
	if t.Store64(buffer+index, uint64(m.Offset)) != nil {
		return
	}
	t.Sleep(1) // as long as the device takes
	if t.Store(buffer+mach.Addr(block*z.size), z.page(m.Offset)) != nil {
		return
	}
	z.written[m.Offset] = true
	user.Deallocate(t, m.Data)
}
