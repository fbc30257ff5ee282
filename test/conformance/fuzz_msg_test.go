package conformance

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/user"
)

// FuzzMachMsgRaw: whatever bytes a hostile task gives to mach_msg by the raw door, with whatever options, sizes,
// addresses and names, it gets a code. No program and no kernel panics, every audit passes, and when the
// task is gone nothing of it is left.
//
// The input is a list of calls; see rawCall. Two threads of the task make them in turns. Other tasks of the same
// and of another host hold its rights, send to it, and map a memory object that it is the manager of.
func FuzzMachMsgRaw(f *testing.F) {
	for _, seed := range rawSeeds() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in := &input{data}
		head := in.take(2)
		m := newRawMachine(t, head[0], head[1])
		defer m.sim.Shutdown()
		m.attack(in)
		m.finish()
	})
}

// input is bytes that are used up. Behind its end there are zeros.
type input struct{ rest []byte }

func (in *input) take(n int) []byte {
	b := make([]byte, n)
	in.rest = in.rest[copy(b, in.rest):]
	return b
}

// rawMachine is two hosts with a hostile task.
type rawMachine struct {
	t       *testing.T
	sim     *kernel.Simulation
	hosts   []*kernel.Host
	hostile *task
	memory  mach.Region
}

var rawPresets = []func() personality.Personality{personality.Mach, personality.OSFManual, personality.OSFSource,
	personality.CMU30, personality.GNUMach}

func newRawMachine(t *testing.T, preset, seed byte) *rawMachine {
	choose := choice.Chooser(choice.First{})
	if seed != 0 {
		choose = choice.NewRandom(uint64(seed))
	}
	m := &rawMachine{t: t, sim: kernel.New(kernel.Config{Checked: true, StepLimit: 100_000, Chooser: choose})}
	for range 2 {
		h, err := m.sim.Boot(kernel.HostConfig{Personality: rawPresets[int(preset)%len(rawPresets)](), Frames: 400, AddressTop: 1 << 33})
		require.NoError(t, err)
		m.hosts = append(m.hosts, h)
	}
	m.hostile = m.hosts[0].NewTask("hostile")
	m.populate()
	return m
}

// populate gives the hostile task rights of every kind and some memory, and others rights for its ports.
func (m *rawMachine) populate() {
	t := m.t
	m.run(m.hostile, func(a *actor) {
		p, q, member, set := a.port(), a.withSend(a.port()), a.port(), a.set()
		a.ok(a.moveMember(member, set))
		a.deadName(3)
		a.sendOnce(p)
		a.request(q, mach.NotifyDeadName, 0, p)
		a.request(q, mach.NotifyPortDestroyed, 0, p)
		a.post(withReply(simple(q, mach.CopySend, 5), p, mach.MakeSendOnce))
		a.HostSelf()
		a.ThreadSelf()
		m.memory = a.memory(pattern(4 * 4096))
		a.ok(user.VMProtect(a, a.target(), m.memory.Address+2*4096, 4096, false, mach.ProtRead))
		a.ok(user.VMDeallocate(a, a.target(), m.memory.Address+3*4096, 4096))
	})
	object, err := m.hostile.Space().Allocate(mach.RightReceive)
	require.Equal(t, mach.KernSuccess, err)
	for i, h := range m.hosts {
		peer := h.NewTask("peer")
		var port mach.Name
		m.run(peer, func(a *actor) { port = a.port() })
		_, err := m.hostile.GiveSend(peer, port)
		require.NoError(t, err)
		_, err = m.hostile.GiveSendOnce(peer, port)
		require.NoError(t, err)
		_, err = m.hostile.GiveTaskPort(peer)
		require.NoError(t, err)
		memory, err := peer.GiveSend(m.hostile, object)
		require.NoError(t, err)
		// The peer takes what it gets, answers, and gives everything back.
		peer.Spawn("service", func(th user.Thread) {
			user.Serve(th, 0, port, user.NewServer[int](th))
		}).SetDaemon(true)
		if i == 0 {
			peer.Spawn("client", func(th user.Thread) {
				var addr mach.Addr
				if user.VMMap(th, user.Self(th), &addr, 4096, 0, true, memory, 0, false, mach.ProtDefault, mach.ProtAll, mach.InheritCopy) == mach.KernSuccess {
					th.Store64(addr, 1)
					user.VMDeallocate(th, user.Self(th), addr, 4096)
				}
			}).SetDaemon(true)
		}
	}
	m.settle()
}

