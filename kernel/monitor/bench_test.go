package monitor_test

import (
	"testing"

	"machvm/ipc/defs"
	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/monitor"
	"machvm/kernel/trace"
	"machvm/kernel/user"
)

// lap is how many pages a client reads before it unmaps the object and maps it again.
const lap = 256

// BenchmarkFault measures a page fault that a manager serves, with nobody looking on.
func BenchmarkFault(b *testing.B) { benchmarkFault(b, false) }

// BenchmarkFaultMonitored is BenchmarkFault with a monitor. It is to cost no more than twice as much.
func BenchmarkFaultMonitored(b *testing.B) { benchmarkFault(b, true) }

func benchmarkFault(b *testing.B, monitored bool) {
	tracer := trace.New()
	sim := kernel.New(kernel.Config{Tracer: tracer})
	defer sim.Shutdown()
	var m *monitor.Monitor
	if monitored {
		m = monitor.Attach(tracer)
	}
	host, err := sim.Boot(kernel.HostConfig{Name: "k0"})
	if err != nil {
		b.Fatal(err)
	}
	manager, client := host.NewTask("manager"), host.NewTask("client")
	object, ret := manager.Space().Allocate(mach.RightReceive)
	if ret != mach.KernSuccess {
		b.Fatal(ret)
	}
	manager.Spawn("service", func(t user.Thread) {
		size := t.PageSize()
		data := mach.Region{Size: size}
		user.VMAllocate(t, user.Self(t), &data.Address, size, true)
		s := user.NewServer[struct{}](t)
		user.OnSimple(s, user.InitCodec, func(_ struct{}, q *defs.MemoryObjectInit[mach.Name]) mach.Return {
			return user.MakeReady(t, q.MemoryControl, defs.ObjectAttributes{CopyStrategy: mach.CopyNone, ClusterSize: int32(q.PageSize)})
		})
		user.OnSimple(s, user.DataRequestCodec, func(_ struct{}, q *defs.MemoryObjectDataRequest[mach.Name]) mach.Return {
			user.MemoryObjectDataSupply(t, q.MemoryControl, q.Offset, data, false, mach.ProtNone, false, user.ReplyPort{})
			user.MachPortDeallocate(t, user.Self(t), q.MemoryControl)
			return mach.KernSuccess
		})
		user.OnSimple(s, user.TerminateCodec, func(_ struct{}, q *defs.MemoryObjectTerminate[mach.Name]) mach.Return {
			user.MachPortDestroy(t, user.Self(t), q.MemoryControl)
			return mach.KernSuccess
		})
		var in, out mach.UserMessage
		for user.Receive(t, &in, object) == mach.KernSuccess {
			user.ServeMessage(t, struct{}{}, &in, &out, s)
		}
	}).SetDaemon(true)
	memory, err := client.GiveSend(manager, object)
	if err != nil {
		b.Fatal(err)
	}
	client.Spawn("reader", func(t user.Thread) {
		size := t.PageSize()
		var addr mach.Addr
		for i := range b.N {
			if i%lap == 0 {
				if i > 0 {
					user.VMDeallocate(t, user.Self(t), addr, lap*size)
				}
				addr = 0
				user.VMMap(t, user.Self(t), &addr, lap*size, 0, true, memory, 0, false, mach.ProtDefault, mach.ProtAll, mach.InheritShare)
			}
			if _, err := t.Load64(addr + mach.Addr(i%lap)*mach.Addr(size)); err != nil {
				panic(err)
			}
		}
	})
	b.ReportAllocs()
	b.ResetTimer()
	if o := sim.Run(); !o.OK() {
		b.Fatal(o.Report())
	}
	b.StopTimer()
	if m != nil {
		m.Finish(false)
		if err := m.Err(); err != nil {
			b.Fatal(err)
		}
	}
}
