package conformance

import (
	"fmt"
	"strings"

	"machvm/kernel/mach"
)

// drawSend, drawReceive and drawBoth are mach_msg. Nothing ever waits: timeouts are 0.

func drawSend(d *drawing) step { return d.machMsg(d.sending()) }

func drawReceive(d *drawing) step {
	return d.machMsg(d.receiving(&refArgs{msg: new(message)}))
}

func drawBoth(d *drawing) step { return d.machMsg(d.receiving(d.sending())) }

// sending draws the send half.
func (d *drawing) sending() *refArgs {
	d.m.lastID++
	m := &message{ID: 1000 + d.m.lastID}
	m.Remote = d.name(d.who, with(anyRight))
	m.RemoteDisp = d.disposition(d.who, m.Remote, headerDisps...)
	if d.oneIn(32) {
		m.RemoteDisp = pick(d, mach.DispNone, mach.MoveReceive, 22)
	}
	switch d.below(4) {
	case 0, 1:
	case 2:
		m.Local = d.name(d.who, with(anyRight|mach.TypeDeadName))
		m.LocalDisp = d.disposition(d.who, m.Local, headerDisps...)
	case 3:
		m.Local = pick(d, m.Remote, mach.NameDead, mach.NameNull)
		m.LocalDisp = d.disposition(d.who, m.Local, headerDisps...)
		if d.oneIn(8) {
			m.LocalDisp = pick(d, mach.MoveReceive, mach.DispNone)
		}
	}
	if d.below(3) > 0 {
		m.Complex = true
		for range pick(d, 1, 2, 3, 4, 2, 1, 3, 2, 0, 1) {
			n := d.name(d.who, with(anyRight|mach.TypeDeadName))
			disp := d.disposition(d.who, n, bodyDisps...)
			if d.oneIn(64) {
				disp = pick(d, mach.DispNone, 22)
			}
			m.Descs = append(m.Descs, right(n, disp))
		}
	}
	a := &refArgs{msg: m, msgArgs: msgArgs{Option: mach.SendMsg | mach.SendTimeout}}
	for i := range d.below(3) {
		a.words = append(a.words, uint32(m.ID)<<8+uint32(i))
	}
	m.Body = bytesOf(a.words...)
	if d.oneIn(16) {
		a.Option |= mach.SendCancel
		a.Notify = d.name(d.who, with(mach.TypeReceive))
	}
	return a
}

// receiving draws the receive half.
func (d *drawing) receiving(a *refArgs) *refArgs {
	a.Option |= mach.RcvMsg | mach.RcvTimeout | pick(d, mach.RcvTrailerSeqno, mach.RcvTrailerSender, mach.OptNone)
	a.RcvLimit = receiveLimit
	a.RcvName = d.name(d.who, func(e *refEntry) bool {
		return e.has(mach.TypePortSet) && len(e.set.queue) > 0 || e.has(mach.TypeReceive) && len(e.port.queue) > 0
	})
	if d.oneIn(16) {
		a.RcvName = d.name(d.who, with(mach.TypeReceive|mach.TypePortSet))
	}
	if d.oneIn(8) {
		a.RcvLimit = mach.Size(32 + 4*d.below(12))
	}
	if d.oneIn(5) {
		a.Option |= mach.RcvLarge
	}
	if d.oneIn(8) {
		a.Option |= mach.RcvNotify
		if a.Notify == mach.NameNull {
			a.Notify = d.name(d.who, with(mach.TypeReceive))
		}
	}
	return a
}

// machMsg makes a step of a mach_msg.
func (d *drawing) machMsg(a *refArgs) step {
	return step{
		who:  d.who,
		text: a.String(),
		kern: func(x *actor) seen {
			m := *a.msg
			m.Descs = append([]desc(nil), m.Descs...)
			ret := x.message(&m, a.msgArgs)
			return a.seen(&m, ret)
		},
		ref: func() seen { return d.who.msg(a).seen() },
	}
}

