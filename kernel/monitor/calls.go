package monitor

import (
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/trace"
)

// Calls: what a kernel serves, from the moment it takes a message up to the end of the trap, its reply, or the
// thread's next wait for a message.

// call begins a call of the thread of r.
func (m *Monitor) call(r *trace.Record, e message) *call {
	var c *call
	if n := len(m.idle); n > 0 {
		c = m.idle[n-1]
		m.idle = m.idle[:n-1]
	} else {
		c = new(call)
	}
	*c = call{message: e, thread: r.Thread, host: r.Host, seq: r.Seq, snapshot: c.snapshot[:0]}
	m.calls[r.Thread] = c
	return c
}

// served: a kernel has taken a message up.
func (m *Monitor) served(r *trace.Record, e *message) {
	m.endCall(r.Thread, mach.KernSuccess)
	c := m.call(r, *e)
	if e.kind.control() {
		m.control(r, c)
		return
	}
	switch e.kind {
	case msgMap:
		m.mapBegins(c)
	case msgSetSeqno:
		m.setSeqno(c)
	case msgSetDefaultManager:
		m.setDefaultManager(c)
	}
}

// control: a kernel executes a control call.
func (m *Monitor) control(r *trace.Record, c *call) {
	a := m.controls[c.Dest]
	if a == nil {
		return
	}
	c.pair = a
	h := m.host(a.host)
	if !a.live() {
		c.late = true
		reject := h.habits == nil || h.habits.TermWindow == personality.TermReject
		if !c.kind.gets() && !reject {
			m.kernelBroke("EMM-021", a.host, c.Dest, "a control call is executed although the association has ended")
		}
		return
	}
	c.cached, c.before, c.ready = a.phase == trace.PhaseCached, a.attributes, a.ready
	if c.cached {
		m.coverage.reach(arcCachedCall)
	}
	switch {
	case c.supplies():
		m.supplyBegins(c)
	case c.kind == msgDataUnavailable || c.kind == msgDataError:
		m.answerBegins(c)
	case c.lock():
		m.lockBegins(c)
	case c.attributes():
		m.attributesBegin(c)
	case c.kind == msgSynchronizeCompleted:
		m.synchronizeCompleted(c)
	}
	m.coverage.called(m, c)
}

// endCall: the thread is done with its call. code is the result of the trap.
func (m *Monitor) endCall(thread uint32, code mach.Return) {
	c := m.calls[thread]
	if c == nil {
		return
	}
	delete(m.calls, thread)
	if c.pair != nil && !c.killed && c.layout != other {
		m.controlEnds(c)
	}
	for _, s := range c.sync {
		s.call = nil
	}
	m.idle = append(m.idle, c)
}

// controlEnds checks what a control call owes when it is over.
func (m *Monitor) controlEnds(c *call) {
	a := c.pair
	if c.late || c.ended == nil && !a.live() && a.ending != byUnmap && c.kind != msgDestroy {
		return // it ended under the call
	}
	switch {
	case c.supplies():
		m.supplyEnds(c)
	case c.kind == msgDataUnavailable || c.kind == msgDataError:
		m.answerEnds(c)
	case c.lock():
		m.lockEnds(c)
	case c.attributes():
		m.attributesEnd(c)
	case c.kind == msgDestroy:
		m.destroyEnds(c)
	case c.kind == msgSynchronizeCompleted:
		if !c.refused && !c.valid {
			m.kernelBroke("EMM-208", a.host, a.port, "a synchronize_completed that matches no synchronize is accepted")
		}
	}
	if c.cached && c.ended == a && a.ending == byUnmap && !c.attributes() {
		m.kernelBroke("EMM-083", a.host, a.port, "a call that changes no attribute ended a cached association")
	}
	if c.wantsReply() && c.completed == 0 && c.refused && c.result != mach.KernAborted &&
		c.desc(c.reply).Disp.Arrives() == mach.PortSendOnce && !c.replied && c.result != mach.KernMemoryPresent {
		m.replyDestroyed(c)
	}
}

// replyDestroyed: a call was rejected without completion, and nothing was sent to its send-once reply right.
func (m *Monitor) replyDestroyed(c *call) {
	reply := live(c.desc(c.reply).Value)
	if p := m.ports[reply]; p != nil && (p.dead || p.kernel) {
		return
	}
	m.kernelBroke("EMM-017", c.host, reply, "the reply right of a rejected call was not destroyed: no send-once notification")
}

