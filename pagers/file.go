package pagers

import (
	"fmt"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// FilePager serves the files of a store as memory objects: pages are read when a kernel asks for them and
// written when it returns them. A file keeps its size unless something other than zeros is written behind
// its end. Kernels that map one file see each other's writes when pages have been returned and are asked
// for again, no sooner.
type FilePager struct {
	core
	server *Server
	store  Store
	attrs  Attributes
	open   map[string]mach.Name // memory objects by file name
}

// NewFile makes a file pager for the files of store, whose objects get the given attributes and whose server
// the options.
func NewFile(t user.Thread, store Store, attrs Attributes, options ...Option) (*FilePager, mach.Return) {
	p := &FilePager{core: newCore(), store: store, attrs: attrs, open: map[string]mach.Name{}}
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
	p.add(port, file, p.attrs, false)
	return port, nil
}

// Close destroys the memory object of a file. Kernels that use it lose their manager.
func (p *FilePager) Close(t user.Thread, name string) mach.Return {
	port, ok := p.open[name]
	if !ok {
		return mach.KernInvalidName
	}
	delete(p.open, name)
	return p.remove(t, port)
}
