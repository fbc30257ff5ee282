package pagers_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

// busy is a manager whose handlers take their time. It notes which begin and end, and how many run at a time.
type busy struct {
	pagers.Base
	proceed bool
	log     []string
	running int
	most    int
	own     mach.Return // of RemovePort in a handler
}

func (b *busy) work(c *pagers.Call, what string) {
	b.log = append(b.log, "+"+what)
	if b.running++; b.running > b.most {
		b.most = b.running
	}
	if b.proceed {
		c.Proceed()
		c.Proceed() // once more is no harm
	}
	c.Thread.Sleep(10)
	b.running--
	b.log = append(b.log, "-"+what)
}

func (b *busy) DataRequest(c *pagers.Call, m *pagers.DataRequest) mach.Return {
	b.work(c, fmt.Sprint("request ", uint64(m.Offset)/uint64(pageSize)))
	return b.Base.DataRequest(c, m)
}

func (b *busy) DataReturn(c *pagers.Call, m *pagers.DataReturn) mach.Return {
	b.work(c, fmt.Sprint("return ", uint64(m.Offset)/uint64(pageSize)))
	return b.Base.DataReturn(c, m)
}

func (b *busy) Terminate(c *pagers.Call, m *pagers.Terminate) mach.Return {
	b.work(c, "terminate")
	_, b.own = c.Server.RemovePort(c.Thread, c.Port)
	return b.Base.Terminate(c, m)
}

// serve runs h with some threads, and a client task with as many threads as there are bodies, each with the address
// at which four pages of the object are mapped. The last to be done unmaps them.
func serve(t *testing.T, h pagers.Handler, options []pagers.Option, bodies ...func(th user.Thread, addr mach.Addr)) {
	sim := kernel.New(kernel.Config{Checked: true})
	defer sim.Shutdown()
	host, err := sim.Boot(kernel.HostConfig{})
	require.NoError(t, err)
	pager, client := host.NewTask("pager"), host.NewTask("client")
	var object mach.Name
	pager.Spawn("service", func(th user.Thread) {
		server, ret := pagers.New(th, h, options...)
		require.Equal(t, mach.KernSuccess, ret)
		object, ret = server.AllocatePort(th)
		require.Equal(t, mach.KernSuccess, ret)
		server.Run(th)
	}).SetDaemon(true)
	require.Equal(t, kernel.Finished, sim.Run().Kind)
	name, err := client.GiveSend(pager, object)
	require.NoError(t, err)
	client.Spawn("main", func(th user.Thread) {
		var addr mach.Addr
		require.Equal(t, mach.KernSuccess, user.VMMap(th, user.Self(th), &addr, 4*pageSize, 0, true, name, 0, false,
			mach.ProtDefault, mach.ProtAll, mach.InheritCopy))
		left := len(bodies)
		for i, body := range bodies {
			th.Spawn(fmt.Sprint("thread ", i), func(th user.Thread) {
				body(th, addr)
				if left--; left == 0 {
					user.VMDeallocate(th, user.Self(th), addr, 4*pageSize)
				}
			})
		}
	})
	o := sim.Run()
	require.Equal(t, kernel.Finished, o.Kind, o.Report())
	require.NoError(t, sim.Check())
}

// touch is a client thread that writes one page.
func touch(page int) func(user.Thread, mach.Addr) {
	return func(th user.Thread, addr mach.Addr) { _ = th.Store64(addr+mach.Addr(page)*pageAddr, 1) }
}

// TestDisciplines: which handlers of one object run at the same time.
func TestDisciplines(t *testing.T) {
	for _, c := range []struct {
		name    string
		options []pagers.Option
		proceed bool
		most    int
		log     string
	}{
		{"one thread", nil, false, 1, "[+request 0 -request 0 +request 1 -request 1 +request 2 -request 2 " +
			"+return 0 -return 0 +return 1 -return 1 +return 2 -return 2 +terminate -terminate]"},
		{"unordered", []pagers.Option{pagers.Threads(4)}, false, 4, "[+request 0 +request 1 +request 2 -request 0 -request 1 -request 2 " +
			"+return 0 +return 1 +return 2 +terminate -return 0 -return 1 -return 2 -terminate]"},
		{"full serialisation", []pagers.Option{pagers.Threads(4), pagers.FullSerialisation}, false, 1,
			"[+request 0 -request 0 +request 1 -request 1 +request 2 -request 2 " +
				"+return 0 -return 0 +return 1 -return 1 +return 2 -return 2 +terminate -terminate]"},
		{"queued", []pagers.Option{pagers.Threads(4), pagers.Queued}, false, 1,
			"[+request 0 -request 0 +request 1 -request 1 +request 2 -request 2 " +
				"+return 0 -return 0 +return 1 -return 1 +return 2 -return 2 +terminate -terminate]"},
		{"full serialisation with long work behind", []pagers.Option{pagers.Threads(4), pagers.FullSerialisation}, true, 4,
			"[+request 0 +request 1 +request 2 -request 0 -request 1 -request 2 " +
				"+return 0 +return 1 +return 2 +terminate -return 0 -return 1 -return 2 -terminate]"},
		{"ordered start", []pagers.Option{pagers.Threads(4), pagers.OrderedStart}, false, 3,
			"[+request 0 +request 1 +request 2 -request 0 -request 1 -request 2 " +
				"+return 0 +return 1 +return 2 -return 0 -return 1 -return 2 +terminate -terminate]"},
		{"ordered start of two", []pagers.Option{pagers.Threads(2), pagers.OrderedStart}, false, 2,
			"[+request 0 +request 1 -request 0 +request 2 -request 1 -request 2 " +
				"+return 0 +return 1 -return 0 +return 2 -return 1 -return 2 +terminate -terminate]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &busy{proceed: c.proceed}
			serve(t, b, c.options, touch(0), touch(1), touch(2))
			require.Equal(t, c.log, fmt.Sprint(b.log))
			require.Equal(t, c.most, b.most)
			want := mach.KernSuccess
			if len(c.options) > 1 && !c.proceed {
				want = mach.KernInvalidArgument
			}
			require.Equal(t, want, b.own, "RemovePort for the port of the message in hand")
		})
	}
}

