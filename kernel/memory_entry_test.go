package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/user"
)

// TestMemoryEntry: an entry keeps its memory when the range it was made of is gone, can be mapped by any task
// that has the port, and ends with the last send right.
func TestMemoryEntry(t *testing.T) {
	r := newRig(t)
	r.do(func(u user.Thread) {
		self, page := user.Self(u), u.PageSize()
		ok := func(ret mach.Return) {
			t.Helper()
			require.Equal(t, mach.KernSuccess, ret)
		}
		var addr mach.Addr
		ok(user.VMAllocate(u, self, &addr, 2*page, true))
		require.NoError(t, u.Store64(addr, 42))
		size := page + 1
		entry, ret := user.MachMakeMemoryEntry(u, self, &size, mach.Offset(addr), defs.MapMemVMShare|uint32(mach.ProtDefault), mach.NameNull)
		ok(ret)
		require.Equal(t, 2*page, size)
		half := page
		part, ret := user.MachMakeMemoryEntry(u, self, &half, 0, uint32(mach.ProtRead), entry)
		ok(ret)
		ok(user.VMDeallocate(u, self, addr, 2*page))

		child, ret := user.TaskCreate(u, self, false)
		ok(ret)
		at := mach.Addr(0)
		ok(user.VMMap(u, child, &at, size, 0, true, entry, 0, false, mach.ProtDefault, mach.ProtAll, mach.InheritShare))
		data, ret := user.VMRead(u, child, at, 8)
		ok(ret)
		v, err := u.Load64(data.Address)
		require.NoError(t, err)
		require.EqualValues(t, 42, v)
		ok(user.VMMap(u, self, &at, page, 0, true, part, 0, false, mach.ProtDefault, mach.ProtAll, mach.InheritShare))
		require.ErrorIs(t, u.Store64(at, 1), mach.KernProtectionFailure, "the part allows reading only")
		require.Equal(t, mach.KernInvalidArgument,
			user.VMMap(u, self, &at, 4*page, 0, true, entry, 0, false, mach.ProtDefault, mach.ProtAll, mach.InheritShare))

		none := mach.Size(0)
		for _, x := range []struct {
			size       *mach.Size
			permission uint32
			parent     mach.Name
			want       mach.Return
		}{
			{&none, 3, mach.NameNull, mach.KernInvalidArgument},
			{&size, 0, mach.NameNull, mach.KernProtectionFailure},
			{&size, 0x80000003, mach.NameNull, mach.KernInvalidArgument},
			{&size, 3, self, mach.KernInvalidArgument},
			{&size, defs.MapMemOnly, mach.NameNull, mach.KernInvalidArgument},
			{&size, defs.MapMemOnly, entry, mach.KernSuccess},
			{&half, 7, part, mach.KernProtectionFailure},
		} {
			_, ret := user.MachMakeMemoryEntry(u, self, x.size, 0, x.permission, x.parent)
			require.Equal(t, x.want, ret, x)
		}
		require.Equal(t, mach.KernInvalidArgument, user.VMAllocate(u, entry, &at, 1, true), "an entry is no task (IPC-191)")
		require.Len(t, entriesOf(r.host), 2)
		ok(user.MachPortDeallocate(u, self, part))
		require.Len(t, entriesOf(r.host), 1)
		ok(user.TaskTerminate(u, child))
		fresh, ret := user.MachMakeMemoryEntry(u, self, &size, 0, defs.MapMemNamedCreate|3, mach.NameNull)
		ok(ret)
		ok(user.MachPortModRefs(u, self, fresh, mach.RightSend, -1))
		ok(user.MachPortDeallocate(u, self, entry))
		require.Empty(t, entriesOf(r.host), "the last sender is gone, and the entry with it")
	})
}

func entriesOf(h *Host) []*memoryEntry {
	var es []*memoryEntry
	for e := h.entries.first; e != nil; e = e.next {
		es = append(es, e)
	}
	return es
}

