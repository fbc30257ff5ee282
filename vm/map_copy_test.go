package vm

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

// VM-072 to VM-077, IPC-207, IPC-208: what vm_read gives.
func TestRead(t *testing.T) {
	r := newRig(t, Config{})
	m, to := r.host.NewMap(1, "a"), r.host.NewMap(2, "b")
	r.run(t, func(th *sched.Thread) {
		a := alloc(t, th, m, 4)
		store(t, th, m, a, strings.Repeat("x", 4*pg))
		c, ret := m.Read(th, a, 0)
		require.Equal(t, ok, ret)
		require.Nil(t, c)
		_, ret = m.Read(th, a+3*pg, 2*pg)
		require.Equal(t, badAddr, ret)
		_, ret = m.Read(th, a, math.MaxUint64)
		require.Equal(t, badAddr, ret)

		c, ret = m.Read(th, a+pg-3, pg+5)
		require.Equal(t, ok, ret)
		require.EqualValues(t, pg+5, c.Size())
		store(t, th, m, a, strings.Repeat("y", 4*pg))
		at, ret := to.Copyout(th, c)
		require.Equal(t, ok, ret)
		require.Equal(t, mach.Addr(pg-3), at&(pg-1))
		require.Equal(t, strings.Repeat("x", pg+5), load(t, th, to, at, pg+5))
		require.Equal(t, strings.Repeat("\x00", pg-3), load(t, th, to, at.Trunc(pg), pg-3))
		require.Equal(t, strings.Repeat("\x00", pg-2), load(t, th, to, at+pg+5, pg-2))
		require.Equal(t, Exception{badAddr, at.Trunc(pg) + 3*pg}, to.Load(th, at.Trunc(pg)+3*pg, make([]byte, 1)))

		require.Equal(t, ok, m.Protect(a, pg, false, mach.ProtWrite))
		_, ret = m.Read(th, a, 2*pg)
		require.Equal(t, badProt, ret)
		require.Equal(t, ok, m.Protect(a+3*pg, pg, true, mach.ProtNone))
		_, ret = m.Read(th, a+2*pg, 2*pg)
		require.Equal(t, badProt, ret)
		m.Destroy(th)
		require.Equal(t, strings.Repeat("x", pg+5), load(t, th, to, at, pg+5))
		to.Destroy(th)
	})
	require.Equal(t, r.host.frames.total, r.host.frames.free())
	require.Zero(t, r.host.objects)
}

// Without ZeroCopyEdges the sender's bytes show beside the data.
func TestCopyEdges(t *testing.T) {
	r := newRig(t, Config{}, func(p *personality.Personality) { p.ZeroCopyEdges = false })
	m := r.host.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		a := alloc(t, th, m, 1)
		store(t, th, m, a, "hello, world")
		c, _ := m.Read(th, a+7, 2)
		at, _ := m.Copyout(th, c)
		require.Equal(t, "hello, world", load(t, th, m, at-7, 12))
	})
}