// seen is what a program sees of the real mach_msg.
func (a *refArgs) seen(m *message, ret mach.Return) seen {
	s := code(ret)
	shows := ret == mach.KernSuccess && a.Option&mach.RcvMsg != 0
	bare := ret == mach.RcvTooLarge && a.Option&mach.RcvLarge == 0 || ret == mach.RcvInvalidNotify
	back := ret == mach.SendTimedOut
	if !shows && !bare && !back {
		return s
	}
	s = s.right("remote", m.Remote, m.RemoteDisp)
	s = s.right("local", m.Local, m.LocalDisp)
	if !back {
		s = s.num("trailer", uint64(m.Trailer.Size))
	}
	if m.Trailer.Size > mach.OptNone.TrailerSize() {
		s = s.num("seqno", uint64(m.Trailer.Seqno))
	}
	if bare {
		return s.num("descriptors", uint64(len(m.Descs))).num("bytes", uint64(len(m.Body)))
	}
	if shows {
		s = s.num("id", uint64(m.ID))
	}
	complex := uint64(0)
	if m.Complex {
		complex = 1
	}
	s = s.num("complex", complex).num("descriptors", uint64(len(m.Descs)))
	for _, x := range m.Descs {
		s = s.right("right", x.Port, x.Disp)
	}
	s = s.num("bytes", uint64(len(m.Body)))
	for i := range len(m.Body) / 4 {
		s = s.num("word", uint64(word(m.Body, i)))
	}
	return s
}

func (s seen) right(label string, name mach.Name, d mach.Disposition) seen {
	s = s.num(label, uint64(name))
	if name.Valid() {
		s = s.num(label+" kind", uint64(d))
	}
	return s
}

func (s seen) refRight(label string, name refName, d mach.Disposition) seen {
	s = s.name(label, name)
	if name.entry != nil {
		s = s.num(label+" kind", uint64(d))
	}
	return s
}

// seen is what a program should see.
func (r refResult) seen() seen {
	s := code(r.code)
	if r.message == nil {
		return s
	}
	k, back := r.message, r.code == mach.SendTimedOut
	s = s.refRight("remote", r.remote, r.remoteDisp)
	s = s.refRight("local", r.local, r.localDisp)
	if !back {
		s = s.num("trailer", uint64(r.trailer))
	}
	if r.trailer > mach.OptNone.TrailerSize() {
		s = s.num("seqno", uint64(r.seqno))
	}
	if r.bare {
		return s.num("descriptors", 0).num("bytes", 0)
	}
	if !back {
		s = s.num("id", uint64(k.id))
	}
	complex := uint64(0)
	if k.complex {
		complex = 1
	}
	s = s.num("complex", complex).num("descriptors", uint64(len(k.body)))
	for i, name := range r.rights {
		s = s.refRight("right", name, k.body[i].kind)
	}
	s = s.num("bytes", uint64(4*len(k.words)))
	for _, w := range k.words {
		s = s.num("word", uint64(w))
	}
	return s
}

// String is the call in words.
func (a *refArgs) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "mach_msg(")
	if a.Option&mach.SendMsg != 0 {
		m := a.msg
		fmt.Fprintf(&b, "send %d to %v %v", m.ID, m.Remote, m.RemoteDisp)
		if m.Local != mach.NameNull || m.LocalDisp != mach.DispNone {
			fmt.Fprintf(&b, ", reply %v %v", m.Local, m.LocalDisp)
		}
		if m.Complex {
			b.WriteString(", rights [")
			for i, x := range m.Descs {
				if i > 0 {
					b.WriteString(", ")
				}
				fmt.Fprintf(&b, "%v %v", x.Port, x.Disp)
			}
			b.WriteString("]")
		}
		if len(a.words) > 0 {
			fmt.Fprintf(&b, ", %d words", len(a.words))
		}
		if a.Option&mach.RcvMsg != 0 {
			b.WriteString("; ")
		}
	}
	if a.Option&mach.RcvMsg != 0 {
		fmt.Fprintf(&b, "receive from %v, limit %d, trailer %d", a.RcvName, a.RcvLimit, a.Option.TrailerSize())
	}
	for _, o := range []struct {
		bit  mach.Option
		text string
	}{{mach.SendCancel, "SEND_CANCEL"}, {mach.RcvLarge, "RCV_LARGE"}, {mach.RcvNotify, "RCV_NOTIFY"}} {
		if a.Option&o.bit != 0 {
			fmt.Fprintf(&b, ", %s", o.text)
		}
	}
	if a.Notify != mach.NameNull {
		fmt.Fprintf(&b, ", notify %v", a.Notify)
	}
	return b.String() + ")"
}
