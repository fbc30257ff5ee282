package ipc

import (
	"fmt"
	"strings"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
)

// recount counts the rights of every port over all places that can hold one.
type recount struct {
	tallies map[*Port]*tally // looked up, never ranged over
	detail  *Port            // collect the owners of this port's rights
	owners  []string
}

// tally is the rights found for one port.
type tally struct {
	send, once, receive int
	queued, counted     int    // messages in its queue; messages in its msgcount
	linked              int    // messages on their way from other kernels
	walked              uint64 // the port whose way in transit led here last
}

func (c *recount) of(p *Port) *tally {
	t := c.tallies[p]
	if t == nil {
		t = &tally{}
		c.tallies[p] = t
	}
	return t
}

// see counts one right; owner says who holds it.
func (c *recount) see(r Right, owner func() string) {
	p := r.port
	if p == nil || r.kind == spentRight {
		return
	}
	t := c.of(p)
	switch r.kind {
	case SendRight:
		t.send++
	case SendOnceRight:
		t.once++
	case ReceiveRight:
		t.receive++
	}
	if p == c.detail {
		c.owners = append(c.owners, fmt.Sprintf("%v: %s", r.kind, owner()))
	}
}

// walk visits every right of the world.
func (w *World) walk(c *recount) {
	for _, n := range w.nodes {
		for _, s := range n.spaces {
			for e := range s.all() {
				owner := func() string { return fmt.Sprintf("%s %v", s.label, e.name) }
				if e.hasSend() {
					c.see(Right{e.port, SendRight}, owner)
				}
				if e.hasReceive() {
					c.see(Right{e.port, ReceiveRight}, owner)
				}
				if e.kind == entrySendOnce {
					c.see(Right{e.port, SendOnceRight}, owner)
				}
			}
		}
	}
	for p := range w.Ports() {
		c.see(p.nsrequest, func() string { return fmt.Sprintf("no-senders request of %v", p) })
		c.see(p.pdrequest, func() string { return fmt.Sprintf("port-destroyed request of %v", p) })
		for r := p.dnrequests.head; r != nil; r = r.next {
			c.see(r.notify, func() string { return fmt.Sprintf("dead-name request on %v", p) })
		}
	}
	for k := w.live.head; k != nil; k = k.newer {
		k.visitRights(func(r Right, where string) {
			c.see(r, func() string {
				return fmt.Sprintf("%s of message %d (id %d), which is %v", where, k.id, k.Message.ID, k.place)
			})
		})
		if k.accepted != nil {
			c.see(k.accepted.notify, func() string { return fmt.Sprintf("msg-accepted request of message %d", k.id) })
		}
		if p := k.dest(); p != nil {
			t := c.of(p)
			if k.place == kmsgQueued {
				t.queued++
			}
			if k.place == kmsgLinked {
				t.linked++
			}
			if k.counted {
				t.counted++
			}
		}
	}
	visit := func(h Holder) {
		h.VisitRights(func(r Right, owner string) { c.see(r, func() string { return owner }) })
	}
	for _, h := range w.holders {
		visit(h)
	}
	for f := w.frames.head; f != nil; f = f.next {
		visit(f)
	}
}