// thorough is a manager whose handler of init goes on when the object is ready.
type thorough struct{ busy }

func (b *thorough) Init(c *pagers.Call, m *pagers.Init) mach.Return {
	ret := b.Base.Init(c, m)
	b.work(c, "init")
	return ret
}

// TestAlone: under ordered start what is neither a request nor data holds up everything behind it.
func TestAlone(t *testing.T) {
	b := &thorough{}
	serve(t, b, []pagers.Option{pagers.Threads(4), pagers.OrderedStart}, touch(0), touch(1))
	require.Equal(t, "[+init -init +request 0 +request 1 -request 0 -request 1 +return 0 +return 1 -return 0 -return 1 +terminate -terminate]",
		fmt.Sprint(b.log))
}

// cleaner is a manager that has a page cleaned when its client asks for page 3.
type cleaner struct{ busy }

func (b *cleaner) DataRequest(c *pagers.Call, m *pagers.DataRequest) mach.Return {
	if m.Offset == 3*mach.Offset(pageSize) {
		c.LockRequest(m.MemoryControl, pagers.Lock{Size: pageSize, Return: mach.ReturnDirty, Value: mach.ProtNoChange})
	}
	return b.Base.DataRequest(c, m)
}

// TestSamePageTwice: data of one page that comes back twice in a row is stored one after the other, also under
// ordered start.
func TestSamePageTwice(t *testing.T) {
	b := &cleaner{}
	serve(t, b, []pagers.Option{pagers.Threads(4), pagers.OrderedStart}, func(th user.Thread, addr mach.Addr) {
		_ = th.Store64(addr, 1)
		_, _ = th.Load64(addr + 3*pageAddr)
		_ = th.Store64(addr, 2)
	})
	require.Equal(t, "[+return 0 -return 0 +return 0 -return 0 +terminate -terminate]", fmt.Sprint(b.log))
}

// TestTooLong: a message of any length has a number, which the messages behind it wait for.
func TestTooLong(t *testing.T) {
	for _, d := range []pagers.Discipline{pagers.Unordered, pagers.FullSerialisation, pagers.OrderedStart, pagers.Queued} {
		sim := kernel.New(kernel.Config{Checked: true})
		host, err := sim.Boot(kernel.HostConfig{})
		require.NoError(t, err)
		pager, client := host.NewTask("pager"), host.NewTask("client")
		var object mach.Name
		var seen []uint32
		pager.Spawn("service", func(th user.Thread) {
			server, _ := pagers.New(th, pagers.Base{}, pagers.Threads(2), d)
			server.Observe(func(c *pagers.Call) { seen = append(seen, c.Seqno) })
			object, _ = server.AllocatePort(th)
			server.Run(th)
		}).SetDaemon(true)
		sim.Run()
		name, err := client.GiveSend(pager, object)
		require.NoError(t, err)
		client.Spawn("main", func(th user.Thread) {
			for _, size := range []int{4, 2 << 20, 4} {
				m := mach.UserMessage{Remote: name, RemoteDisp: mach.CopySend, ID: 4711, Body: make([]byte, size)}
				require.Equal(t, mach.KernSuccess, user.Msg(th, &m, mach.SendMsg, 0, mach.NameNull, 0, mach.NameNull))
			}
		})
		require.Equal(t, kernel.Finished, sim.Run().Kind)
		want := []uint32{0, 1, 2}
		if d == pagers.Unordered {
			want = []uint32{0, 2}
		}
		require.Equal(t, want, seen, d)
		sim.Shutdown()
	}
}