// run runs a program of a task to its end, or until it waits.
func (m *rawMachine) run(task *task, program func(a *actor)) {
	task.Spawn("main", func(th user.Thread) { program(&actor{Thread: th, t: m.t}) })
	m.settle()
}

func (m *rawMachine) settle() {
	if o := m.sim.Run(); o.Kind != kernel.Finished && o.Kind != kernel.Deadlock {
		m.t.Fatal(o.Report())
	}
}

// attack makes the calls of the input, in two threads.
func (m *rawMachine) attack(in *input) {
	for i := range 2 {
		m.hostile.Spawn([]string{"first", "second"}[i], func(th user.Thread) {
			for n := 0; len(in.rest) > 0 && n < 32; n++ {
				ret := m.rawCall(th, in)
				if ret != mach.MsgVMKernel && strings.HasPrefix(ret.String(), "kern_return(") {
					m.t.Errorf("mach_msg answers %v", ret)
				}
			}
		})
	}
	m.settle()
}

// rawCall makes one call:
//
//	flags 1, options 4, sizes 2 and 2, places 1 and 1, names 1 and 1, timeout 1, length 1, message
//
// Words of the message below 64 stand for a name that the task has at that moment, where a name is expected,
// and below 16 for a place in its memory, where an address is.
func (m *rawMachine) rawCall(th user.Thread, in *input) mach.Return {
	const waits, separate, huge, bare = 1, 2, 4, 8
	b := in.take(15)
	flags, opt := b[0], mach.Option(binary.LittleEndian.Uint32(b[1:]))
	sendSize, rcvSize := mach.Size(binary.LittleEndian.Uint16(b[5:])), mach.Size(binary.LittleEndian.Uint16(b[7:]))
	addr, rcvAddr := m.place(b[9]), m.place(b[10])
	rcvName, notify := m.name(uint32(b[11])), m.name(uint32(b[12]))
	bytes := in.take(int(b[14]))
	if flags&waits == 0 {
		opt |= mach.SendTimeout | mach.RcvTimeout
	}
	if flags&huge != 0 {
		sendSize, rcvSize = sendSize<<20|sendSize, ^rcvSize
	}
	if flags&bare == 0 {
		m.put(bytes)
		sendSize = mach.Size(len(bytes)) &^ 3
	}
	_ = th.Store(addr, bytes) // as much as there is room for
	if flags&separate != 0 {
		return th.MsgRawOverwrite(addr, opt, sendSize, rcvSize, rcvName, mach.Timeout(b[13]), notify, rcvAddr, sendSize/2)
	}
	return th.MsgRaw(addr, opt, sendSize, rcvSize, rcvName, mach.Timeout(b[13]), notify)
}

// place is a place in or beside the task's memory.
func (m *rawMachine) place(i byte) mach.Addr {
	return []mach.Addr{m.memory.Address, m.memory.Address + 100, m.memory.Address + 4096, m.memory.Address + 2*4096 - 40,
		m.memory.Address + 2*4096, m.memory.Address + 3*4096 - 24, m.memory.Address + 3*4096, m.memory.Address + 1,
		0, 1<<33 - 16, 1 << 33, 1<<33 + 4096, 1<<63 - 1, ^mach.Addr(0) - 23, ^mach.Addr(0), 4096}[i%16]
}

// name is what a small number stands for: NULL, DEAD, or one of the names that the task has.
func (m *rawMachine) name(i uint32) mach.Name {
	rights := m.hostile.Rights()
	switch {
	case i == 0:
		return mach.NameNull
	case i == 63:
		return mach.NameDead
	case i < 63 && len(rights) > 0:
		return rights[int(i-1)%len(rights)].Name
	}
	return mach.Name(i)
}

// put puts names and addresses into a message.
func (m *rawMachine) put(b []byte) {
	words := len(b) / 4
	name := func(i int) {
		if i < words && word(b, i) < 64 {
			putWord(b, i, uint32(m.name(word(b, i))))
		}
	}
	name(2)
	name(3)
	for i := 7; i+2 < words; i += 3 {
		if word(b, i+2)>>24 == uint32(mach.DescPort) {
			name(i)
		} else if word(b, i) < 16 {
			putWord(b, i, uint32(m.place(byte(word(b, i)))))
		}
	}
}

