package vm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc"
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

var (
	benchRequest = mig.For[defs.MemoryObjectDataRequest[mach.Name], mach.Name, mach.Region](defs.MemoryObjectDataRequestRow, mig.Request)
	benchSupply  = mig.For[defs.MemoryObjectDataSupply[mach.Name, mach.Region], mach.Name, mach.Region](defs.MemoryObjectDataSupplyRow, mig.Request)
	benchLock    = mig.For[defs.MemoryObjectLockRequest[mach.Name], mach.Name, mach.Region](defs.MemoryObjectLockRequestRow, mig.Request)
)

// A page fault answered by a manager: data_request, data_supply, and a flush that makes the next access
// fault again.
func BenchmarkPagerFault(b *testing.B) {
	p := personality.Mach()
	s := sched.New(sched.Config{})
	defer s.Shutdown()
	w := ipc.NewWorld(ipc.Config{Sched: s})
	node := w.NewNode(1, "k1", p)
	h, err := NewHost(Config{Node: node, Sched: s, Frames: 256, WithoutPageout: true})
	require.NoError(b, err)
	manager, client := node.NewSpace("manager", 1), h.NewMap(2, "client")
	mm := h.NewMap(1, "manager")
	object, _ := manager.Allocate(mach.RightReceive)
	var ctl mach.Name
	form := h.form()
	s.Spawn("manager", func(th *sched.Thread) {
		th.SetDaemon(true)
		data, ret := mm.AllocateBytes(th, make([]byte, page))
		require.Equal(b, mach.KernSuccess, ret)
		var m, out mach.UserMessage
		rcv := ipc.MsgArgs{Option: mach.RcvMsg, RcvName: object, RcvLimit: 4096}
		snd := ipc.MsgArgs{Option: mach.SendMsg}
		var req defs.MemoryObjectDataRequest[mach.Name]
		for {
			manager.Msg(th, mm, &m, &rcv)
			th.Drain()
			switch m.ID {
			case 2200:
				ctl = m.Descs[0].Port
				v := defs.MemoryObjectChangeAttributes[mach.Name]{MemoryControl: ctl, Flavor: mach.FlavorAttribute, Attributes: []int32{0, 0, 0, 0}}
				mig.For[defs.MemoryObjectChangeAttributes[mach.Name], mach.Name, mach.Region](defs.MemoryObjectChangeAttributesRow, mig.Request).Encode(&v, &out, form)
			case 2203:
				benchRequest.Decode(&m, &req, form)
				benchSupply.Encode(&defs.MemoryObjectDataSupply[mach.Name, mach.Region]{
					MemoryControl: ctl, Offset: req.Offset, Data: mach.Region{Address: data, Size: page},
				}, &out, form)
				manager.Deallocate(&th.Reap, ctl)
			default:
				return
			}
			manager.Msg(th, mm, &out, &snd)
			th.Drain()
		}
	})
	s.Spawn("client", func(th *sched.Thread) {
		right, _ := manager.ExtractRight(&th.Reap, object, mach.MakeSend)
		a := MapArgs{Size: page, Anywhere: true, Object: &right, Cur: mach.ProtAll, Max: mach.ProtAll}
		require.Equal(b, mach.KernSuccess, client.MapObject(th, &a))
		var one [1]byte
		var m mach.UserMessage
		snd := ipc.MsgArgs{Option: mach.SendMsg}
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			if x := client.Load(th, a.Addr, one[:]); !x.OK() {
				b.Errorf("load: %v", x.Code)
				return
			}
			benchLock.Encode(&defs.MemoryObjectLockRequest[mach.Name]{MemoryControl: ctl, Size: page, ShouldFlush: true}, &m, form)
			manager.Msg(th, mm, &m, &snd)
			th.Drain()
		}
		b.StopTimer()
	})
	if o := s.Run(); o.Err != nil {
		b.Fatal(o.Err)
	}
}
