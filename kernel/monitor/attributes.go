package monitor

import (
	"slices"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/trace"
)

// Attributes: what a manager says about its object, and what a kernel tells of it.

// attributes are what the calls of a manager add up to.
type attributes struct {
	strategy   mach.CopyStrategy
	mayCache   bool
	temporary  bool
	invalidate bool
	silent     bool
	advisory   bool
	cluster    mach.Size
}

// attributes reports whether c sets attributes.
func (c *call) attributes() bool {
	switch c.kind {
	case msgChangeAttributes, msgChangeAttributesCMU, msgReady, msgSetAttributes:
		return true
	}
	return false
}

// with is the attributes a after the words of one flavor; ok is false for an unknown flavor or another number of
// words.
func (a attributes) with(f mach.Flavor, w []int32, pageSize mach.Size) (n attributes, ok bool) {
	if f.Words() == 0 || len(w) != f.Words() {
		return a, false
	}
	switch f {
	case mach.FlavorOldBehavior:
		a.strategy, a.temporary, a.invalidate = mach.CopyStrategy(w[0]), w[1] != 0, w[2] != 0
	case mach.FlavorBehavior:
		a.strategy, a.temporary, a.invalidate = mach.CopyStrategy(w[0]), w[1] != 0, w[2] != 0
		a.silent, a.advisory = w[3] != 0, w[4] != 0
	case mach.FlavorPerformance:
		a.cluster, a.mayCache = mach.Size(uint32(w[0])).Round(pageSize), w[1] != 0
	case mach.FlavorOldAttribute:
		a.mayCache, a.strategy, a.cluster = w[1] != 0, mach.CopyStrategy(w[2]), pageSize
	case mach.FlavorAttribute:
		a.strategy, a.cluster = mach.CopyStrategy(w[0]), mach.Size(uint32(w[1]))
		a.mayCache, a.temporary = w[2] != 0, w[3] != 0
	}
	return a, true
}

// settle makes n what is kept of it; rule is the one that refuses it, "" if none does.
func (n *attributes) settle(was attributes, ready bool, h *host) (rule string) {
	switch n.strategy {
	case mach.CopyNone, mach.CopyDelay:
	case mach.CopyTemporary:
		n.strategy, n.temporary = mach.CopyDelay, true
	case mach.CopyCall:
		if !h.habits.CopyCall {
			return "EMM-196"
		}
	case mach.CopySymmetric:
		return "EMM-196"
	case mach.CopyInvalid:
		if was.strategy == mach.CopyInvalid {
			return "EMM-034"
		}
		return "EMM-192"
	default:
		return "EMM-192"
	}
	if n.cluster == 0 {
		n.cluster = h.pageSize
	}
	switch {
	case ready && n.strategy != was.strategy && !h.habits.AllowStrategyChange:
		return "EMM-195"
	case n.cluster&(n.cluster-1) != 0 || !n.cluster.Aligned(h.pageSize):
		return "EMM-199"
	case (n.silent || n.advisory) && !h.habits.AdvisoryPageout:
		return "EMM-192"
	}
	return ""
}

// attributesBegin: a manager sets attributes. What becomes of it is known from the call and the habits of the
// kernel.
func (m *Monitor) attributesBegin(c *call) {
	a := c.pair
	h := m.host(a.host)
	if h.habits == nil || h.pageSize == 0 || a.internal {
		return
	}
	n, ok := a.attributes, true
	ready := true
	switch c.kind {
	case msgChangeAttributes:
		if n, ok = n.with(mach.Flavor(int32(c.get(fieldFlavor))), c.words(), h.pageSize); !ok {
			m.taskBroke("EMM-191", c.Task, a.port, "flavor %v with %d words", mach.Flavor(int32(c.get(fieldFlavor))), len(c.words()))
			return
		}
	default:
		n.mayCache, n.strategy = c.is(fieldMayCache), mach.CopyStrategy(int32(c.get(fieldStrategy)))
		ready = c.kind != msgSetAttributes || c.is(fieldReady)
	}
	if rule := n.settle(a.attributes, a.ready, h); rule != "" {
		m.taskBroke(rule, c.Task, a.port, "attributes that are refused")
		return
	}
	c.valid = true
	a.attributes = n
	if ready {
		a.ready = true
	}
	if c.kind == msgSetAttributes {
		a.old = true
	}
}

