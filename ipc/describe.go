package ipc

import (
	"fmt"
	"strings"
)

// Describe is the port in one line.
func (p *Port) Describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v: %v", p, p.state)
	if !p.Alive() {
		return b.String()
	}
	fmt.Fprintf(&b, ", %d/%d messages, seqno %d, make-send %d, %d send, %d send-once", p.msgcount, p.qlimit, p.seqno, p.mscount,
		p.srights, p.sorights)
	if p.kobject != nil {
		fmt.Fprintf(&b, ", kobject %v", p.kobject.KobjectType())
	}
	if n := p.senders.len(); n > 0 {
		fmt.Fprintf(&b, ", %d senders blocked", n)
	}
	if n := len(p.sets); n > 0 {
		fmt.Fprintf(&b, ", in %d sets", n)
	}
	if ns, pd, dn := p.Requests(); ns || pd || dn > 0 {
		b.WriteString(", requests:")
		if ns {
			b.WriteString(" no-senders")
		}
		if pd {
			b.WriteString(" port-destroyed")
		}
		if dn > 0 {
			fmt.Fprintf(&b, " %d dead-name", dn)
		}
	}
	return b.String()
}

// Describe is the space with one line for each name.
func (s *Space) Describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "space of %s, %d names\n", s.label, s.count)
	for e := range s.all() {
		fmt.Fprintf(&b, "  %v", e.info())
		switch {
		case e.hasReceive():
			fmt.Fprintf(&b, " (%d/%d messages, seqno %d)", e.port.msgcount, e.port.qlimit, e.port.seqno)
		case e.set != nil:
			fmt.Fprintf(&b, " of %d ports", e.set.members.n)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Queued calls f with every message in p's queue, oldest first, for inspection, until f answers false. f must not
// change or keep the message.
func (p *Port) Queued(f func(k *Kmsg) bool) {
	for k := p.queue.head; k != nil && f(k); k = k.next {
	}
}
