package pagers

import (
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// MemoryPager keeps its memory objects in Go memory.
type MemoryPager struct {
	core
	server *Server
}

// MemoryOptions say what a memory object is like.
type MemoryOptions struct {
	Data       []byte     // what it holds at first; copied
	Attributes Attributes // the zero value: fetch and copy every page when copied, never cached
	// Precious makes the kernel give pages back even if they are not modified.
	Precious bool
	// Lock is the accesses that each page is supplied without. They are granted when somebody asks.
	Lock mach.Prot
}

// NewMemory makes a memory pager without objects, whose server has the given options.
func NewMemory(t user.Thread, options ...Option) (*MemoryPager, mach.Return) {
	p := &MemoryPager{core: newCore()}
	var ret mach.Return
	p.server, ret = New(t, p, options...)
	return p, ret
}

// Server is what runs the pager.
func (p *MemoryPager) Server() *Server { return p.server }

// Add makes a memory object: a receive right, from which send rights for clients are made.
func (p *MemoryPager) Add(t user.Thread, o MemoryOptions) (mach.Name, mach.Return) {
	port, ret := p.server.AllocatePort(t)
	if ret == mach.KernSuccess {
		p.add(&object{port: port, file: &memFile{data: append([]byte(nil), o.Data...)}, attrs: o.Attributes,
			precious: o.Precious, lock: o.Lock})
	}
	return port, ret
}

// Controls lists the control ports of the kernels that use an object now, oldest first.
func (p *MemoryPager) Controls(port mach.Name) []mach.Name {
	if o := p.objects[port]; o != nil {
		return append([]mach.Name{}, o.controls...)
	}
	return nil
}

// Contents is what the pager holds of an object now; nil if the port is none of its objects.
func (p *MemoryPager) Contents(port mach.Name) []byte {
	o := p.objects[port]
	if o == nil {
		return nil
	}
	return append([]byte{}, o.file.(*memFile).data...)
}

// Remove destroys a memory object. Kernels that use it lose their manager.
func (p *MemoryPager) Remove(t user.Thread, port mach.Name) mach.Return {
	if p.objects[port] == nil {
		return mach.KernInvalidName
	}
	return p.remove(p.server, t, port)
}