// TestReturnedPort: a receive right that went away and came back counts from 0, and so does the server; with
// AddPortAt both go on.
func TestReturnedPort(t *testing.T) {
	for _, at := range []uint32{0, 7} {
		sim := kernel.New(kernel.Config{Checked: true})
		host, err := sim.Boot(kernel.HostConfig{})
		require.NoError(t, err)
		pager, client := host.NewTask("pager"), host.NewTask("client")
		var server *pagers.Server
		var object mach.Name
		var seen []uint32
		pager.Spawn("service", func(th user.Thread) {
			server, _ = pagers.New(th, pagers.Base{}, pagers.Threads(3), pagers.FullSerialisation)
			server.Observe(func(c *pagers.Call) { seen = append(seen, c.Seqno) })
			object, _ = server.AllocatePort(th)
			server.Run(th)
		}).SetDaemon(true)
		sim.Run()
		name, err := client.GiveSend(pager, object)
		require.NoError(t, err)
		visit := func() {
			client.Spawn("main", func(th user.Thread) {
				var addr mach.Addr
				user.VMMap(th, user.Self(th), &addr, pageSize, 0, true, name, 0, false, mach.ProtDefault, mach.ProtAll, mach.InheritCopy)
				_, _ = th.Load64(addr)
				user.VMDeallocate(th, user.Self(th), addr, pageSize)
			})
			o := sim.Run()
			require.Equal(t, kernel.Finished, o.Kind, o.Report())
		}
		visit()
		pager.Spawn("mover", func(th user.Thread) {
			seqno, ret := server.RemovePort(th, object)
			require.Equal(t, mach.KernSuccess, ret)
			require.Equal(t, uint32(3), seqno)
			box := th.ReplyPort()
			m := mach.UserMessage{Remote: box, RemoteDisp: mach.MakeSendOnce, Complex: true,
				Descs: []mach.Desc[mach.Name, mach.Region]{{Kind: mach.DescPort, Disp: mach.MoveReceive, Port: object}}}
			require.Equal(t, mach.KernSuccess, user.Msg(th, &m, mach.SendMsg, 0, mach.NameNull, 0, mach.NameNull))
			require.Equal(t, mach.KernSuccess, user.Receive(th, &m, box))
			require.Equal(t, mach.KernSuccess, server.AddPortAt(th, m.Descs[0].Port, at))
		})
		visit()
		require.Equal(t, []uint32{0, 1, 2, at, at + 1, at + 2}, seen)
		sim.Shutdown()
	}
}

// TestDeadServant: a service thread that is terminated, in a handler or while it waits for its turn, leaves its message
// behind and nothing else. The port goes on with the next message.
func TestDeadServant(t *testing.T) {
	for d, want := range map[pagers.Discipline][]int{
		pagers.FullSerialisation: {3, 3, 3, 4}, // one is in a handler, two wait for their turn, one has no message
		pagers.OrderedStart:      {3, 3, 3, 4}, // three are in handlers
		pagers.Queued:            {3, 4, 4, 4}, // one is in a handler, and has been left the other messages
	} {
		var read []int
		for victim := range 4 {
			read = append(read, withoutServant(t, d, victim))
		}
		slices.Sort(read)
		require.Equal(t, want, read, d)
	}
}

// withoutServant is how many of four pages are read if one of the four service threads is terminated while three
// requests are on their way, and the fourth comes later.
func withoutServant(t *testing.T, d pagers.Discipline, victim int) int {
	sim := kernel.New(kernel.Config{Checked: true})
	defer sim.Shutdown()
	host, err := sim.Boot(kernel.HostConfig{})
	require.NoError(t, err)
	pager, client := host.NewTask("pager"), host.NewTask("client")
	var object mach.Name
	pager.Spawn("service", func(th user.Thread) {
		server, _ := pagers.New(th, &busy{}, pagers.Threads(4), d)
		object, _ = server.AllocatePort(th)
		server.Run(th)
	}).SetDaemon(true)
	sim.Run()
	name, err := client.GiveSend(pager, object)
	require.NoError(t, err)
	var addr mach.Addr
	client.Spawn("main", func(th user.Thread) {
		user.VMMap(th, user.Self(th), &addr, 4*pageSize, 0, true, name, 0, false, mach.ProtDefault, mach.ProtAll, mach.InheritCopy)
	})
	sim.Run()
	read := 0
	reader := func(page int) {
		client.Spawn(fmt.Sprint("reader ", page), func(th user.Thread) {
			if _, err := th.Load64(addr + mach.Addr(page)*pageAddr); err == nil {
				read++
			}
		})
	}
	for page := range 3 {
		reader(page)
	}
	client.Spawn("killer", func(th user.Thread) {
		th.Sleep(5)
		pager.Threads()[victim].Terminate()
		th.Sleep(5)
		reader(3)
	})
	o := sim.Run()
	require.Equal(t, read < 4, o.Kind == kernel.Deadlock, o.Report())
	require.NoError(t, sim.Check())
	return read
}