// TestProxy: the proxies of GNU Mach stand for a range of a memory object, or of a region.
func TestProxy(t *testing.T) {
	r := newRigWith(t, Config{}, HostConfig{Personality: personality.GNUMach()})
	w := r.watch()
	pagerTask, object := r.newPager(r.host, "pager", &pager{})
	client := r.host.NewTask("client")
	name, err := client.GiveSend(pagerTask, object)
	require.NoError(t, err)
	priv, err := client.GiveHostPriv()
	require.NoError(t, err)
	client.Spawn("main", func(u user.Thread) {
		self, page := user.Self(u), u.PageSize()
		make1 := func(max mach.Prot, object mach.Name, offset, start mach.Offset, size mach.Size) (mach.Name, mach.Return) {
			return user.MemoryObjectCreateProxy(u, self, max, []mach.Name{object}, []mach.Offset{offset}, []mach.Offset{start}, []mach.Size{size})
		}
		proxy, ret := make1(mach.ProtRead, name, 0, mach.Offset(page), page)
		require.Equal(t, mach.KernSuccess, ret)
		_, ret = make1(mach.ProtRead, name, 1, 0, page)
		require.Equal(t, mach.KernInvalidArgument, ret)
		_, ret = make1(mach.ProtRead, mach.NameNull, 0, 0, page)
		require.Equal(t, mach.KernInvalidName, ret)
		_, ret = user.MemoryObjectCreateProxy(u, self, 1, nil, nil, nil, nil)
		require.Equal(t, mach.KernInvalidArgument, ret)

		addr := mapObject(t, u, proxy)
		v, err := u.Load64(addr)
		require.NoError(t, err)
		require.EqualValues(t, 0x1000+page, v, "the second page of the object")
		require.ErrorIs(t, u.Store64(addr, 1), mach.KernProtectionFailure)

		region, ret := user.VMRegionCreateProxy(u, self, addr, mach.ProtRead, page)
		require.Equal(t, mach.KernSuccess, ret)
		_, ret = user.VMRegionCreateProxy(u, self, addr, mach.ProtRead, 2*page)
		require.Equal(t, mach.KernInvalidArgument, ret)
		_, ret = user.VMRegionCreateProxy(u, self, 0xb0000000, mach.ProtRead, page)
		require.Equal(t, mach.KernNoSpace, ret)

		s, ret := user.VMCacheStatistics(u, self)
		require.Equal(t, mach.KernSuccess, ret)
		require.EqualValues(t, 1, s.CacheObjectCount)
		pages, ret := user.VMPagesPhys(u, priv, self, addr, page)
		require.Equal(t, mach.KernSuccess, ret)
		require.Len(t, pages, 1)
		require.NotZero(t, pages[0])
		_, ret = user.VMPagesPhys(u, u.HostSelf(), self, addr, page)
		require.Equal(t, mach.KernInvalidHost, ret)

		require.Equal(t, mach.KernSuccess, user.VMDeallocate(u, self, addr, page))
		require.Equal(t, mach.KernSuccess, user.MachPortDeallocate(u, self, proxy))
		require.NotContains(t, w.log, "pager memory_object_terminate", "the region's proxy holds the object")
		require.Equal(t, mach.KernSuccess, user.MachPortDeallocate(u, self, region))
	})
	r.finish()
	require.Empty(t, entriesOf(r.host))
	require.Equal(t, "pager memory_object_terminate", w.log[len(w.log)-1])
}

// TestCallOnControlPort: a call on a memory control port that is none of its own finds no task, thread or host
// (IPC-191); so it is on a name port.
func TestCallOnControlPort(t *testing.T) {
	for _, pers := range []personality.Personality{personality.Mach(), personality.GNUMach()} {
		r := newRigWith(t, Config{}, HostConfig{Personality: pers})
		asked := false
		task := r.host.NewTask("manager")
		object, ret := task.Space().Allocate(mach.RightReceive)
		require.Equal(t, mach.KernSuccess, ret)
		task.Spawn("main", func(u user.Thread) {
			var m mach.UserMessage
			require.Equal(t, mach.KernSuccess, user.Receive(u, &m, object))
			var init defs.MemoryObjectInit[mach.Name]
			require.Equal(t, mach.KernSuccess, user.InitCodec.Decode(&m, &init, u.Form()))
			ports := []mach.Name{init.MemoryControl}
			if u.Form().WithName {
				ports = append(ports, init.MemoryObjectName)
			}
			for _, port := range ports {
				var addr mach.Addr
				require.Equal(t, mach.KernInvalidArgument, user.VMAllocate(u, port, &addr, 1, true))
				_, ret := user.MachPortType(u, port, port)
				require.Equal(t, mach.KernInvalidTask, ret)
				require.Equal(t, mach.KernInvalidArgument, user.ThreadAbort(u, port))
				require.Equal(t, mach.MigBadID, rawCall(t, u, port, 4711))
			}
			require.Equal(t, mach.KernSuccess, user.MakeReady(u, init.MemoryControl, defs.ObjectAttributes{CopyStrategy: mach.CopyDelay, ClusterSize: int32(u.PageSize())}))
			asked = true
			if u.Form().Set != mig.OSF {
				return // nobody waits for it to be ready
			}
		})
		client := r.host.NewTask("client")
		name, err := client.GiveSend(task, object)
		require.NoError(t, err)
		client.Spawn("main", func(u user.Thread) { mapObject(t, u, name) })
		r.finish()
		require.True(t, asked)
	}
}
