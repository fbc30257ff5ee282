package sched

// Queue is a FIFO of threads that wait for one thing. The zero value is empty and ready. It is
// intrusive: a thread stands in one queue at most, and nothing is allocated. A Queue must not be copied
// while threads stand in it.
type Queue struct {
	head, tail *Thread
	n          int
}

// Empty reports whether nobody waits.
func (q *Queue) Empty() bool { return q.head == nil }

// Len is the number of waiting threads.
func (q *Queue) Len() int { return q.n }

// Front is the oldest waiter, nil if there is none.
func (q *Queue) Front() *Thread { return q.head }

// Next is the waiter behind t, which stands in q; nil after the last.
func (q *Queue) Next(t *Thread) *Thread { return t.next }

// Wake ends the wait of the oldest waiter with r. It reports false if nobody waits.
func (q *Queue) Wake(r Result) bool { return q.head != nil && q.head.Wake(r) }

// WakeAll ends every wait with r, oldest first.
func (q *Queue) WakeAll(r Result) {
	for q.head != nil {
		q.head.Wake(r)
	}
}

// WakeThread ends t's wait with r if t stands in q, and reports whether it did.
func (q *Queue) WakeThread(t *Thread, r Result) bool { return t.queue == q && t.Wake(r) }

// Remove takes t out of q without waking it, and reports whether it stood there. It goes on waiting, for
// its deadline, an abort or Thread.Wake.
func (q *Queue) Remove(t *Thread) bool {
	if t.queue != q {
		return false
	}
	q.remove(t)
	return true
}

func (q *Queue) push(t *Thread) {
	t.queue, t.prev, t.next = q, q.tail, nil
	if q.tail == nil {
		q.head = t
	} else {
		q.tail.next = t
	}
	q.tail = t
	q.n++
}

func (q *Queue) pushFront(t *Thread) {
	t.queue, t.prev, t.next = q, nil, q.head
	if q.head == nil {
		q.tail = t
	} else {
		q.head.prev = t
	}
	q.head = t
	q.n++
}

func (q *Queue) remove(t *Thread) {
	if t.prev == nil {
		q.head = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		q.tail = t.prev
	} else {
		t.next.prev = t.prev
	}
	t.queue, t.prev, t.next = nil, nil, nil
	q.n--
}

// at is the i-th thread from the front.
func (q *Queue) at(i int) *Thread {
	t := q.head
	for ; i > 0; i-- {
		t = t.next
	}
	return t
}
