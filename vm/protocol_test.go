package vm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// serve is a manager that supplies every request and ends with the first terminate. It returns what the
// control port held then.
func (r *protocolRig) serve(th *sched.Thread, cache bool) []mach.MsgID {
	for {
		h := r.next(th)
		switch h.row {
		case defs.MemoryObjectInitRow:
			r.setAttributes(th, h.ctl, mach.CopyNone, 0, cache, false, mach.NameNull)
		case defs.MemoryObjectDataRequestRow:
			r.supply(th, h.ctl, h.off, int(h.size/r.host.PageSize()), byte(h.off/mach.Offset(r.host.PageSize()))+1, supplyOption{})
		case defs.MemoryObjectTerminateRow:
			return r.drainControl(th, h.ctl)
		}
	}
}

func TestLifeOfAnAssociation(t *testing.T) {
	r := newProtocolRig(t)
	c := r.party("client", 2)
	r.spawn("manager", func(th *sched.Thread) {
		require.Empty(t, r.serve(th, false))
	})
	r.spawn("client", func(th *sched.Thread) {
		addr, ret := c.mapObject(th, 4*4096)
		require.Equal(t, mach.KernSuccess, ret)
		b, ret := c.load(th, addr+2*4096)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, byte(3), b)
		require.Equal(t, mach.KernSuccess, c.store(th, addr, 77))
		b, _ = c.load(th, addr)
		require.Equal(t, byte(77), b)
		c.unmap(th, addr, 4*4096)
	})
	r.run()
	require.Equal(t, []string{
		"init", "request 0x2000+0x1000 r--", "request 0x0+0x1000 rw-",
		"return 0x0+0x1000 dirty=true copy=false first=77", "terminate",
	}, r.log)
	require.NoError(t, r.host.CheckIdle())
	require.Zero(t, r.host.objects)
	require.Equal(t, 64, r.host.Stats().Free)
}
