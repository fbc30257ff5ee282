package zoo

import (
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

var undrainedPort = Specimen{
	ID:    "Z7",
	Title: "does not drain the control port at terminate, and loses a precious page",
	Mistake: "The manager gives its only copy of a page away, as precious. If the association ends first, the supply is " +
		"left in the control port, which terminate hands to the manager. Who destroys the port unread destroys the page.",
	Remedy: "At terminate, receive what is left in the control port and take the pages back; then destroy it.",
	Wrong:  func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return exhibit(t, &generous{wrong: true}) },
	Right:  func(t user.Thread, _ mach.Name) (*Manager, mach.Return) { return exhibit(t, &generous{}) },
}

// generous is a manager that keeps no copy of what it supplies.
type generous struct {
	shelf
	wrong bool
}

// DataRequest gives the page away.
func (z *generous) DataRequest(c *pagers.Call, m *pagers.DataRequest) mach.Return {
	page := z.page(m.Offset)
	z.pages[m.Offset] = nil
	c.DataSupply(m.MemoryControl, pagers.Supply{Offset: m.Offset, Data: page, Precious: true})
	c.Release(m.MemoryControl)
	return mach.KernSuccess
}

var supplyCodec = user.CodecFor[defs.MemoryObjectDataSupply[mach.Name, mach.Region]](defs.MemoryObjectDataSupplyRow, mig.Request)

// Terminate takes back what has not arrived.
func (z *generous) Terminate(c *pagers.Call, m *pagers.Terminate) mach.Return {
	if !z.wrong { // the mistake is not to do this
		c.Drain(m.MemoryControl, func(left *mach.UserMessage) bool {
			var s defs.MemoryObjectDataSupply[mach.Name, mach.Region]
			form := c.Thread.Form()
			if left.ID != defs.MemoryObjectDataSupplyRow.ID(form.Set) || supplyCodec.Decode(left, &s, form) != mach.KernSuccess {
				return false
			}
			if data, err := user.LoadBytes(c.Thread, s.Data); err == nil {
				z.pages[s.Offset] = data
			}
			return false // the rest is given up like every other message
		})
	}
	c.DestroyPort(m.MemoryControl)
	c.DestroyPort(m.MemoryObjectName)
	return mach.KernSuccess
}
