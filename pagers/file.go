package pagers

import (
	"fmt"
	"maps"
	"slices"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// FilePager serves the files of a store as memory objects: pages are read when a kernel asks for them and
// written when it returns them. A file keeps its size unless something other than zeros is written behind
// its end. Kernels that map one file see each other's writes when pages have been returned and are asked
// for again, no sooner.
type FilePager struct {
	core
	server  *Server
	store   Store
	options FileOptions
	open    map[string]mach.Name // memory objects by file name
}

// FileOptions say how a file pager works. The policies are off unless they are asked for.
type FileOptions struct {
	Attributes Attributes // of the memory objects; the cluster size is how much kernels ask for at a time
	// ReadAhead is the number of pages that are supplied beyond those that a kernel has asked for. They come
	// locked against writing, so the first write to one costs a data_unlock. A kernel that refuses what it
	// has not asked for (E-09) gets no more of it.
	ReadAhead int
	// WriteBack is the number of pages per file that may have come back without being stored. They are stored,
	// oldest first, when there are more, and all of them before a synchronize is answered, when a kernel's
	// use of the file ends, and with Close and Flush. What is not stored yet is lost if the pager dies:
	// the file then is as some of the pages that came back have made it, and no page is there that came
	// back after one that is not. A page that the store refuses in the end is an error from then on.
	WriteBack int
}

// NewFile makes a file pager for the files of store.
func NewFile(t user.Thread, store Store, o FileOptions, options ...Option) (*FilePager, mach.Return) {
	p := &FilePager{core: newCore(), store: store, options: o, open: map[string]mach.Name{}}
	var ret mach.Return
	p.server, ret = New(t, p, options...)
	return p, ret
}

// Server is what runs the pager.
func (p *FilePager) Server() *Server { return p.server }

// Open gives the memory object of a file: a receive right, from which send rights for clients are made. One
// file has one memory object. It fails if the store has no such file, or for want of a port.
func (p *FilePager) Open(t user.Thread, name string) (mach.Name, error) {
	if port, ok := p.open[name]; ok {
		return port, nil
	}
	file, err := p.store.Open(name)
	if err != nil {
		return mach.NameNull, err
	}
	port, ret := p.server.AllocatePort(t)
	if ret != mach.KernSuccess {
		return mach.NameNull, fmt.Errorf("memory object for %s: %w", name, ret)
	}
	p.open[name] = port
	o := &object{port: port, file: file, attrs: p.options.Attributes, ahead: p.options.ReadAhead}
	if p.options.WriteBack > 0 {
		p.delay(o, p.options.WriteBack*int(t.PageSize()))
	}
	p.add(o)
	return port, nil
}

// Close destroys the memory object of a file. Kernels that use it lose their manager.
func (p *FilePager) Close(t user.Thread, name string) mach.Return {
	port, ok := p.open[name]
	if !ok {
		return mach.KernInvalidName
	}
	delete(p.open, name)
	return p.remove(p.server, t, port)
}

// Flush stores everything that has come back.
func (p *FilePager) Flush() {
	for _, name := range slices.Sorted(maps.Keys(p.open)) { // unordered: sorted
		p.objects[p.open[name]].flush()
	}
}