// posted: a kernel has sent a message, even if its destination had died.
func (m *Monitor) posted(r *trace.Record, e *message) {
	c := m.calls[r.Thread]
	switch {
	case e.kind == msgSendOnce:
		if c != nil && c.kind.control() && live(c.desc(c.reply).Value) == e.Dest {
			c.replied = true
		}
		return
	case e.kind == msgNoSenders:
		m.noSenders(r, e)
		return
	case !e.kind.toManager():
		if c != nil && c.layout != other && c.Reply == e.Dest && e.ID == c.ID+mach.ReplyOffset {
			m.answered(r, c, &e.Message)
		}
		return
	}
	if m.host(r.Host).pageSize == 0 {
		// Without the host's own word its page size is learned from its inits.
		if e.kind == msgInit || e.kind == msgCreate {
			m.host(r.Host).pageSize = mach.Size(e.get(fieldPageSize))
		}
	}
	switch e.kind {
	case msgInit:
		m.init(r, e, c)
		return
	case msgCreate:
		m.create(r, e)
		return
	case msgTerminate:
		m.terminate(r, e, c)
		return
	}
	a := m.controls[e.controlPort()]
	if a == nil && c != nil && c.pair != nil && (e.kind == msgChangeCompleted || e.kind == msgLockCompleted || e.kind == msgSupplyCompleted) {
		a = c.pair // a completion need not name it
	}
	if a == nil {
		if m.whole && e.controlPort() != trace.PortNull && e.Op == trace.MessageSend {
			m.kernelBroke("EMM-029", r.Host, e.Dest, "the control port was never announced by an init")
		}
		return
	}
	if m.tooLate(r, e, a, c) {
		return
	}
	if e.control != none && a.live() && !arrivesAs(e.desc(e.control), mach.PortSend) {
		m.kernelBroke("EMM-014", a.host, e.Dest, "the control port does not come as a send right")
	}
	if a.internal && a.first {
		a.first = false
		if e.kind != msgDataReturn && e.kind != msgDataInitialize && e.kind != msgDataWrite {
			m.kernelBroke("EMM-220", a.host, e.Dest, "the first message after create is no page-out")
		}
	}
	switch e.kind {
	case msgDataRequest:
		m.dataRequest(r, e, a)
	case msgDataUnlock:
		m.dataUnlock(r, e, a)
	case msgDataReturn, msgDataWrite, msgDataInitialize:
		m.dataReturn(r, e, a, c)
	case msgSynchronize:
		m.synchronize(r, e, a, c)
	case msgLockCompleted, msgSupplyCompleted, msgChangeCompleted:
		m.completion(r, e, a, c)
	}
}

// answered: a kernel replies to the call of a program.
func (m *Monitor) answered(r *trace.Record, c *call, e *trace.Message) {
	ret, ok := code(e)
	if !ok {
		return
	}
	switch c.kind {
	case msgMap:
		m.mapEnds(r, c, ret)
	case msgMsync:
		m.msyncEnds(c, ret)
	case msgGetAttributes, msgGetAttributesCMU:
		m.attributesTold(c, e, ret)
	case msgSetDefaultManager:
		m.defaultManagerTold(c, e, ret)
	case msgSetSeqno:
		m.seqnoSet(c, ret)
	}
	for _, s := range c.sync {
		s.call = nil
	}
	c.sync = nil
}

// completion: a kernel tells that a call is done.
func (m *Monitor) completion(r *trace.Record, e *message, a *pair, c *call) {
	if c == nil || c.pair == nil || !c.kind.control() {
		m.uncalled(r, e, a)
		return
	}
	c.completed++
	switch {
	case e.kind == msgLockCompleted && (c.lock() || c.kind == msgDiscardReply):
		m.lockCompleted(r, e, c)
	case e.kind == msgSupplyCompleted && c.supplies():
		m.supplyCompleted(r, e, c)
	case e.kind == msgChangeCompleted && c.attributes():
		m.changeCompleted(r, e, c)
	default:
		m.uncalled(r, e, a)
	}
}

// uncalled: a completion of a call that nobody made.
func (m *Monitor) uncalled(r *trace.Record, e *message, a *pair) {
	rule := map[msgKind]string{msgLockCompleted: "EMM-170", msgSupplyCompleted: "EMM-130", msgChangeCompleted: "EMM-191"}[e.kind]
	if m.whole {
		m.kernelBroke(rule, r.Host, e.Dest, "a completion without a call that asked for it")
	}
}

// setSeqno: a program sets the number of the next message.
func (m *Monitor) setSeqno(c *call) {
	if p := m.receiveOf(c); p != nil {
		p.seqnoKnown = false
	} else if m.tasks[c.Dest] == 0 {
		for _, p := range m.ports { // unordered: each only forgets its number
			p.seqnoKnown = false
		}
	}
}

// receiveOf is the port whose receive right the call names, nil if that is not known.
func (m *Monitor) receiveOf(c *call) *port {
	task := m.tasks[c.Dest]
	if task == 0 {
		return nil
	}
	if id, ok := m.receives[receiveKey{task, mach.Name(c.get(fieldName))}]; ok {
		return m.ports[id]
	}
	return nil
}

func (m *Monitor) seqnoSet(c *call, ret mach.Return) {
	p := m.receiveOf(c)
	switch {
	case p != nil && ret.OK():
		p.seqno, p.seqnoKnown, p.set = uint32(c.get(fieldSeqno)), true, true
		p.ahead = p.ahead[:0]
		for i := range p.queue {
			p.queue[i].stale = p.queue[i].handed
		}
	case p == nil && ret.OK() && m.whole && m.tasks[c.Dest] != 0:
		m.kernelBroke("EMM-218", c.host, c.Dest, "the name denotes no receive right, and the call succeeds")
	}
}
