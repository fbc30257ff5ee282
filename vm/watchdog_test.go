package vm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

// A request that the manager leaves unanswered ends with an error when the watchdog says so; one that is
// answered in time does not, and what comes too late was not asked for (H-1).
func TestWatchdog(t *testing.T) {
	const patience = 5 * millisecond
	r := newProtocolRig(t, func(_ *personality.Personality, c *Config, _ *sched.Config) { c.Watchdog = patience })
	r.spawn("manager", func(th *sched.Thread) {
		ctl := r.begin(th, mach.CopyNone, 0)
		require.Equal(t, at(0), r.next(th).off)
		r.supply(th, ctl, at(0), 1, 7, supplyOption{})
		require.Equal(t, at(1), r.next(th).off)
		th.Block(nil, sched.Wait{Kind: sched.WaitTimer, Deadline: r.sched.After(2 * patience)})
		r.supply(th, ctl, at(1), 1, 8, supplyOption{})
		require.Equal(t, 1, r.host.objectOf(r.portOf(r.object)).residentCount)
		for r.next(th).row != defs.MemoryObjectTerminateRow {
		}
	})
	r.client(2, func(th *sched.Thread, c *party, addr mach.Addr) {
		b, ret := c.load(th, addr)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, byte(7), b)
		began := r.sched.Now()
		_, ret = c.load(th, pageAt(addr, 1))
		require.Equal(t, mach.KernMemoryError, ret)
		require.Equal(t, began+patience, r.sched.Now())
		th.Block(nil, sched.Wait{Kind: sched.WaitTimer, Deadline: r.sched.After(2 * patience)})
	})
	r.run()
	require.Equal(t, uint64(1), r.host.stats.Overdue)
	r.finish()
}

// Without collapse and bypass a chain stays as it has grown.
func TestChainsLeftAlone(t *testing.T) {
	r := newProtocolRig(t, func(_ *personality.Personality, c *Config, _ *sched.Config) {
		c.WithoutCollapse, c.WithoutBypass = true, true
	})
	h := r.host
	r.alone(func(th *sched.Thread) {
		below := h.newAnonymous(page)
		o := h.shadow(below, 0, page)
		below.put(t, th, 0, 1)
		o.put(t, th, 0, 2)
		o.collapse(th)
		require.Same(t, below, o.shadow)
		h.withoutBypass = false
		o.collapse(th)
		require.Nil(t, o.shadow)
		require.Equal(t, uint64(1), h.stats.Bypasses)
		require.Equal(t, uint64(1), h.stats.CollapseVisits)
		o.release(th)
		th.Drain()
	})
	r.finish()
}
