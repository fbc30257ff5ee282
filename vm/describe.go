package vm

import (
	"fmt"
	"strings"

	"machvm/kernel/mach"
)

// Describe is the map as text: one line for each region, and under it the objects it sees, from the top
// down, with their pages.
func (m *Map) Describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "map of task %d %q: %d regions, %d bytes, %d pages resident\n",
		m.task, m.name, m.count, uint64(m.size), m.pmap.resident)
	for e := m.first; e != nil; e = e.next {
		b.WriteString("  ")
		e.text(&b)
		b.WriteByte('\n')
		off := e.offset
		for o := e.object; o != nil; o = o.shadow {
			b.WriteString("    ")
			o.text(&b, off, e.size())
			b.WriteByte('\n')
			off += o.shadowOffset
		}
	}
	return b.String()
}

// text is one line: range, protections, and what is special about a region.
func (e *Entry) text(b *strings.Builder) {
	fmt.Fprintf(b, "%v-%v %v/%v %v", e.start, e.end, e.prot, e.maxProt, e.inherit)
	if e.object == nil {
		b.WriteString(", zero-filled, untouched")
	} else {
		fmt.Fprintf(b, ", %s at %v", e.object, e.offset)
	}
	for _, mark := range []struct {
		on   bool
		text string
	}{
		{e.needsCopy, "copy on write"},
		{e.shared, "shared"},
		{e.inTransition, "being wired"},
		{e.behavior != mach.BehaviorDefault, "behavior " + e.behavior.String()},
		{e.wired > 0, fmt.Sprintf("wired %d times by the user, %d in all", e.userWired, e.wired)},
	} {
		if mark.on {
			b.WriteString(", " + mark.text)
		}
	}
}

// text is one line: what o is, who refers to it, and its pages in the size bytes from off on.
func (o *Object) text(b *strings.Builder, off mach.Offset, size mach.Size) {
	fmt.Fprintf(b, "%s: %s, %d refs, %d mappings, %s", o, o.phase, o.refs, o.mappings.count, o.strategy)
	if o.shadowed {
		b.WriteString(", shadowed")
	}
	if o.copy != nil {
		fmt.Fprintf(b, ", pushes into %s", o.copy)
	}
	if o.paging > 0 {
		fmt.Fprintf(b, ", %d activities", o.paging)
	}
	end := off + mach.Offset(size)
	sep := "; pages"
	for p := o.next(off, end); p != nil; p = o.next(p.offset+1, end) {
		b.WriteString(sep + " ")
		p.text(b)
		sep = ","
	}
	if o.shadow != nil {
		fmt.Fprintf(b, "; below at %v:", o.shadowOffset)
	}
}

// text is the place of p and the marks that are not usual.
func (p *Page) text(b *strings.Builder) {
	fmt.Fprintf(b, "%v", p.offset)
	if p.contents != pageData {
		b.WriteString(" " + p.contents.String())
	}
	for _, mark := range []struct {
		on   bool
		text string
	}{
		{p.busy, "busy"},
		{p.dirty || p.frame != nil && p.frame.modified, "dirty"},
		{p.precious, "precious"},
		{p.cleaning, "cleaning"},
		{p.lock != 0, "lock " + p.lock.String()},
		{p.unlockRequest != 0, "unlock asked " + p.unlockRequest.String()},
		{p.wireCount > 0, "wired"},
	} {
		if mark.on {
			b.WriteString(" " + mark.text)
		}
	}
}

// DescribeObjects is every object of the host as text, oldest first, one line each.
func (h *Host) DescribeObjects() string {
	var b strings.Builder
	for o := h.firstAll; o != nil; o = o.allNext {
		o.text(&b, 0, ^mach.Size(0))
		if o.shadow != nil {
			fmt.Fprintf(&b, " %s", o.shadow)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