// IPC-203 to IPC-206, IPC-213: out-of-line memory of messages.
func TestCopyinMemory(t *testing.T) {
	r := newRig(t, Config{PageSize: 1024, Frames: 20000, AddressTop: 1 << 30})
	m, to := r.host.NewMap(1, "a"), r.host.NewMap(2, "b")
	const kb = 1024
	r.run(t, func(th *sched.Thread) {
		a := alloc(t, th, m, 16)
		store(t, th, m, a, strings.Repeat("x", 16*kb))
		in := func(at mach.Addr, n mach.Size, o mach.CopyOption, deallocate bool) (*Copy, mach.CopyOption) {
			c, o, ret := m.CopyinMemory(th, at, n, o, deallocate)
			require.Equal(t, ok, ret)
			return c.(*Copy), o
		}
		faults := r.host.stats.Faults
		c, o := in(a+4, 2047, mach.CopyPhysical, false)
		require.True(t, c.buffer)
		require.Equal(t, mach.CopyPhysical, o)
		at, ret := to.CopyoutMemory(th, c)
		require.Equal(t, ok, ret)
		require.Zero(t, at%kb, "a physical copy arrives at the start of a page")
		require.Equal(t, strings.Repeat("x", 2047)+"\x00", load(t, th, to, at, 2048))
		require.Greater(t, r.host.stats.Faults, faults)

		c, _ = in(a+4, 2049, mach.CopyPhysical, false)
		require.False(t, c.buffer)
		require.Nil(t, c.first.next)
		require.NotSame(t, m.first.object, c.first.object)
		at, _ = to.CopyoutMemory(th, c)
		require.Zero(t, at%kb)
		require.Equal(t, strings.Repeat("x", 2049)+"\x00", load(t, th, to, at, 2050))

		top := m.first.object
		c, o = in(a+kb, 4*kb, mach.CopyVirtual, false)
		require.Equal(t, mach.CopyVirtual, o)
		require.Same(t, top, c.first.object)
		store(t, th, m, a+kb, "changed")
		at, _ = to.CopyoutMemory(th, c)
		require.Equal(t, strings.Repeat("x", 4*kb), load(t, th, to, at, 4*kb))

		// A move hands the object over, and takes whole pages away.
		c, o = in(a+8*kb+5, 3*kb, mach.CopyPhysical, true)
		require.Equal(t, mach.CopyVirtual, o)
		require.Equal(t, Exception{badAddr, a + 8*kb}, m.Load(th, a+8*kb, make([]byte, 1)))
		require.Equal(t, Exception{badAddr, a + 11*kb}, m.Load(th, a+11*kb, make([]byte, 1)))
		require.Equal(t, "x", load(t, th, m, a+12*kb, 1))
		at, _ = to.CopyoutMemory(th, c)
		require.Equal(t, "\x00"+strings.Repeat("x", 3*kb)+"\x00", load(t, th, to, at-1, 3*kb+2))

		_, _, ret = m.CopyinMemory(th, a+8*kb, 3*kb, mach.CopyVirtual, true)
		require.Equal(t, mach.SendInvalidMemory, ret)
		_, _, ret = m.CopyinMemory(th, a+7*kb, 3*kb, mach.CopyVirtual, true)
		require.Equal(t, mach.SendInvalidMemory, ret)
		require.Equal(t, "x", load(t, th, m, a+7*kb, 1), "a failed copyin takes nothing")
		_, _, ret = m.CopyinMemory(th, a, 7<<20+1, mach.CopyPhysical, false)
		require.Equal(t, mach.MsgVMKernel, ret)

		// Untouched memory travels without a fault.
		b := alloc(t, th, m, 64)
		faults = r.host.stats.Faults
		c, _ = in(b, 64*kb, mach.CopyVirtual, true)
		require.Nil(t, c.first.object)
		at, _ = to.CopyoutMemory(th, c)
		require.Equal(t, faults, r.host.stats.Faults)
		require.Equal(t, "\x00", load(t, th, to, at+63*kb, 1))
		c, _ = in(a, 4*kb, mach.CopyVirtual, true)
		c.Discard(th)
		m.Destroy(th)
		to.Destroy(th)
	})
	require.Equal(t, r.host.frames.total, r.host.frames.free())
}

// Memory shared with another task is copied, not moved: the message must not change with it.
func TestMoveShared(t *testing.T) {
	r := newRig(t, Config{})
	m := r.host.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		a := alloc(t, th, m, 2)
		store(t, th, m, a, "before")
		require.Equal(t, ok, m.Inherit(a, 2*pg, mach.InheritShare))
		child := m.Fork(th, 2, "b")
		c, _, ret := m.CopyinMemory(th, a, 2*pg, mach.CopyVirtual, true)
		require.Equal(t, ok, ret)
		store(t, th, child, a, "after!")
		at, _ := m.CopyoutMemory(th, c)
		require.Equal(t, "before", load(t, th, m, at, 6))
		require.Equal(t, "after!", load(t, th, child, a, 6))
	})
}

// VM-078 to VM-081, VM-083 to VM-085.
func TestOverwrite(t *testing.T) {
	r := newRig(t, Config{})
	m := r.host.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		a := alloc(t, th, m, 4)
		for i := range 4 {
			store(t, th, m, a+mach.Addr(i*pg), strings.Repeat(string(rune('a'+i)), pg))
		}
		require.Equal(t, ok, m.Write(th, a, nil))
		require.Equal(t, ok, m.Copy(th, a, 3*pg, a+pg), "overlapping")
		require.Equal(t, "aabc", load(t, th, m, a, 1)+load(t, th, m, a+pg, 1)+load(t, th, m, a+2*pg, 1)+load(t, th, m, a+3*pg, 1))
		require.Equal(t, ok, m.Copy(th, a+3, 2*pg, a+pg+1), "unaligned and overlapping")
		require.Equal(t, strings.Repeat("a", 2*pg-2)+"bbb"+strings.Repeat("c", pg-1), load(t, th, m, a+pg, 3*pg))

		require.Equal(t, badAddr, m.Copy(th, a, 2*pg, a+3*pg))
		require.Equal(t, badAddr, m.Copy(th, a+3*pg, 2*pg, a))
		require.Equal(t, ok, m.Protect(a+pg, pg, false, readOnly))
		require.Equal(t, badProt, m.Copy(th, a+2*pg, 2*pg, a))
		require.Equal(t, "a", load(t, th, m, a, 1))

		// Whole pages over whole pages: the object is taken over, the attributes stay.
		b := alloc(t, th, m, 1)
		store(t, th, m, b, "stolen")
		require.Equal(t, ok, m.Inherit(a+2*pg, pg, mach.InheritNone))
		require.Equal(t, ok, m.Copy(th, b, pg, a+2*pg))
		src, _ := m.lookup(b)
		dst, _ := m.lookup(a + 2*pg)
		require.Same(t, src.object, dst.object)
		require.Equal(t, mach.InheritNone, dst.inherit)
		require.Equal(t, ok, m.Copy(th, b, pg, b), "onto itself")
		require.Equal(t, "stolen", load(t, th, m, b, 6))
	})
}

