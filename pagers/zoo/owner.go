package zoo

import (
	"slices"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

// ownership says who may change a page of an owner, and who has a copy that is worth something.
type ownership uint8

const (
	mine    ownership = iota // the manager
	both                     // nobody may change it; the kernel perhaps has a copy
	kernels                  // the kernel
)

// sequence is a lock sequence that has begun and not ended. Until it ends the page is whose it was.
type sequence uint8

const (
	none     sequence = iota
	cleaning          // from the kernel's to both's
	flushing          // to the manager's
)

// ownerPages is how many pages the object of an owner has.
const ownerPages = 2

// owner is a manager without mistakes of pages that one kernel maps and programs put words into, and get words
// out of, by message. It has to take a page back for that, by a lock sequence: lock_request, the page if it was
// modified, lock_completed. There is one at a time. What comes meanwhile is not repeated, so it is kept for later.
type owner struct {
	shelf
	whose    [ownerPages]ownership
	sequence sequence
	locked   mach.Offset // the page of the sequence
	control  mach.Name
	later    []func(*pagers.Call)
	calls    *user.Server[*pagers.Call]
}

func newOwner(t user.Thread) owner { return owner{calls: user.NewServer[*pagers.Call](t)} }

// accept has the owner serve the calls of programs.
func (o *owner) accept() {
	user.On(o.calls, user.NewRoutine[defs.NetmemPut[mach.Name], mig.Void](defs.NetmemPutRow), o.put)
	user.On(o.calls, user.NewRoutine[defs.NetmemGet[mach.Name], defs.NetmemGetReply](defs.NetmemGetRow), o.get)
}

// Init makes the object ready. The reference of the control port is kept: lock sequences begin without a message that
// brings one.
func (o *owner) Init(c *pagers.Call, m *pagers.Init) mach.Return {
	o.control = m.MemoryControl
	return o.welcome(c, m)
}

// Terminate ends a lock sequence as well: all data has come, and nobody will say that it is over.
func (o *owner) Terminate(c *pagers.Call, m *pagers.Terminate) mach.Return {
	o.whose = [ownerPages]ownership{}
	o.resume(c)
	return o.Base.Terminate(c, m)
}

// DataRequest supplies the page, if need be after the lock sequence.
func (o *owner) DataRequest(c *pagers.Call, m *pagers.DataRequest) mach.Return {
	if o.sequence != none {
		q := *m
		o.later = append(o.later, func(c *pagers.Call) { o.DataRequest(c, &q) })
		return mach.KernSuccess
	}
	answer := pagers.Supply{Offset: m.Offset, Data: o.page(m.Offset), Lock: mach.ProtWrite}
	whose := both
	if m.DesiredAccess&mach.ProtWrite != 0 {
		answer.Lock, whose = mach.ProtNone, kernels
	}
	*o.whosePage(m.Offset) = whose
	c.DataSupply(m.MemoryControl, answer)
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}

// DataUnlock grants the access, if need be after the lock sequence. If that takes the page away the kernel will ask for
// the page itself.
func (o *owner) DataUnlock(c *pagers.Call, m *pagers.DataUnlock) mach.Return {
	whose := o.whosePage(m.Offset)
	switch {
	case o.sequence != none:
		q := *m
		o.later = append(o.later, func(c *pagers.Call) { o.DataUnlock(c, &q) })
		return mach.KernSuccess
	case *whose == both:
		*whose = kernels
		c.LockRequest(m.MemoryControl, pagers.Lock{Offset: m.Offset, Size: m.Length})
	}
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}

func (o *owner) whosePage(off mach.Offset) *ownership {
	return &o.whose[min(off/mach.Offset(o.size), ownerPages-1)]
}

// LockCompleted ends the lock sequence.
func (o *owner) LockCompleted(c *pagers.Call, m *pagers.LockCompleted) mach.Return {
	o.finish(c)
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}

// finish has the lock sequence take effect.
func (o *owner) finish(c *pagers.Call) {
	switch o.sequence {
	case cleaning:
		*o.whosePage(o.locked) = both
	case flushing:
		*o.whosePage(o.locked) = mine
	}
	o.resume(c)
}

// resume goes on with what came meanwhile, until the next lock sequence begins.
func (o *owner) resume(c *pagers.Call) {
	o.sequence = none
	for len(o.later) > 0 && o.sequence == none {
		next := o.later[0]
		o.later = o.later[1:]
		next(c)
	}
}

// Other serves the calls of programs.
func (o *owner) Other(c *pagers.Call) mach.Return {
	var out mach.UserMessage
	user.ServeMessage(c.Thread, c, c.Message, &out, o.calls)
	return mach.KernSuccess
}

// put changes a word once nobody else has the page.
func (o *owner) put(c *pagers.Call, q *defs.NetmemPut[mach.Name], _ *mig.Void) mach.Return {
	if o.sequence == none && *o.whosePage(q.Offset) != mine {
		o.lock(c, q.Offset, pagers.Lock{Return: mach.ReturnDirty, Flush: true, Value: mach.ProtAll}, flushing)
	}
	if o.sequence != none {
		return o.again(c)
	}
	o.set(q.Offset, q.Value)
	return mach.KernSuccess
}

// get reads a word once nobody else can change it.
func (o *owner) get(c *pagers.Call, q *defs.NetmemGet[mach.Name], rep *defs.NetmemGetReply) mach.Return {
	if o.sequence == none && *o.whosePage(q.Offset) == kernels {
		o.lock(c, q.Offset, pagers.Lock{Return: mach.ReturnDirty, Value: mach.ProtWrite}, cleaning)
	}
	if o.sequence != none {
		return o.again(c)
	}
	rep.Value, _ = o.stored(q.Offset)
	return mach.KernSuccess
}

// lock begins a lock sequence for the page of an offset.
func (o *owner) lock(c *pagers.Call, off mach.Offset, l pagers.Lock, s sequence) {
	o.sequence, o.locked = s, off-off%mach.Offset(o.size)
	l.Offset, l.Size, l.ReplyTo = o.locked, o.size, o.object
	c.LockRequest(o.control, l)
}

// again has the call that is being served made once more after the lock sequence.
func (o *owner) again(c *pagers.Call) mach.Return {
	m := *c.Message
	m.Body = slices.Clone(m.Body)
	o.later = append(o.later, func(c *pagers.Call) {
		o.Other(&pagers.Call{Thread: c.Thread, Server: c.Server, Message: &m})
	})
	return mach.MigNoReply
}
