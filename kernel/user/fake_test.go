package user_test

import (
	"fmt"
	"strings"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// fake is a thread on a host that answers every call in the simplest way and notes what it was asked.
type fake struct {
	form    mig.Form
	scratch user.Scratch
	log     []string // messages sent, but for those the library uses to tidy up
	tidy    []string // those
	memory  map[mach.Addr][]byte
	next    mach.Addr
	replies int           // ports ReplyPort has made
	self    int           // calls of TaskSelf
	results []mach.Return // results of the next Msg traps; then success
	reply   func(m *mach.UserMessage)
	inbox   []mach.UserMessage // what Receive finds
	opts    []mach.Option
}

func newFake(set mig.Set) *fake {
	return &fake{form: mig.Form{Set: set}, memory: map[mach.Addr][]byte{}, next: 0x1000}
}

const (
	selfName  mach.Name = 7
	replyName mach.Name = 100
)

func (f *fake) Msg(m *mach.UserMessage, opt mach.Option, limit mach.Size, rcv mach.Name, timeout mach.Timeout, notify mach.Name) mach.Return {
	f.opts = append(f.opts, opt)
	if len(f.results) > 0 {
		r := f.results[0]
		f.results = f.results[1:]
		if r != mach.KernSuccess {
			return r
		}
	}
	if opt&mach.SendMsg != 0 {
		f.send(m)
	}
	if opt&mach.RcvMsg == 0 {
		return mach.KernSuccess
	}
	if opt&mach.SendMsg == 0 || rcv < replyName {
		if len(f.inbox) == 0 {
			return mach.RcvPortDied
		}
		*m, f.inbox = f.inbox[0], f.inbox[1:]
		return mach.KernSuccess
	}
	if m.Local != rcv || m.LocalDisp != mach.MakeSendOnce {
		panic("a call without its reply port")
	}
	f.answer(m)
	return mach.KernSuccess
}

func (f *fake) send(m *mach.UserMessage) {
	line := describe(f.form, m)
	for _, p := range []string{"vm_deallocate(", "mach_port_deallocate(", "vm_allocate("} {
		if strings.HasPrefix(line, p) && f.reply == nil {
			f.tidy = append(f.tidy, line)
			return
		}
	}
	f.log = append(f.log, line)
}

// describe is a message as text, by the rows.
func describe(form mig.Form, m *mach.UserMessage) string {
	reg := defs.Registry(form.Set)
	row, dir := reg.Request(m.ID), mig.Request
	body := m.Body
	if row == nil {
		if row, dir = reg.Reply(m.ID), mig.Reply; row == nil {
			return fmt.Sprintf("message %d to %v %v", m.ID, m.Remote, m.Body)
		}
		body = body[4:]
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s(", reg.MessageName(m.ID))
	if dir == mig.Reply {
		fmt.Fprintf(&b, "to %d %v: %v", uint32(m.Remote), m.RemoteDisp, mach.Return(mach.Words.Uint32(m.Body)))
	}
	next := 0
	for _, a := range row.Args(dir) {
		if a.Option != "" && !form.WithName || dir == mig.Reply && mach.Words.Uint32(m.Body) != 0 {
			continue
		}
		switch a.Kind {
		case mig.ArgSeqno:
		case mig.ArgDest:
			fmt.Fprintf(&b, "%d", uint32(m.Remote))
			if m.RemoteDisp != mach.CopySend {
				fmt.Fprintf(&b, " %v", m.RemoteDisp)
			}
		case mig.ArgPort, mig.ArgPorts, mig.ArgMemory:
			d := m.Descs[next]
			next++
			switch d.Kind {
			case mach.DescPort:
				fmt.Fprintf(&b, ", %d %v", uint32(d.Port), d.Disp)
			case mach.DescPorts:
				fmt.Fprintf(&b, ", %v+%d %v", d.Memory.Address, d.Memory.Size, d.Disp)
			default:
				fmt.Fprintf(&b, ", %v+%d", d.Memory.Address, d.Memory.Size)
				if d.Deallocate {
					b.WriteString(" deallocate")
				}
			}
		default:
			var text string
			text, body = a.Text(body)
			fmt.Fprintf(&b, ", %s", text)
		}
	}
	b.WriteString(")")
	return b.String()
}

// answer makes m the reply to the call in m: success, and some value for everything that comes back.
func (f *fake) answer(m *mach.UserMessage) {
	row := defs.Registry(f.form.Set).Request(m.ID)
	request := append([]byte(nil), m.Body...)
	m.Remote, m.RemoteDisp, m.LocalDisp = 0, 0, mach.PortSendOnce
	mig.PutReturn(m, m.ID, mach.KernSuccess)
	if f.reply != nil {
		f.reply(m)
		return
	}
	for i, a := range row.Args(mig.Reply) {
		switch a.Kind {
		case mig.ArgPort:
			m.Descs = append(m.Descs, mach.Desc[mach.Name, mach.Region]{Port: mach.Name(50 + i), Disp: a.Disposition[0].Arrives()})
		case mig.ArgPorts:
			m.Descs = append(m.Descs, mach.Desc[mach.Name, mach.Region]{Kind: mach.DescPorts, Disp: a.Disposition[0].Arrives(),
				Memory: f.place([]byte{60, 0, 0, 0, 61, 0, 0, 0})})
		case mig.ArgMemory:
			m.Descs = append(m.Descs, mach.Desc[mach.Name, mach.Region]{Kind: mach.DescMemory,
				Memory: f.place([]byte{60, 0, 0, 0, 61, 0, 0, 0, 62, 0, 0, 0, 63, 0, 0, 0})})
		case mig.ArgWide:
			v := uint64(0x9000)
			if row == defs.VMAllocateRow {
				v = uint64(f.place(make([]byte, mach.Words.Uint64(request[8:]))).Address)
			}
			m.Body = mach.Words.AppendUint64(m.Body, v)
		case mig.ArgWords:
			m.Body = mach.Words.AppendUint32(m.Body, uint32(a.Max))
			for j := range a.Max {
				m.Body = mach.Words.AppendUint32(m.Body, uint32(j+1))
			}
		default:
			m.Body = mach.Words.AppendUint32(m.Body, uint32(1))
		}
	}
	m.Complex = len(m.Descs) > 0
}

// place puts bytes into memory of the task.
func (f *fake) place(p []byte) mach.Region {
	r := mach.Region{Address: f.next, Size: mach.Size(len(p))}
	f.memory[f.next] = append([]byte(nil), p...)
	f.next += 0x1000
	return r
}

func (f *fake) MsgOverwrite(m, rcv *mach.UserMessage, opt mach.Option, limit mach.Size, name mach.Name, timeout mach.Timeout, notify mach.Name) mach.Return {
	return mach.KernFailure
}

func (f *fake) MsgRaw(addr mach.Addr, opt mach.Option, send, limit mach.Size, name mach.Name, timeout mach.Timeout, notify mach.Name) mach.Return {
	return mach.KernFailure
}

func (f *fake) MsgRawOverwrite(addr mach.Addr, opt mach.Option, send, limit mach.Size, name mach.Name, timeout mach.Timeout, notify mach.Name, rcv mach.Addr, scatter mach.Size) mach.Return {
	return mach.KernFailure
}

func (f *fake) TaskSelf() mach.Name   { f.self++; return selfName }
func (f *fake) ThreadSelf() mach.Name { return 8 }
func (f *fake) HostSelf() mach.Name   { return 9 }

func (f *fake) ReplyPort() mach.Name {
	f.replies++
	return replyName + mach.Name(f.replies) - 1
}

func (f *fake) Load(addr mach.Addr, p []byte) error {
	b, ok := f.memory[addr]
	if !ok || len(b) < len(p) {
		return &user.Exception{Code: mach.KernInvalidAddress, Addr: addr}
	}
	copy(p, b)
	return nil
}

func (f *fake) Store(addr mach.Addr, p []byte) error {
	b, ok := f.memory[addr]
	if !ok || len(b) < len(p) {
		return &user.Exception{Code: mach.KernProtectionFailure, Addr: addr}
	}
	copy(b, p)
	return nil
}

func (f *fake) Load64(addr mach.Addr) (uint64, error) {
	var p [8]byte
	err := f.Load(addr, p[:])
	return mach.Words.Uint64(p[:]), err
}

func (f *fake) Store64(addr mach.Addr, v uint64) error {
	return f.Store(addr, mach.Words.AppendUint64(nil, v))
}

func (f *fake) Yield()                                    {}
func (f *fake) Sleep(mach.Timeout)                        {}
func (f *fake) Choose(string, []string) int               { return 0 }
func (f *fake) Spawn(name string, body func(user.Thread)) { body(f) }
func (f *fake) PageSize() mach.Size                       { return 4096 }
func (f *fake) Form() mig.Form                            { return f.form }
func (f *fake) Scratch() *user.Scratch                    { return &f.scratch }
