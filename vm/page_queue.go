package vm

// A pageQueue is a FIFO of pages: the head is the oldest. Active and inactive pages are on one; busy
// pages may stay on it.
type pageQueue struct {
	name       string
	head, tail *Page
	count      int
}

func (q *pageQueue) append(p *Page) {
	if p.queue != nil || p.wireCount > 0 {
		panic("vm: a page that is wired or on a queue was queued (page invariant 2)")
	}
	p.queue, p.qprev, p.qnext = q, q.tail, nil
	if q.tail == nil {
		q.head = p
	} else {
		q.tail.qnext = p
	}
	q.tail = p
	q.count++
	if h := p.host; h != nil && h.noteQueued != nil {
		h.noteQueued()
	}
}

// unqueue takes p off the queue it is on, if any.
func (p *Page) unqueue() {
	q := p.queue
	if q == nil {
		return
	}
	if p.qprev == nil {
		q.head = p.qnext
	} else {
		p.qprev.qnext = p.qnext
	}
	if p.qnext == nil {
		q.tail = p.qprev
	} else {
		p.qnext.qprev = p.qprev
	}
	p.queue, p.qnext, p.qprev = nil, nil, nil
	q.count--
}

// queueable reports whether p can be on a queue: it has a frame of its own, is not wired, and is not part of
// a message to a trusted manager, who must not need the daemon to read it.
func (p *Page) queueable() bool {
	return p.real() && p.wireCount == 0 && p.original == nil && (p.object == nil || !p.object.transient)
}

// activate puts p at the tail of the active queue, as a page in use. An active page may not be activated
// again.
func (p *Page) activate() {
	if p.queueable() {
		p.host.policy.activate(&p.host.memory, p)
	}
}

// deactivate puts p at the tail of the inactive queue with its reference bits cleared. An inactive page
// that nobody used stays where it is.
func (p *Page) deactivate() {
	if p.queueable() {
		p.host.policy.deactivate(&p.host.memory, p)
	}
}

// wire keeps p in memory until as many unwire.
func (p *Page) wire() {
	if p.wireCount == 0 {
		p.unqueue()
		p.countWired(1)
	}
	p.wireCount++
}

// countWired adds n to the wired pages of the host. An alias does not count: its frame is the original's.
func (p *Page) countWired(n int) {
	if p.original == nil {
		p.host.wired += n
	}
}

// unwire takes back one wire. An unwired page is active, and whoever waited for that looks again.
func (p *Page) unwire() {
	if p.wireCount == 0 {
		panic("vm: " + p.String() + " is not wired")
	}
	p.wireCount--
	if p.wireCount == 0 {
		p.countWired(-1)
		p.activate()
		p.wakeup()
	}
}
