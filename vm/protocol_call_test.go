package vm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

func TestSynchronize(t *testing.T) {
	r := newProtocolRig(t)
	results := map[string]mach.Return{}
	r.spawn("manager", func(th *sched.Thread) {
		ctl := r.begin(th, mach.CopyNone, 0)
		r.supply(th, ctl, r.next(th).off, 1, 4, supplyOption{})
		for range 2 {
			h := r.next(th)
			for h.row != defs.MemoryObjectSynchronizeRow {
				h = r.next(th)
			}
			done := defs.MemoryObjectSynchronizeCompleted[mach.Name]{MemoryControl: ctl, Offset: h.off, Length: h.size + 1}
			call(r, th, defs.MemoryObjectSynchronizeCompletedRow, done) // another range releases nobody
			require.Empty(t, results)
			if len(r.log) > 4 {
				r.destroy(th, ctl)
				return
			}
			done.Length = h.size
			require.Equal(t, mach.KernSuccess, call(r, th, defs.MemoryObjectSynchronizeCompletedRow, done))
			for len(results) == 0 {
				th.Yield()
			}
			require.Equal(t, mach.KernSuccess, results["first"])
			clear(results)
		}
	})
	r.client(1, func(th *sched.Thread, c *party, addr mach.Addr) {
		require.Equal(t, mach.KernSuccess, c.store(th, addr, 5))
		results["first"] = c.m.Msync(th, addr, page, mach.SyncSynchronous)
		for len(results) > 0 {
			th.Yield()
		}
		results["second"] = c.m.Msync(th, addr, page, mach.SyncAsynchronous)
	})
	r.run()
	require.Equal(t, map[string]mach.Return{"second": mach.KernMemoryError}, results)
	require.Equal(t, []string{"init", "request 0x0+0x1000 rw-", "return 0x0+0x1000 dirty=true copy=true first=5",
		"synchronize 0x0+0x1000 synchronous", "synchronize 0x0+0x1000 asynchronous"}, r.log)
}

// A copy of a delay object keeps the original contents: they are pushed before a write.
func TestDelayedCopyIsPushed(t *testing.T) {
	r := newProtocolRig(t)
	r.spawn("manager", func(th *sched.Thread) {
		ctl := r.begin(th, mach.CopyDelay, 0)
		for {
			h := r.next(th)
			if h.row == defs.MemoryObjectTerminateRow {
				return
			}
			if h.row == defs.MemoryObjectDataRequestRow {
				r.supply(th, ctl, h.off, 1, 4, supplyOption{})
			}
		}
	})
	r.client(2, func(th *sched.Thread, c *party, addr mach.Addr) {
		require.Equal(t, mach.KernSuccess, c.store(th, addr, 5))
		right := r.objectRight(th)
		f := holdRight(r, &right)
		a := MapArgs{Size: 2 * page, Anywhere: true, Object: &right, Copy: true, Cur: mach.ProtAll, Max: mach.ProtAll, Inherit: mach.InheritCopy}
		require.Equal(t, mach.KernSuccess, c.m.MapObject(th, &a))
		f()
		require.Equal(t, mach.KernSuccess, c.store(th, addr, 6))
		b, ret := c.load(th, a.Addr)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, byte(5), b)
		// The copy's own change is nobody else's.
		require.Equal(t, mach.KernSuccess, c.store(th, pageAt(a.Addr, 1), 9))
		b, ret = c.load(th, pageAt(addr, 1))
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, byte(4), b)
		c.unmap(th, a.Addr, 2*page)
	})
	r.run()
	require.Equal(t, "terminate", r.log[len(r.log)-1])
	require.Contains(t, r.log, "return 0x0+0x1000 dirty=true copy=false first=6")
	require.NotContains(t, r.log, "return 0x1000+0x1000 dirty=true copy=false first=9")
}

func TestAttributes(t *testing.T) {
	r := newProtocolRig(t)
	r.spawn("manager", func(th *sched.Thread) {
		ctl := r.next(th).ctl
		change := func(f mach.Flavor, words ...int32) {
			require.Equal(t, mach.KernSuccess, call(r, th, defs.MemoryObjectChangeAttributesRow,
				defs.MemoryObjectChangeAttributes[mach.Name]{MemoryControl: ctl, Flavor: f, Attributes: words, ReplyTo: r.object}))
		}
		o := r.host.objectOf(r.portOf(r.object))
		get := func(f mach.Flavor) []int32 {
			w, ok := o.words(f, nil)
			require.True(t, ok)
			return w
		}
		require.Equal(t, []int32{int32(mach.CopyInvalid), 4096, 0, 0}, get(mach.FlavorAttribute))
		change(mach.FlavorPerformance, 4096, 1) // no strategy yet
		require.Equal(t, PhaseUnready, o.phase)
		change(mach.FlavorAttribute, int32(mach.CopySymmetric), 0, 0, 0)
		change(mach.FlavorAttribute, int32(mach.CopyCall), 0, 0, 0)
		change(mach.FlavorAttribute, int32(mach.CopyDelay), 3*4096, 0, 0)
		change(mach.FlavorBehavior, int32(mach.CopyDelay), 0, 0, 1, 0)
		require.Equal(t, PhaseUnready, o.phase)
		change(mach.FlavorAttribute, int32(mach.CopyDelay), 0, 0) // a word is missing: no completion
		change(99, 0)
		change(mach.FlavorBehavior, int32(mach.CopyTemporary), 0, 1, 0, 0)
		require.Equal(t, PhaseActive, o.phase)
		require.Equal(t, []int32{int32(mach.CopyDelay), 4096, 0, 1}, get(mach.FlavorAttribute))
		change(mach.FlavorPerformance, 4097, 1) // rounded up; the rest stays
		require.Equal(t, []int32{int32(mach.CopyDelay), 8192, 1, 1}, get(mach.FlavorAttribute))
		change(mach.FlavorAttribute, int32(mach.CopyNone), 0, 0, 0) // another strategy
		change(mach.FlavorOldBehavior, int32(mach.CopyDelay), 0, 0)
		require.Equal(t, []int32{int32(mach.CopyDelay), 0, 0, 0, 0}, get(mach.FlavorBehavior))
		require.Equal(t, []int32{8192, 1}, get(mach.FlavorPerformance))
		change(mach.FlavorOldAttribute, 0, 0, int32(mach.CopyDelay))
		require.Equal(t, []int32{1, 0, int32(mach.CopyDelay)}, get(mach.FlavorOldAttribute))
		_, ret := rpc[defs.MemoryObjectGetAttributes[mach.Name], defs.MemoryObjectGetAttributesReply](r, th,
			defs.MemoryObjectGetAttributesRow, defs.MemoryObjectGetAttributes[mach.Name]{MemoryControl: ctl, Flavor: mach.FlavorAttribute, Count: 3})
		require.Equal(t, mach.KernInvalidArgument, ret)
		r.log = nil
		r.rest(th)
		completed := 0
		for _, l := range r.log {
			if l != "terminate" {
				completed++
			}
		}
		require.Equal(t, 10, completed)
	})
	r.client(1, func(*sched.Thread, *party, mach.Addr) {})
	r.run()
}
