package pagers

import (
	"io"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// Copy makes an object of what the range holds now (CMU and GNU kernels, copy strategy CALL). The kernel has given back
// what was modified. The copy lives in Go memory as long as a kernel uses it.
func (p *core) Copy(c *Call, m *Copy) mach.Return {
	u := p.find(c, m.OldMemoryControl)
	if u == nil {
		c.DestroyPort(m.NewMemoryObject)
		return mach.KernSuccess
	}
	c.Release(m.OldMemoryControl)
	data, err := u.object.snapshot(m.Offset, m.Length)
	o := &object{port: m.NewMemoryObject, file: &memFile{data: data}, attrs: u.object.attrs,
		precious: u.object.precious, lock: u.object.lock, copied: true}
	if err != nil {
		p.stats.Failures++
		o.lost.add(0, m.Length)
	}
	for _, r := range u.object.lost {
		if from, to := max(r.from, m.Offset), min(r.to, m.Offset+mach.Offset(m.Length)); from < to {
			o.lost.add(from-m.Offset, mach.Size(to-from))
		}
	}
	p.add(o)
	if c.Server.AddPort(c.Thread, o.port) != mach.KernSuccess {
		delete(p.objects, o.port)
		c.DestroyPort(o.port)
		return mach.KernSuccess
	}
	// The kernel is the only one with a right for it.
	user.MachPortRequestNotification(c.Thread, user.Self(c.Thread), o.port, mach.NotifyNoSenders, 0, o.port, mach.MakeSendOnce)
	return mach.KernSuccess
}

// snapshot is what there is of a range.
func (o *object) snapshot(off mach.Offset, size mach.Size) ([]byte, error) {
	end, err := o.file.Size()
	left := end - int64(off)
	if err != nil || left <= 0 {
		return nil, err
	}
	data := make([]byte, min(int64(size), left))
	if _, err = o.file.ReadAt(data, int64(off)); err == io.EOF {
		err = nil
	}
	return data, err
}

// NoSenders ends a copy that nobody can use any more.
func (p *core) NoSenders(c *Call, _ *NoSenders) mach.Return {
	if o := p.objects[c.Port]; o != nil && o.copied && len(o.controls) == 0 {
		delete(p.objects, o.port)
		c.DestroyPort(o.port)
	}
	return mach.KernSuccess
}