func TestOverwriteShared(t *testing.T) {
	r := newRig(t, Config{})
	m := r.host.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		a := alloc(t, th, m, 2)
		require.Equal(t, ok, m.Inherit(a, 2*pg, mach.InheritShare))
		child := m.Fork(th, 2, "b")
		b := alloc(t, th, m, 2)
		store(t, th, m, b, strings.Repeat("z", 2*pg))
		require.Equal(t, ok, m.Copy(th, b, 2*pg, a))
		require.Equal(t, strings.Repeat("z", 2*pg), load(t, th, child, a, 2*pg))
		require.Equal(t, ok, child.ReadOverwrite(th, a, pg, m, b))
		c, ret := m.Read(th, b, 3)
		require.Equal(t, ok, ret)
		require.Equal(t, ok, child.CopyoutOverwrite(th, c, a+1))
	})
}

// A copy placed on another host arrives as bytes, whatever the page sizes.
func TestCopyoutForeign(t *testing.T) {
	r := newRig(t, Config{})
	other := r.newHost(t, 2, Config{PageSize: 256, AddressTop: 1 << 20}, personality.OSFManual())
	m, to := r.host.NewMap(1, "a"), other.NewMap(2, "b")
	r.run(t, func(th *sched.Thread) {
		a := alloc(t, th, m, 20)
		store(t, th, m, a+5*pg, strings.Repeat("x", 3*pg))
		c, ret := m.Read(th, a+3, 19*pg)
		require.Equal(t, ok, ret)
		free := other.frames.free()
		at, ret := to.CopyoutMemory(th, c)
		require.Equal(t, ok, ret)
		require.Equal(t, mach.Addr(3), at%64)
		require.Equal(t, 1, free-other.frames.free(), "pages nobody touched are not sent")
		want := strings.Repeat("\x00", 5*pg-3) + strings.Repeat("x", 3*pg) + strings.Repeat("\x00", 11*pg+3)
		require.Equal(t, want, load(t, th, to, at, 19*pg))
		c, ret = m.Read(th, a+5*pg, pg)
		require.Equal(t, ok, ret)
		require.Equal(t, ok, to.CopyoutOverwrite(th, c, at+9))
		require.Equal(t, strings.Repeat("x", pg), load(t, th, to, at+9, pg))
		to.Destroy(th)
		m.Destroy(th)
	})
	require.NoError(t, other.CheckIdle())
	require.Equal(t, other.frames.total, other.frames.free())
}

