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

// activate puts p at the tail of the active queue, as a page in use. Fictitious and wired pages are on
// no queue. An active page may not be activated again.
func (p *Page) activate() {
	if !p.real() || p.wireCount > 0 {
		return
	}
	if p.queue == &p.host.active {
		panic("vm: " + p.String() + " is active already")
	}
	p.unqueue()
	p.reference = true
	p.host.active.append(p)
}

// deactivate puts p at the tail of the inactive queue with its reference bits cleared. An inactive page
// that nobody used stays where it is.
func (p *Page) deactivate() {
	if !p.real() || p.wireCount > 0 {
		return
	}
	if p.queue == &p.host.inactive && !p.reference && !p.frame.referenced {
		return
	}
	p.unqueue()
	p.reference = false
	p.frame.referenced = false
	p.host.inactive.append(p)
}

// wire keeps p in memory until as many unwire.
func (p *Page) wire() {
	if p.wireCount == 0 {
		p.unqueue()
		p.host.wired++
	}
	p.wireCount++
}

// unwire takes back one wire. An unwired page is active, and whoever waited for that looks again.
func (p *Page) unwire() {
	if p.wireCount == 0 {
		panic("vm: " + p.String() + " is not wired")
	}
	p.wireCount--
	if p.wireCount == 0 {
		p.host.wired--
		p.activate()
		p.wakeup()
	}
}