// finish ends every task and looks for what is left.
func (m *rawMachine) finish() {
	require.NoError(m.t, m.sim.Check())
	for _, h := range m.hosts {
		for _, task := range h.Tasks() {
			task.Terminate()
		}
	}
	m.settle()
	require.NoError(m.t, m.sim.Check())
	for _, h := range m.hosts {
		require.Empty(m.t, h.Tasks())
		s := h.VM().Stats()
		require.Zero(m.t, s.Active+s.Inactive+s.Wired, "pages are left: %s", m.sim.Describe())
	}
	kernelPorts := map[uint64]bool{}
	for _, h := range m.hosts {
		kernelPorts[h.Port().ID()], kernelPorts[h.PrivPort().ID()] = true, true
	}
	for p := range m.sim.World().Ports() {
		require.True(m.t, kernelPorts[p.ID()], "port %v is left", p)
	}
}

// rawSeeds are inputs that come far: calls with messages of every sort.
func rawSeeds() [][]byte {
	// call is one call with a message in words.
	call := func(flags byte, opt mach.Option, rcvSize uint16, rcvName byte, words ...uint32) []byte {
		b := []byte{flags}
		b = binary.LittleEndian.AppendUint32(b, uint32(opt))
		b = binary.LittleEndian.AppendUint16(b, uint16(4*len(words)))
		b = binary.LittleEndian.AppendUint16(b, rcvSize)
		b = append(b, 0, 2, rcvName, 1, 0, byte(4*len(words)))
		return append(b, bytesOf(words...)...)
	}
	header := func(remote, local mach.Disposition, complex bool, dest, reply uint32, id uint32, rest ...uint32) []uint32 {
		bits := uint32(remote) | uint32(local)<<8
		if complex {
			bits |= mach.BitsComplex
		}
		return append([]uint32{bits, 0, dest, reply, 0, id}, rest...)
	}
	ports := func(name uint32, d mach.Disposition) []uint32 { return []uint32{name, 0, uint32(d) << 16} }
	memory := func(place, size uint32, c mach.CopyOption, deallocate uint32) []uint32 {
		return []uint32{place, size, 1<<24 | uint32(c)<<8 | deallocate}
	}
	const send, receive = mach.SendMsg, mach.RcvMsg
	var seeds [][]byte
	for name := range uint32(24) {
		var b []byte
		for _, d := range []mach.Disposition{mach.CopySend, mach.MakeSend, mach.MakeSendOnce, mach.MoveSend, mach.MoveSendOnce} {
			b = append(b, call(0, send|receive, 200, byte(name), header(d, mach.MakeSendOnce, false, name, 3, 3201, 1, 2, 3)...)...)
		}
		seeds = append(seeds, append([]byte{byte(name), byte(name % 3)}, b...))
		b = nil
		for d := mach.MoveReceive; d <= mach.MakeSendOnce; d++ {
			body := append([]uint32{3}, ports(name, d)...)
			body = append(body, ports(name+1, d)...)
			body = append(body, memory(name%16, 4096*(name%3)+name, mach.CopyOption(name%2), name%2)...)
			b = append(b, call(byte(name%8), send|receive|mach.RcvOverwrite, 300, 5, header(mach.MakeSend, mach.MakeSend, true, 5, 4, 77, body...)...)...)
		}
		seeds = append(seeds, append([]byte{byte(name), byte(name)}, b...))
	}
	// Messages of the kernel's own numbering to every right, and memory and rights for a manager's kernel.
	for _, id := range []uint32{2003, 2039, 2044, 2090, 2092, 2093, 3204, 3206, 3208, 3214, 3215, 3800, 3802, 2008} {
		b := []byte{1, byte(id)}
		for name := range uint32(12) {
			b = append(b, call(0, send|receive, 500, 4, header(mach.CopySend, mach.MakeSendOnce, true, name+1, 4, id,
				append(append([]uint32{2}, memory(0, 4096, mach.CopyVirtual, name%2)...), append(ports(name, mach.MakeSendOnce), 0, 0, 1, 2, 3, 4, 5)...)...)...)...)
		}
		seeds = append(seeds, b)
	}
	return append(seeds, []byte{}, []byte{3, 7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, call(12, send|receive, 0xffff, 9))
}
