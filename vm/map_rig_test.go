package vm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

// rig is one or two hosts without managers: enough for anonymous memory.
type rig struct {
	sched *sched.Scheduler
	world *ipc.World
	host  *Host
}

// newRig makes a host with pages of 64 bytes, so that tests are small, unless c says otherwise.
func newRig(t testing.TB, c Config, change ...func(*personality.Personality)) *rig {
	p := personality.OSFManual()
	for _, f := range change {
		f(&p)
	}
	s := sched.New(sched.Config{})
	t.Cleanup(s.Shutdown)
	r := &rig{sched: s, world: ipc.NewWorld(ipc.Config{Sched: s})}
	r.host = r.newHost(t, 1, c, p)
	return r
}

func (r *rig) newHost(t testing.TB, id uint16, c Config, p personality.Personality) *Host {
	if c.PageSize == 0 {
		c.PageSize = 64
	}
	if c.AddressTop == 0 {
		c.AddressTop = mach.Addr(4096 * c.PageSize)
	}
	c.Node, c.Sched, c.WithoutPageout = r.world.NewNode(id, "host", p), r.sched, true
	h, err := NewHost(c)
	require.NoError(t, err)
	return h
}

// run runs body in a thread and audits the host when all is quiet.
func (r *rig) run(t testing.TB, body func(th *sched.Thread)) {
	t.Helper()
	finished := false
	r.sched.Spawn("test", func(th *sched.Thread) {
		body(th)
		th.Drain()
		finished = true
	})
	o := r.sched.Run()
	require.NoError(t, o.Err)
	require.True(t, finished, "the test thread waits for ever")
	require.NoError(t, r.host.CheckIdle())
}

const pg = 64 // page size of a rig

// alloc allocates n pages anywhere and touches nothing.
func alloc(t testing.TB, th *sched.Thread, m *Map, n int) mach.Addr {
	t.Helper()
	var a mach.Addr
	require.Equal(t, mach.KernSuccess, m.Allocate(th, &a, mach.Size(n)*m.host.pageSize, true))
	return a
}

func store(t testing.TB, th *sched.Thread, m *Map, a mach.Addr, s string) {
	t.Helper()
	require.Equal(t, Exception{}, m.Store(th, a, []byte(s)))
}

func load(t testing.TB, th *sched.Thread, m *Map, a mach.Addr, n int) string {
	t.Helper()
	b := make([]byte, n)
	require.Equal(t, Exception{}, m.Load(th, a, b))
	return string(b)
}

func regions(m *Map) [][2]mach.Addr {
	var out [][2]mach.Addr
	for e := range m.Entries() {
		out = append(out, [2]mach.Addr{e.Start, e.End})
	}
	return out
}

const (
	ok       = mach.KernSuccess
	badAddr  = mach.KernInvalidAddress
	badProt  = mach.KernProtectionFailure
	noSpace  = mach.KernNoSpace
	badArg   = mach.KernInvalidArgument
	failure  = mach.KernFailure
	readOnly = mach.ProtRead
)
