package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/mach"
)

// tell has the manager make calls on the control port of its first association.
func (e *emm) tell(f func(x *calls, a mach.Name)) {
	e.t.Helper()
	a := e.m.control(0)
	e.m.do(func(x *calls) { f(x, a) })
}

// tellLock has the manager make a lock_request that succeeds.
func (e *emm) tellLock(l locking) {
	e.t.Helper()
	e.tell(func(x *calls, a mach.Name) { x.ok(x.lock(a, l)) })
}

// tellSupply has the manager supply pages from page n on, with a completion to the memory object, which is
// the result.
func (e *emm) tellSupply(n int, data []byte, s supplied) *received {
	e.t.Helper()
	s.reply = e.m.port
	before := e.m.count("supply_completed")
	e.tell(func(x *calls, a mach.Name) { x.ok(x.supply(a, at(n), data, s)) })
	require.Equal(e.t, before+1, e.m.count("supply_completed"))
	return e.m.last("supply_completed")
}

// refuses requires that a supply was refused at page n.
func (r *received) refusedAt(t *testing.T, n int) {
	t.Helper()
	require.Equal(t, mach.KernMemoryPresent, r.code)
	require.Equal(t, at(n), r.errorOffset)
}

// accepted requires that a supply was accepted.
func (r *received) accepted(t *testing.T) {
	t.Helper()
	require.Equal(t, mach.KernSuccess, r.code)
	require.Zero(t, r.errorOffset)
}

// evict has the manager flush n pages from page p on; what the kernel alone has is returned. The completion
// goes to the memory object.
func (e *emm) evict(p, n int) {
	e.t.Helper()
	e.tellLock(locking{offset: at(p), size: mach.Size(n) * page, ret: mach.ReturnAll, flush: true, value: mach.ProtNoChange, reply: e.m.port})
}

// news is the messages on the manager's first memory object that nobody has looked at.
type news struct {
	m    *manager
	seen int
}

// news begins after the messages that have come until now.
func (m *manager) news() *news { return &news{m, len(m.trace())} }

// take is the messages since the last look.
func (n *news) take() []string {
	all := n.m.trace()
	fresh := all[n.seen:]
	n.seen = len(all)
	return fresh
}

// see requires which messages have come since the last look.
func (n *news) see(want ...string) {
	n.m.e.t.Helper()
	if want == nil {
		want = []string{}
	}
	require.Equal(n.m.e.t, want, n.take())
}

// fills is pages of one byte each, one after the other.
func fills(bytes ...byte) (data []byte) {
	for _, b := range bytes {
		data = append(data, fillOf(b)...)
	}
	return data
}

// pagesFrom is what managers supply for n pages from page p on.
func pagesFrom(p, n int) (data []byte) {
	for i := range n {
		data = append(data, contents(at(p+i))...)
	}
	return data
}

// startRead has a thread read all of page p.
func (r *mapped) startRead(p int) (*job, *[]byte) {
	r.c.e.t.Helper()
	got := make([]byte, page)
	j := r.c.start("read", func(x *calls) mach.Return { return mach.Code(x.Load(r.at(p), got)) })
	return j, &got
}

// allReads requires that page p is all of one byte.
func (r *mapped) allReads(p int, b byte) {
	r.c.e.t.Helper()
	j, got := r.startRead(p)
	j.requireDone()
	require.Equal(r.c.e.t, fillOf(b), *got)
}

// startWire has a thread wire n pages from page p on, for reading and writing.
func (r *mapped) startWire(p, n int) *job {
	r.c.e.t.Helper()
	return r.c.start("vm_wire", func(x *calls) mach.Return {
		return x.space().wire(r.at(p), mach.Size(n)*page, mach.ProtDefault)
	})
}

func (r *mapped) unwire(p, n int) {
	r.c.e.t.Helper()
	r.c.step(func(v *space) { v.ok(v.wire(r.at(p), mach.Size(n)*page, mach.ProtNone)) })
}

// executable lets instructions of the memory be executed.
func (r *mapped) executable() *mapped {
	r.c.e.t.Helper()
	r.c.step(func(v *space) { v.ok(v.protect(r.addr, r.size(), mach.ProtAll)) })
	return r
}

// loadPoints makes each load and store a point where another thread may go on.
func loadPoints() option {
	return withConfig(func(c *kernel.Config, _ *kernel.HostConfig) { c.LoadPoints = true })
}

// bools are both settings of a field that is a question.
var bools = []string{"false", "true"}

// dice is a source of numbers for what a test does beside its schedule.
func dice(seed int) *choice.Rand {
	r := choice.Rand(uint64(seed) + 77)
	return &r
}
