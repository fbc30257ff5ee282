package vm

import (
	"fmt"

	"machvm/kernel/choice"
)

// A Policy decides which page goes when memory is short. It works on two queues: the head of inactive goes
// first, active holds what is in use. Policies with one queue keep it in active. What a page needs to be
// thrown out, and whether it can be, is not the policy's business.
type Policy interface {
	fmt.Stringer
	// activate puts p, which may be on no queue, where pages go that are in use.
	activate(m *memory, p *Page)
	// deactivate puts p where pages go that will hardly be used soon.
	deactivate(m *memory, p *Page)
	// touch says that p, which is queued, was referenced, first by the access that brought it in. Who sees
	// every reference calls it for each; the pageout daemon, which sees bits, calls it once for each page with
	// a bit set, and never with first.
	touch(m *memory, p *Page, first bool)
	// refill begins a pass: it makes candidates out of pages in use. prefer, if not nil, says which are
	// better than others because memory is very short.
	refill(m *memory, prefer func(*Page) bool)
	// victim takes the next candidate off its queue; nil if there is none.
	victim(m *memory, prefer func(*Page) bool) *Page
	// spares reports whether p, a candidate, stays after all; then it is queued again.
	spares(m *memory, p *Page) bool
}

// MachPolicy is Mach's own: two queues with a second chance. A page enters the inactive queue with its
// reference bits clear and goes when it comes to the head, unless somebody used it meanwhile.
type MachPolicy struct{}

func (MachPolicy) String() string { return "mach" }

func (MachPolicy) activate(m *memory, p *Page) {
	if p.queue == &m.active {
		panic("vm: " + p.String() + " is active already")
	}
	p.unqueue()
	p.reference = true
	m.active.append(p)
}

func (MachPolicy) deactivate(m *memory, p *Page) {
	if p.queue == &m.inactive && !p.referenced() {
		return
	}
	p.unqueue()
	p.unreference()
	m.inactive.append(p)
}

func (MachPolicy) touch(_ *memory, p *Page, _ bool) { p.reference = true }

// refill deactivates the oldest active pages until two thirds of all are inactive, or all of them while
// memory is very short.
func (pol MachPolicy) refill(m *memory, prefer func(*Page) bool) {
	m.targets.inactive = (m.active.count + m.inactive.count) * 2 / 3
	for m.active.head != nil && (prefer != nil || m.inactive.count < m.targets.inactive) {
		p := m.active.find(prefer)
		if p.busy {
			p.unqueue()
			continue
		}
		pol.deactivate(m, p)
	}
}

// victim is the head of the inactive queue. The order in which pages came there depends on when their bits
// were looked at, which Mach promises nobody, so a schedule may take one of the next few.
func (MachPolicy) victim(m *memory, prefer func(*Page) bool) *Page {
	p := m.inactive.find(prefer)
	if prefer == nil && m.chooser != nil {
		width := min(m.inactive.count, victimWidth)
		for range choice.Ask(m.chooser, choice.Point{Kind: choice.KindVictim, Name: "victim", Width: width, Labeler: victims{m}}) {
			p = p.qnext
		}
	}
	if p != nil {
		p.unqueue()
	}
	return p
}

func (pol MachPolicy) spares(m *memory, p *Page) bool {
	if !p.referenced() {
		return false
	}
	pol.activate(m, p)
	return true
}

// victimWidth bounds the choice between victims.
const victimWidth = 4

// victims labels the choice between the first pages of the inactive queue.
type victims struct{ m *memory }

// ChoiceLabel names the i-th page.
func (v victims) ChoiceLabel(i int) string {
	p := v.m.inactive.head
	for ; i > 0; i-- {
		p = p.qnext
	}
	return p.String()
}

// referenced reports whether p was used since its bits were cleared, as far as hardware and software know.
func (p *Page) referenced() bool { return p.reference || p.frame.referenced }

// unreference clears the reference bits of p.
func (p *Page) unreference() { p.reference, p.frame.referenced = false, false }

// find is the first page of q that prefer likes better, or the head.
func (q *pageQueue) find(prefer func(*Page) bool) *Page {
	if prefer != nil {
		for p := q.head; p != nil; p = p.qnext {
			if prefer(p) {
				return p
			}
		}
	}
	return q.head
}

// take takes the head off the queue; nil if it is empty.
func (q *pageQueue) take() *Page {
	p := q.head
	if p != nil {
		p.unqueue()
	}
	return p
}
