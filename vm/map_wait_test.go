package vm

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// VM-052, VM-102: a region being wired stays until the wiring has ended; a wiring that fails undoes what
// it did.
func TestWiringWaits(t *testing.T) {
	r := newProtocolRig(t)
	c := r.party("client", 2)
	var addr mach.Addr
	var done []string
	r.spawn("wirer", func(th *sched.Thread) {
		addr, _ = c.mapObject(th, 3*page)
		require.Equal(t, ok, c.m.Wire(th, addr, 3*page, mach.ProtRead))
		done = append(done, "wired")
	})
	r.spawn("unmapper", func(th *sched.Thread) {
		for addr == 0 && c.m.Count() == 0 {
			th.Yield()
		}
		th.Yield()
		e := c.m.first
		require.True(t, e.inTransition)
		require.Equal(t, ok, c.m.Deallocate(th, 0, 64*page))
		done = append(done, "unmapped")
		th.Drain()
	})
	r.spawn("manager", func(th *sched.Thread) {
		h := r.next(th)
		r.setAttributes(th, h.ctl, mach.CopyDelay, page, false, false, mach.NameNull)
		for i := range 3 {
			require.Equal(t, at(i), r.next(th).off)
			require.Empty(t, done)
			r.supply(th, h.ctl, at(i), 1, 'a', supplyOption{})
		}
		r.drainControl(th, r.next(th).ctl)
	})
	r.run()
	require.Equal(t, []string{"wired", "unmapped"}, done)
	require.Zero(t, r.host.wired)
	require.Equal(t, "terminate", r.log[len(r.log)-1])
	require.NoError(t, r.host.CheckIdle())
}

// VM-132: a fault that finds no page waits, and goes on when somebody gives one back.
func TestShortage(t *testing.T) {
	r := newRig(t, Config{Frames: 4})
	m := r.host.NewMap(1, "a")
	var order []string
	r.sched.Spawn("hog", func(th *sched.Thread) {
		a := alloc(t, th, m, 4)
		store(t, th, m, a, strings.Repeat("x", 4*pg))
		th.Yield()
		th.Yield()
		order = append(order, "freed")
		require.Equal(t, ok, m.Deallocate(th, a, pg))
	})
	r.sched.Spawn("waiter", func(th *sched.Thread) {
		th.Yield()
		a := mach.Addr(32 * pg)
		require.Equal(t, ok, m.Allocate(th, &a, pg, false))
		store(t, th, m, a, "y")
		order = append(order, "stored")
	})
	require.NoError(t, r.sched.Run().Err)
	require.Equal(t, []string{"freed", "stored"}, order)
	require.NoError(t, r.host.CheckIdle())
}

// VM-160 and the pathologies of shadow chains: the exit of a child shortens nothing, the parent's next
// copy-up may.
func TestChains(t *testing.T) {
	r := newRig(t, Config{})
	m := r.host.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		a := alloc(t, th, m, 2)
		store(t, th, m, a, strings.Repeat("0", 2*pg))
		child := m.Fork(th, 2, "b")
		store(t, th, m, a, "1")
		require.Equal(t, 2, r.host.ShadowDepth())
		require.Zero(t, r.host.InaccessiblePages())
		child.Destroy(th)
		require.Equal(t, 2, r.host.ShadowDepth())
		require.Equal(t, 1, r.host.InaccessiblePages())
		require.Contains(t, m.Describe(), "object#2: ANONYMOUS, 1 refs, 1 mappings, symmetric; pages 0x0 dirty; below at 0x0:")
		store(t, th, m, a+pg, "1")
		require.Equal(t, 1, r.host.ShadowDepth(), r.host.DescribeObjects())
		require.Zero(t, r.host.InaccessiblePages())
	})
}