// VM-140 to VM-146.
func TestFork(t *testing.T) {
	r := newRig(t, Config{})
	m := r.host.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		a := alloc(t, th, m, 6)
		store(t, th, m, a, strings.Repeat("p", 6*pg))
		require.Equal(t, ok, m.Inherit(a+2*pg, 2*pg, mach.InheritShare))
		require.Equal(t, ok, m.Inherit(a+4*pg, 2*pg, mach.InheritNone))
		free := r.host.frames.free()
		child := m.Fork(th, 2, "b")
		require.Equal(t, free, r.host.frames.free(), "fork copies no page")
		require.Equal(t, [][2]mach.Addr{{a, a + 2*pg}, {a + 2*pg, a + 4*pg}}, regions(child))
		shared, _ := child.lookup(a + 2*pg)
		require.Equal(t, mach.CopyDelay, shared.object.strategy)
		require.NotSame(t, m.first.object, shared.object, "what is copied stays out of the sharing")

		store(t, th, m, a, "mine")
		store(t, th, child, a+pg, "yours")
		require.Equal(t, "pppp", load(t, th, child, a, 4))
		require.Equal(t, "ppppp", load(t, th, m, a+pg, 5))
		store(t, th, m, a+2*pg, "ours")
		require.Equal(t, "ours", load(t, th, child, a+2*pg, 4))
		store(t, th, child, a+3*pg, "ours")
		require.Equal(t, "ours", load(t, th, m, a+3*pg, 4))
		require.Equal(t, Exception{badAddr, a + 4*pg}, child.Load(th, a+4*pg, make([]byte, 1)))

		// A second generation, with shared memory copied: originals are pushed before they change.
		require.Equal(t, ok, child.Inherit(a+2*pg, 2*pg, mach.InheritCopy))
		grand := child.Fork(th, 3, "c")
		store(t, th, m, a+2*pg, "late")
		require.Equal(t, "ours", load(t, th, grand, a+2*pg, 4))
		require.Equal(t, "late", load(t, th, child, a+2*pg, 4))
		require.NoError(t, r.host.CheckIdle())
		child.Destroy(th)
		require.Equal(t, "ours", load(t, th, grand, a+2*pg, 4))
		m.Destroy(th)
		grand.Destroy(th)
	})
	require.Equal(t, r.host.frames.total, r.host.frames.free())
	require.Zero(t, r.host.objects)
}

// VM-086 to VM-090.
func TestRemap(t *testing.T) {
	r := newRig(t, Config{})
	m, to := r.host.NewMap(1, "a"), r.host.NewMap(2, "b")
	r.run(t, func(th *sched.Thread) {
		a := alloc(t, th, m, 4)
		store(t, th, m, a, strings.Repeat("p", 4*pg))
		require.Equal(t, ok, m.Protect(a+pg, pg, true, readOnly|mach.ProtExecute))
		share := RemapArgs{Size: 3 * pg, Anywhere: true, Source: m, SourceAddr: a}
		require.Equal(t, ok, to.Remap(th, &share))
		require.Equal(t, readOnly, share.Cur)
		require.Equal(t, readOnly|mach.ProtExecute, share.Max)
		store(t, th, m, a, "both")
		require.Equal(t, "both", load(t, th, to, share.Addr, 4))
		store(t, th, to, share.Addr+2*pg, "both")
		require.Equal(t, "both", load(t, th, m, a+2*pg, 4))

		copied := RemapArgs{Size: 4 * pg, Anywhere: true, Source: m, SourceAddr: a, Copy: true, Inherit: mach.InheritNone}
		require.Equal(t, ok, to.Remap(th, &copied))
		store(t, th, m, a, "mine")
		require.Equal(t, "both", load(t, th, to, copied.Addr, 4))
		store(t, th, to, copied.Addr+3*pg, "mine")
		require.Equal(t, "pppp", load(t, th, m, a+3*pg, 4))

		hole := RemapArgs{Size: 5 * pg, Anywhere: true, Source: m, SourceAddr: a}
		require.Equal(t, badAddr, to.Remap(th, &hole))
		require.NoError(t, r.host.CheckIdle())
		full := RemapArgs{Size: pg, Addr: share.Addr, Source: m, SourceAddr: a}
		require.Equal(t, noSpace, to.Remap(th, &full))
		require.NoError(t, r.host.CheckIdle())
		require.Equal(t, badArg, to.Remap(th, &RemapArgs{Source: m}))
		require.Equal(t, badArg, to.Remap(th, &RemapArgs{Size: pg, Source: m, Inherit: 3}))
	})
}

// A page is handed over without copying when the message is its only owner.
func TestStealPage(t *testing.T) {
	r := newRig(t, Config{})
	m := r.host.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		a := alloc(t, th, m, 3)
		store(t, th, m, a, strings.Repeat("x", 2*pg))
		first := m.first
		fr := m.pmap.extract(a + pg)
		mem, _, _ := m.CopyinMemory(th, a, 3*pg-5, mach.CopyVirtual, true)
		require.Nil(t, first.m)
		c := mem.(*Copy)
		p, ret := c.stealPage(th, r.host, 1)
		require.Equal(t, ok, ret)
		require.Same(t, fr, p.frame)
		p.free()
		p, ret = c.stealPage(th, r.host, 2)
		require.Equal(t, ok, ret)
		require.Equal(t, make([]byte, pg), r.host.frames.read(p.frame))
		p.free()
		c.Discard(th)
		require.Panics(t, func() { c.done() })
	})
}