// Check counts all rights anew and checks the invariants INV-1 to INV-10. The error names the first port or
// name that breaks one, the difference, and for counts everybody who was found to hold a right. It is meant
// for the instant between two steps.
func (w *World) Check() error {
	c := &recount{tallies: map[*Port]*tally{}}
	w.walk(c)
	for p := range w.Ports() {
		if err := w.checkRights(p, c.of(p)); err != nil {
			c.detail = p
			w.walk(c)
			return fmt.Errorf("%w; found: %s", err, strings.Join(c.owners, "; "))
		}
		if err := p.checkQueue(c.of(p)); err != nil {
			return err
		}
		if err := c.checkState(p); err != nil {
			return err
		}
	}
	for _, n := range w.nodes {
		for _, s := range n.spaces {
			if err := s.check(); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkRights is INV-1 and the counting half of INV-2.
func (w *World) checkRights(p *Port, t *tally) error {
	switch {
	case t.send != p.srights:
		return fmt.Errorf("INV-1: %v (%v) counts %d send rights, %d exist", p, p.state, p.srights, t.send)
	case t.once != p.sorights:
		return fmt.Errorf("INV-1: %v (%v) counts %d send-once rights, %d exist", p, p.state, p.sorights, t.once)
	case t.receive != 1:
		return fmt.Errorf("INV-2: %v (%v) has %d receive rights", p, p.state, t.receive)
	}
	return nil
}

// checkQueue is INV-3, INV-4 and INV-5 for one port.
func (p *Port) checkQueue(t *tally) error {
	switch {
	case t.counted != p.msgcount:
		return fmt.Errorf("INV-3: %v counts %d messages, %d exist", p, p.msgcount, t.counted)
	case t.queued != p.queue.n:
		return fmt.Errorf("INV-3: %v has %d messages in its queue, %d say they are there", p, p.queue.n, t.queued)
	case t.linked != p.onRoutes():
		return fmt.Errorf("INV-3: %v expects %d messages from other kernels, %d are on their way", p, p.onRoutes(), t.linked)
	case p.backlog > t.linked:
		return fmt.Errorf("INV-3: %v counts %d requests for the service thread, %d messages are on their way", p, p.backlog, t.linked)
	case p.senders.head != nil && p.hasRoom():
		return fmt.Errorf("INV-4: senders wait for %v, which has %d messages of %d", p, p.msgcount, p.qlimit)
	case p.receivers.head != nil && (p.queue.head != nil || len(p.sets) > 0):
		return fmt.Errorf("INV-5: receivers wait on %v, which has %d messages and is in %d sets", p, p.queue.n, len(p.sets))
	}
	return nil
}

// checkState is the rest of INV-2, INV-6, INV-9 and INV-10 for one port.
func (c *recount) checkState(p *Port) error {
	switch at := p.state.(type) {
	case InSpace:
		if !at.entry.hasReceive() || at.entry.port != p {
			return fmt.Errorf("INV-2: %v says it is %v, which is %v", p, at, at.entry.info())
		}
	case InKernel:
		if k := p.queue.head; k != nil && p.serves(k) {
			return fmt.Errorf("INV-9: %v is served by a kernel and has %d messages in its queue", p, p.queue.n)
		}
	case InTransit:
		for q := p; ; q = at.to {
			var ok bool
			if at, ok = q.state.(InTransit); !ok {
				break
			}
			t := c.of(q)
			if t.walked == p.id {
				return fmt.Errorf("INV-6: the way of %v in transit leads to %v again and again", p, q)
			}
			if t.walked != 0 {
				break // the rest has been walked for another port
			}
			t.walked = p.id
		}
	case Dead:
		return fmt.Errorf("INV-2: %v is dead and among the live", p)
	}
	if p.kobject != nil && p.kobject.KobjectType() == KobjectPagingRequest {
		if _, ok := p.state.(InKernel); !ok || p.queue.head != nil {
			return fmt.Errorf("INV-9: control port %v in force is %v with %d messages", p, p.state, p.queue.n)
		}
	}
	if p.nsrequest.IsNull() {
		return nil
	}
	if p.srights == 0 && !p.nsidle {
		return fmt.Errorf("INV-10: the last send right of %v went and its no-senders request did not fire", p)
	}
	if _, ok := p.state.(InTransit); ok && p.node.pers.NSRequestOnMove == personality.MoveCancel {
		return fmt.Errorf("INV-10: %v moves and kept its no-senders request", p)
	}
	return nil
}

// check is INV-5 for sets, INV-7 and INV-8 for one space, and its indexes.
func (s *Space) check() error {
	n := 0
	for e := range s.all() {
		n++
		switch {
		case s.find(e.name) != e || e.space != s:
			return fmt.Errorf("name %v of %s is not found under its name", e.name, s.label)
		case e.isRight() && !e.port.Alive():
			return fmt.Errorf("INV-8: name %v of %s denotes dead %v", e.name, s.label, e.port)
		case e.hasSend() && (e.urefs == 0 || e.urefs > mach.UrefsMaxSend), e.kind == entryDeadName && e.urefs == 0:
			return fmt.Errorf("INV-7: name %v of %s has %d references", e.name, s.label, e.urefs)
		case (e.hasSend() || e.hasReceive()) && s.byPort[e.port] != e:
			return fmt.Errorf("IPC-005: name %v of %s is not its name for %v", e.name, s.label, e.port)
		case e.hasReceive() && e.port.state != Receiver(InSpace{e}):
			return fmt.Errorf("INV-2: name %v of %s denotes the receive right of %v, which is %v", e.name, s.label, e.port, e.port.state)
		case e.kind == entryPortSet && e.set.receivers.head != nil && e.set.order.head != nil:
			return fmt.Errorf("INV-5: receivers wait on port set %v of %s, which has messages", e.name, s.label)
		}
	}
	if n != s.count {
		return fmt.Errorf("%s counts %d names, %d exist", s.label, s.count, n)
	}
	return nil
}