// attributesEnd checks what an attribute call owes.
func (m *Monitor) attributesEnd(c *call) {
	a := c.pair
	h := m.host(a.host)
	if h.habits == nil || h.pageSize == 0 || a.internal {
		return
	}
	_, known := c.before.with(mach.Flavor(int32(c.get(fieldFlavor))), c.words(), h.pageSize)
	known = known || c.kind != msgChangeAttributes
	switch {
	case !known && !c.refused:
		m.kernelBroke("EMM-191", a.host, a.port, "an unknown flavor, or a wrong number of words, is accepted")
	case !c.valid && known && !c.refused:
		n, _ := c.before.with(mach.Flavor(int32(c.get(fieldFlavor))), c.words(), h.pageSize)
		if c.kind != msgChangeAttributes {
			n = c.before
			n.strategy = mach.CopyStrategy(int32(c.get(fieldStrategy)))
		}
		m.kernelBroke(n.settle(c.before, c.ready, h), a.host, a.port, "attributes that are to be refused are accepted")
	case c.valid && c.refused && !c.ready:
		m.kernelBroke("EMM-033", a.host, a.port, "valid attributes are refused: %v", c.result)
	case c.valid && c.refused:
		m.kernelBroke("EMM-194", a.host, a.port, "valid attributes are refused: %v", c.result)
	case known && c.refused && c.wantsReply() && c.completed == 0:
		m.kernelBroke("EMM-192", a.host, a.port, "a refused value has no completion")
	case c.valid && c.wantsReply() && c.completed == 0 && (a.live() || a.ending == byUnmap):
		m.kernelBroke("EMM-193", a.host, a.port, "the change has no completion")
	}
	if c.valid && c.refused {
		a.attributes = c.before
		return
	}
	if c.valid && !c.refused && !a.kernelSays && a.ready && !c.ready && a.live() {
		m.kernelBroke("EMM-033", a.host, a.port, "attributes with a copy strategy are set, and the object is not ready")
	}
	n := a.attributes
	if c.cached && a.live() && a.mappings == 0 && c.valid && a.phase == trace.PhaseCached {
		never := h.habits.TemporaryCache == personality.TemporaryNever
		switch {
		case !n.mayCache:
			m.kernelBroke("EMM-079", a.host, a.port, "may_cache is clear, and the object stays cached")
		case n.temporary && never:
			m.kernelBroke("EMM-084", a.host, a.port, "the object is temporary, and stays cached")
		}
	}
	if c.cached && c.ended == a && a.ending == byUnmap && n.mayCache && !n.temporary {
		m.kernelBroke("EMM-083", a.host, a.port, "the object may still be cached, and its association has ended")
	}
}

// changeCompleted: a kernel says that attributes were changed, or refused.
func (m *Monitor) changeCompleted(r *trace.Record, e *message, c *call) {
	a := c.pair
	h := m.host(a.host)
	if h.habits == nil || a.internal {
		return
	}
	_, known := c.before.with(mach.Flavor(int32(c.get(fieldFlavor))), c.words(), max(h.pageSize, 1))
	if c.kind == msgChangeAttributes {
		switch {
		case !known:
			m.kernelBroke("EMM-191", a.host, e.Dest, "a completion of a call with an unknown flavor or a wrong number of words")
		case e.get(fieldFlavor) != c.get(fieldFlavor):
			m.kernelBroke("EMM-193", a.host, e.Dest, "the request was of flavor %v", mach.Flavor(int32(c.get(fieldFlavor))))
		}
		null := e.controlPort() == trace.PortNull
		switch {
		case null && a.live():
			m.kernelBroke("EMM-014", a.host, e.Dest, "no control port, and the association is in force")
		case !null && !a.live():
			m.kernelBroke("EMM-081", a.host, e.Dest, "the association is over, and the control port is named")
		}
	}
	if c.ended == a && a.ending == byUnmap && !a.terminated {
		m.kernelBroke("EMM-080", a.host, e.Dest, "the change has ended the association, and terminate is not yet queued")
	}
}

// attributesTold: a kernel answers get_attributes.
func (m *Monitor) attributesTold(c *call, e *trace.Message, ret mach.Return) {
	a := c.pair
	if a == nil {
		return
	}
	if !a.live() {
		if ret != mach.KernInvalidArgument {
			m.kernelBroke("EMM-049", a.host, a.port, "get_attributes after the end of the association returns %v", ret)
		}
		return
	}
	h := m.host(a.host)
	if c.kind != msgGetAttributes || h.habits == nil || a.internal || h.pageSize == 0 {
		return
	}
	f := mach.Flavor(int32(c.get(fieldFlavor)))
	if f.Words() == 0 || int64(uint32(c.get(fieldWords))) < int64(f.Words()) {
		if ret.OK() {
			m.kernelBroke("EMM-200", a.host, a.port, "flavor %v with room for %d words is answered", f, uint32(c.get(fieldWords)))
		}
		return
	}
	if !ret.OK() {
		m.kernelBroke("EMM-201", a.host, a.port, "get_attributes returns %v", ret)
		return
	}
	got := wordsAt(e.Body[:min(int(e.BodyLen), len(e.Body))], 4)
	want := a.attributes.words(f, a.ready)
	if slices.Equal(got, want) {
		return
	}
	rule := "EMM-201"
	switch was := a.attributes; {
	case len(got) != len(want):
	case was.strategy == mach.CopyDelay && was.temporary && (f == mach.FlavorBehavior || f == mach.FlavorOldBehavior):
		rule = "EMM-197"
	case f == mach.FlavorPerformance && got[1] == want[1] && was.cluster == h.pageSize:
		rule = "EMM-198"
	}
	m.kernelBroke(rule, a.host, a.port, "flavor %v reads %v, and %v was set", f, got, want)
}

// words are the attributes in one flavor.
func (a attributes) words(f mach.Flavor, ready bool) []int32 {
	b := func(v bool) int32 { return int32(oneIf(v)) }
	switch f {
	case mach.FlavorOldBehavior:
		return []int32{int32(a.strategy), b(a.temporary), b(a.invalidate)}
	case mach.FlavorBehavior:
		return []int32{int32(a.strategy), b(a.temporary), b(a.invalidate), b(a.silent), b(a.advisory)}
	case mach.FlavorPerformance:
		return []int32{int32(a.cluster), b(a.mayCache)}
	case mach.FlavorOldAttribute:
		return []int32{b(ready), b(a.mayCache), int32(a.strategy)}
	}
	return []int32{int32(a.strategy), int32(a.cluster), b(a.mayCache), b(a.temporary)}
}
