package pagers

import (
	"fmt"
	"slices"
	"strings"

	"machvm/kernel/mach"
)

// PageStatus is what a server knows of a page.
type PageStatus uint8

const (
	PageRead      PageStatus = iota // the server's copy is good; any number of readers
	PageWrite                       // the owner may write, nobody else has a copy and nobody waits
	PageReadWait                    // the page was recalled for readers
	PageWriteWait                   // the page was recalled for a writer, or copies were, or both
)

func (s PageStatus) String() string {
	names := [...]string{"read", "write", "read-wait", "write-wait"}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("status(%d)", uint8(s))
}

// party is who can have a page: a kernel, or another server.
type party struct {
	port     mach.Name // the kernel's control port, or the server's port for the object
	object   *shared
	kernel   bool
	pageSize mach.Size // of a kernel
	gone     bool      // a server that has died
}

func (k *party) String() string {
	if k.kernel {
		return fmt.Sprintf("kernel %d", k.port)
	}
	return fmt.Sprintf("server %d", k.port)
}

// sharedPage is one unit of an object at one server.
type sharedPage struct {
	object *shared
	offset mach.Offset
	status PageStatus
	owner  *party // nil: this server
	// readers have a copy in status read, and wait for one in the other states.
	readers []*party
	writers []claim
	faults  []fault // of kernels, unanswered
	data    []byte  // the server's copy; nil: zeros
	lost    bool    // it was gone with a server

	// hinted says that owner is not who was last asked but somebody whose request went that way.
	hinted bool
	// fresh says that the owner, a kernel, may not have had time to use what it was granted.
	fresh bool
	// recalling says that the owner was asked to give the page back: by a flush, or by a request to a server.
	recalling bool
	// copies are those of the readers that must be gone before the first writer is served; nil if there are none.
	copies  *dismissal
	flushes []flush   // asked of kernels and not completed, in order
	notices []dismiss // invalidations sent to servers and not acknowledged, in order
}

// claim is a party in the queue of writers, and whether it has a good copy already.
type claim struct {
	party *party
	copy  bool
}

// fault is what a kernel waits for.
type fault struct {
	kernel *party
	offset mach.Offset
	write  bool
	copy   bool // it has the page and wants to write
}

// flush is a memory_object_lock_request that was sent to a kernel: a recall, or part of a dismissal.
type flush struct {
	kernel *party
	of     *dismissal // nil: a recall
}

// dismissal is taking a page away from all who have copies.
type dismissal struct {
	page   *sharedPage
	left   int          // completions and acknowledgements still to come
	report *party       // the server that asked for it; nil: this one
	then   []*dismissal // those of which it has become a part
}

// dismiss is an invalidation that was sent to a server.
type dismiss struct {
	server *party
	of     *dismissal
}

// bytes is the server's copy.
func (p *sharedPage) bytes() []byte {
	if p.data == nil {
		p.data = make([]byte, p.object.unit)
	}
	return p.data
}

// addFault notes what a kernel waits for; it waits for one thing at an offset.
func (p *sharedPage) addFault(f fault) {
	p.faults = slices.DeleteFunc(p.faults, func(g fault) bool { return g.kernel == f.kernel && g.offset == f.offset })
	p.faults = append(p.faults, f)
}

func (p *sharedPage) reading(k *party) bool { return slices.Contains(p.readers, k) }

func (p *sharedPage) addReader(k *party) {
	if !p.reading(k) {
		p.readers = append(p.readers, k)
	}
}

func (p *sharedPage) removeReader(k *party) {
	p.readers = slices.DeleteFunc(p.readers, func(r *party) bool { return r == k })
}

func (p *sharedPage) removeFaults(which func(fault) bool) {
	p.faults = slices.DeleteFunc(p.faults, which)
}

// writing is the place of k in the queue of writers, -1 if it is not there.
func (p *sharedPage) writing(k *party) int {
	return slices.IndexFunc(p.writers, func(w claim) bool { return w.party == k })
}

// flushing reports whether k was asked to flush the page.
func (p *sharedPage) flushing(k *party) bool {
	return slices.ContainsFunc(p.flushes, func(f flush) bool { return f.kernel == k })
}

// holds reports whether a kernel has what it says it has: a copy that nobody has asked it to flush.
func (p *sharedPage) holds(k *party) bool {
	if p.flushing(k) {
		return false
	}
	switch p.status {
	case PageRead:
		return p.reading(k)
	case PageWrite:
		return p.owner == k
	}
	i := p.writing(k)
	return i >= 0 && p.writers[i].copy
}

// here reports whether the page is this server's to give: it or one of its kernels owns it.
func (p *sharedPage) here() bool { return p.owner == nil || p.owner.kernel }

func (p *sharedPage) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%#x %v, owner ", uint64(p.offset), p.status)
	if p.owner == nil {
		b.WriteString("self")
	} else {
		b.WriteString(p.owner.String())
	}
	for i, r := range p.readers {
		b.WriteString([]string{", readers ", " "}[min(i, 1)] + r.String())
	}
	for i, w := range p.writers {
		b.WriteString([]string{", writers ", " "}[min(i, 1)] + w.party.String())
	}
	if p.recalling {
		b.WriteString(", recalled")
	}
	if p.copies != nil && p.copies.left > 0 {
		fmt.Fprintf(&b, ", %d copies to go", p.copies.left)
	}
	return b.String()
}
