package vm

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// entryRight puts a port in front of a memory entry, as the kernel does.
func entryRight(t *testing.T, r *rig, n *MemoryEntry) (send *ipc.Right, release func(th *sched.Thread)) {
	receive := r.host.node.NewKernelPort(n)
	right := receive.Port().KernelMakeSend()
	return &right, func(th *sched.Thread) {
		ipc.Release(&th.Reap, &right)
		ipc.Release(&th.Reap, &receive)
		n.Release(th)
		th.Drain()
	}
}

// VM-039, VM-091, VM-092.
func TestMemoryEntry(t *testing.T) {
	r := newRig(t, Config{})
	m, to := r.host.NewMap(1, "a"), r.host.NewMap(2, "b")
	r.run(t, func(th *sched.Thread) {
		a := alloc(t, th, m, 4)
		store(t, th, m, a, strings.Repeat("p", 4*pg))
		make := func(k EntryKind, n mach.Size, prot mach.Prot, parent *MemoryEntry) (*MemoryEntry, mach.Return) {
			args := EntryArgs{Kind: k, Addr: a, Size: n, Prot: prot, Parent: parent}
			if parent != nil {
				args.Addr = 0
			}
			return m.MakeEntry(th, &args)
		}
		_, ret := make(EntryShare, 0, mach.ProtDefault, nil)
		require.Equal(t, badArg, ret)
		_, ret = make(EntryShare, pg, mach.ProtNone, nil)
		require.Equal(t, badProt, ret)
		_, ret = make(EntryShare, 5*pg, mach.ProtDefault, nil)
		require.Equal(t, badAddr, ret)
		require.NoError(t, r.host.CheckIdle())

		share, ret := make(EntryShare, 4*pg, mach.ProtDefault, nil)
		require.Equal(t, ok, ret)
		snap, ret := make(EntryCopy, 4*pg, mach.ProtRead, nil)
		require.Equal(t, ok, ret)
		_, ret = make(EntryShare, pg, mach.ProtDefault, snap)
		require.Equal(t, badProt, ret)
		part, ret := make(EntryRegion, pg, mach.ProtRead, share)
		require.Equal(t, ok, ret)
		fresh, ret := make(EntryCreate, 2*pg, mach.ProtAll, nil)
		require.Equal(t, ok, ret)
		require.EqualValues(t, 2*pg, fresh.Size())
		require.Equal(t, 1, m.first.object.mappings.count, "an entry is no mapping")

		var releases []func(*sched.Thread)
		mapped := func(n *MemoryEntry, off mach.Offset, size mach.Size, copied bool) (mach.Addr, mach.Return) {
			right, release := entryRight(t, r, n)
			releases = append(releases, release)
			args := MapArgs{Size: size, Anywhere: true, Object: right, Offset: off, Copy: copied, Cur: mach.ProtDefault, Max: mach.ProtAll}
			ret := to.MapObject(th, &args)
			return args.Addr, ret
		}
		_, ret = mapped(share, pg, 4*pg, false)
		require.Equal(t, badArg, ret)
		s, ret := mapped(share, pg, 2*pg, false)
		require.Equal(t, ok, ret)
		c, ret := mapped(snap, 0, pg, false)
		require.Equal(t, ok, ret)
		q, ret := mapped(part, 0, pg, false)
		require.Equal(t, ok, ret)
		f1, ret := mapped(fresh, 0, 2*pg, false)
		require.Equal(t, ok, ret)
		f2, ret := mapped(fresh, pg, pg, false)
		require.Equal(t, ok, ret)
		f3, ret := mapped(fresh, pg, pg, true)
		require.Equal(t, ok, ret)

		store(t, th, m, a, strings.Repeat("q", 2*pg))
		require.Equal(t, "q", load(t, th, to, s, 1))
		require.Equal(t, "q", load(t, th, to, q, 1))
		require.Equal(t, "p", load(t, th, to, c, 1))
		require.Equal(t, badProt, to.Store(th, c, []byte("x")).Code)
		store(t, th, to, f1+pg, "new")
		require.Equal(t, "new", load(t, th, to, f2, 3))
		require.Equal(t, "\x00", load(t, th, to, f3, 1))
		m.Destroy(th)
		for _, release := range releases {
			release(th)
		}
		require.Equal(t, "q", load(t, th, to, s, 1))
		to.Destroy(th)
	})
	require.Zero(t, r.host.objects)
	require.Zero(t, r.host.maps.count)
	require.Nil(t, r.host.maps.firstEntry)
	require.NoError(t, r.world.Check())
}

// VM-037, VM-038, and nesting: every proxy on the way takes its share of the rights.
func TestProxy(t *testing.T) {
	r := newRig(t, Config{})
	m := r.host.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		a := alloc(t, th, m, 4)
		store(t, th, m, a+2*pg, "deep")
		base, ret := m.MakeEntry(th, &EntryArgs{Kind: EntryShare, Addr: a, Size: 4 * pg, Prot: mach.ProtRead | mach.ProtWrite})
		require.Equal(t, ok, ret)
		baseRight, baseRelease := entryRight(t, r, base)
		send := ipc.CopySend(baseRight)
		inner, ret := r.host.NewProxy(&send, pg, 3*pg, mach.ProtAll)
		require.Equal(t, ok, ret)
		innerRight, innerRelease := entryRight(t, r, inner)
		send = ipc.CopySend(innerRight)
		outer, ret := r.host.NewProxy(&send, pg, pg, mach.ProtWrite|mach.ProtExecute)
		require.Equal(t, ok, ret)
		outerRight, outerRelease := entryRight(t, r, outer)

		args := MapArgs{Size: pg, Anywhere: true, Object: outerRight, Cur: mach.ProtAll, Max: mach.ProtAll}
		require.Equal(t, ok, m.MapObject(th, &args))
		e, _ := m.lookup(args.Addr)
		require.Equal(t, mach.ProtWrite, e.prot)
		require.Equal(t, mach.ProtWrite, e.maxProt)
		args.Copy = true
		require.Equal(t, badProt, m.MapObject(th, &args))
		args = MapArgs{Size: pg, Offset: 3 * pg, Anywhere: true, Object: innerRight, Cur: mach.ProtAll, Max: mach.ProtAll}
		require.Equal(t, badArg, m.MapObject(th, &args))
		args = MapArgs{Size: pg, Offset: pg, Anywhere: true, Object: innerRight, Cur: mach.ProtAll, Max: mach.ProtAll}
		require.Equal(t, ok, m.MapObject(th, &args))
		require.Equal(t, "deep", load(t, th, m, args.Addr, 4))
		_, ret = r.host.NewProxy(&send, ^mach.Offset(0), 2, mach.ProtAll)
		require.Equal(t, badArg, ret)
		outerRelease(th)
		innerRelease(th)
		baseRelease(th)
	})
	require.Nil(t, r.host.maps.firstEntry)
	require.NoError(t, r.world.Check())
}
