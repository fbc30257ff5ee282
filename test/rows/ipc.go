package rows

import (
	"fmt"

	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// echoID is the number of the messages of these rows; no interface has it.
const echoID mach.MsgID = 4711

// ipcRows are the rows about messages between programs.
func ipcRows() []Row {
	rpc := func(name string, setup func(*Bench)) Row {
		return Row{Name: name, batch: 1024, setup: setup, op: (*Bench).call}
	}
	body := func(size int) func(*Bench) {
		return func(b *Bench) { b.echo(b.Server); b.bytes = size }
	}
	region := func(size mach.Size) func(*Bench) {
		return func(b *Bench) {
			b.echo(b.Server)
			b.region = mach.Region{Address: b.allocate(2), Size: size}
			b.access(b.t.Store64(b.region.Address, 1))
			b.access(b.t.Store64(b.region.Address+b.pages(1), 1))
		}
	}
	carrying := func(disp mach.Disposition) func(*Bench) {
		return func(b *Bench) {
			b.echo(b.Server)
			b.kind = disp
			port, ret := user.MachPortAllocate(b.t, b.self, mach.RightReceive)
			b.need(ret)
			b.need(user.MachPortInsertRight(b.t, b.self, port, port, mach.MakeSend))
			b.names = append(b.names, port)
		}
	}
	crowded := func(n int) func(*Bench) {
		return func(b *Bench) {
			for range n {
				_, ret := user.MachPortAllocate(b.t, b.self, mach.RightReceive)
				b.need(ret)
			}
			b.echo(b.Server)
		}
	}
	rows := []Row{
		rpc("null_rpc_same_task", func(b *Bench) { b.echo(b.Client) }),
		rpc("null_rpc_two_tasks", func(b *Bench) { b.echo(b.Server) }),
		rpc("make_send", carrying(mach.MakeSend)),
		rpc("copy_send", carrying(mach.CopySend)),
		rpc("port_set", func(b *Bench) { b.echoFromSet() }),
		rpc("names_100", crowded(100)),
		rpc("names_1000", crowded(1000)),
		{Name: "send_receive", Note: "one thread sends to a port of its own task and receives", batch: 1024,
			setup: (*Bench).ownPort, op: (*Bench).sendReceive},
	}
	for _, size := range []int{128, 1024, 4096} {
		rows = append(rows, rpc(fmt.Sprintf("inline_%d", size), body(size)))
	}
	for _, size := range []mach.Size{1024, 4096, 8192} {
		rows = append(rows, rpc(fmt.Sprintf("out_of_line_%d", size), region(size)))
	}
	stream := func(name string, setup func(*Bench)) Row {
		return Row{Name: "one_way_" + name, batch: 1024, Note: "messages without a reply, as many as the queue takes at a time",
			setup: setup, op: (*Bench).tell}
	}
	rows = append(rows,
		stream("trivial", func(b *Bench) { b.echo(b.Server) }),
		stream("inline", body(1024)),
		stream("complex", carrying(mach.CopySend)))
	for i := range rows {
		rows[i].Name, rows[i].Messages = "ipc/"+rows[i].Name, 0
	}
	return rows
}

// echo starts a thread of a task that answers every message with an empty one, and gives the client a right for
// its port.
func (b *Bench) echo(task *kernel.Task) {
	b.startEcho(task, func(t user.Thread, port mach.Name) mach.Name { return port })
}

// echoFromSet is echo in the manager's task, by a thread that receives from a set of ten ports.
func (b *Bench) echoFromSet() {
	b.startEcho(b.Server, func(t user.Thread, port mach.Name) mach.Name {
		self := user.Self(t)
		set, ret := user.MachPortAllocate(t, self, mach.RightPortSet)
		b.need(ret)
		b.need(user.MachPortMoveMember(t, self, port, set))
		for range 9 {
			other, ret := user.MachPortAllocate(t, self, mach.RightReceive)
			b.need(ret)
			b.need(user.MachPortMoveMember(t, self, other, set))
		}
		return set
	})
}

func (b *Bench) startEcho(task *kernel.Task, from func(t user.Thread, port mach.Name) mach.Name) {
	var port mach.Name
	task.Spawn("echo", func(t user.Thread) {
		p, ret := user.MachPortAllocate(t, user.Self(t), mach.RightReceive)
		b.need(ret)
		set := from(t, p)
		port = p
		b.serve(t, set)
	}).SetDaemon(true)
	for port == mach.NameNull && b.err == nil {
		b.t.Yield()
	}
	name, err := b.Client.GiveSend(task, port)
	b.access(err)
	b.names = []mach.Name{name}
}

// serve answers messages until a receive fails. What a message carries is given up.
func (b *Bench) serve(t user.Thread, port mach.Name) {
	var m mach.UserMessage
	ret := user.Receive(t, &m, port)
	for ret == mach.KernSuccess {
		reply, disp := m.Remote, m.RemoteDisp
		m.Remote, m.RemoteDisp = mach.NameNull, mach.DispNone
		user.Destroy(t, &m)
		m.Reset()
		if !reply.Valid() {
			ret = user.Receive(t, &m, port)
			continue
		}
		m.ID, m.Remote, m.RemoteDisp = echoID+mach.ReplyOffset, reply, disp
		ret = user.Msg(t, &m, mach.SendMsg|mach.RcvMsg, user.ReceiveLimit, port, 0, mach.NameNull)
	}
}

// compose is the row's message to the echo, without a reply port.
func (b *Bench) compose() *mach.UserMessage {
	m := &b.message
	m.Reset()
	m.ID, m.Remote, m.RemoteDisp = echoID, b.names[0], mach.CopySend
	switch {
	case b.bytes > 0:
		if cap(m.Body) < b.bytes {
			m.Body = make([]byte, b.bytes)
		}
		m.Body = m.Body[:b.bytes]
	case b.region.Size > 0:
		m.Complex = true
		m.Descs = append(m.Descs, mach.Desc[mach.Name, mach.Region]{Kind: mach.DescMemory, Copy: mach.CopyVirtual, Memory: b.region})
	case len(b.names) > 1:
		m.Complex = true
		m.Descs = append(m.Descs, mach.Desc[mach.Name, mach.Region]{Kind: mach.DescPort, Disp: b.kind, Port: b.names[1]})
	}
	return m
}

// call sends the row's message and waits for the answer.
func (b *Bench) call(int) {
	if b.reply == mach.NameNull {
		b.reply = b.t.ReplyPort()
	}
	m := b.compose()
	m.Local, m.LocalDisp = b.reply, mach.MakeSendOnce
	b.need(user.Msg(b.t, m, mach.SendMsg|mach.RcvMsg, user.ReceiveLimit, b.reply, 0, mach.NameNull))
}

// tell sends the row's message and waits only for room in the queue.
func (b *Bench) tell(int) {
	b.need(user.Msg(b.t, b.compose(), mach.SendMsg, 0, mach.NameNull, 0, mach.NameNull))
}

// ownPort is a port with a send right in the same space.
func (b *Bench) ownPort() {
	port, ret := user.MachPortAllocate(b.t, b.self, mach.RightReceive)
	b.need(ret)
	b.need(user.MachPortInsertRight(b.t, b.self, port, port, mach.MakeSend))
	b.names, b.bytes = []mach.Name{port}, 40 // 64 bytes with the header
}

func (b *Bench) sendReceive(int) {
	m := b.compose()
	b.need(b.t.Msg(m, mach.SendMsg, 0, mach.NameNull, 0, mach.NameNull))
	b.need(b.t.Msg(m, mach.RcvMsg, user.ReceiveLimit, b.names[0], 0, mach.NameNull))
}
