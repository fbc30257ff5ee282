package pagers_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

// An object that a program asks for keeps its contents while nobody maps it, is listed with what is stored of
// it, and ends when nobody has a right for it; a thread of its own may serve it.
func TestDefaultPagerObjects(t *testing.T) {
	for _, apart := range []bool{false, true} {
		m := boot(t, 128, pagers.DefaultOptions{File: must(pagers.NewMemStore(), t), Pages: 20, Objects: 1})
		if apart {
			priv, err := m.task.GiveHostPriv()
			require.NoError(t, err)
			m.task.Spawn("objects", func(th user.Thread) { m.pager.RunObjects(th, priv) }).SetDaemon(true)
			m.settle()
		}
		task := m.host.NewTask("program")
		service, err := task.GiveSend(m.task, m.pager.Port())
		require.NoError(t, err)
		ended := false
		task.Spawn("main", func(th user.Thread) {
			self := user.Self(th)
			ok := func(ret mach.Return) { t.Helper(); require.Equal(t, mach.KernSuccess, ret) }
			object, ret := user.DefaultPagerObjectCreate(th, service, 4*pageSize)
			ok(ret)
			_, ret = user.DefaultPagerObjectCreate(th, service, pageSize)
			require.Equal(t, mach.KernResourceShortage, ret, "one object is the limit")
			for round := range byte(2) {
				var addr mach.Addr
				ok(user.VMMap(th, self, &addr, 4*pageSize, 0, true, object, 0, false, mach.ProtDefault, mach.ProtAll, mach.InheritCopy))
				var b [1]byte
				require.NoError(t, th.Load(addr+2*pageAddr, b[:]))
				require.Equal(t, 7*round, b[0], "round %d", round)
				require.NoError(t, th.Store(addr+2*pageAddr, []byte{7}))
				ok(user.VMDeallocate(th, self, addr, 4*pageSize))
				th.Yield() // what was returned is on its way
				th.Sleep(1)
			}
			info, ret := user.DefaultPagerInfo(th, service)
			ok(ret)
			require.Equal(t, []mach.Size{20 * pageSize, 19 * pageSize, pageSize}, []mach.Size{info.TotalSpace, info.FreeSpace, info.PageSize})
			list, ret := user.DefaultPagerObjects(th, service)
			ok(ret)
			require.Equal(t, []user.PagerObject{{ID: 1, Size: pageSize, Name: object}}, list)
			ok(user.MachPortDeallocate(th, self, list[0].Name))
			pages, ret := user.DefaultPagerObjectPages(th, service, object)
			ok(ret)
			require.Equal(t, []mach.Offset{2 * mach.Offset(pageSize)}, pages)
			_, ret = user.DefaultPagerObjectPages(th, service, service)
			require.Equal(t, mach.KernInvalidArgument, ret)
			_, ret = user.DefaultPagerBackingStoreCreate(th, service, 0, 4)
			require.Equal(t, mach.KernFailure, ret)
			require.Equal(t, 1, m.pager.Stats().Objects)
			ok(user.MachPortDeallocate(th, self, object))
			ended = true
		})
		m.settle()
		require.True(t, ended)
		require.Zero(t, m.pager.Stats().Objects, "nobody has a right any more")
		require.Zero(t, m.pager.Stats().Ignored)
		task.Terminate()
		m.settle()
	}
}
