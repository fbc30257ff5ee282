package vm

import (
	"encoding/binary"

	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// Exception is how an access of a program ended: with KernSuccess, or with the code and the address
// that an exception message carries (VM-109).
type Exception struct {
	Code    mach.Return
	Address mach.Addr // the first byte that could not be accessed
}

// OK reports that the access was done.
func (x Exception) OK() bool { return x.Code == mach.KernSuccess }

// Load reads len(p) bytes at addr as a program would. A page that cannot be read raises an exception
// and the bytes before it have been read:
//
//	KERN_INVALID_ADDRESS     no region there
//	KERN_PROTECTION_FAILURE  the region does not allow reading
//	KERN_MEMORY_ERROR        the manager failed to provide the page
//	KERN_MEMORY_FAILURE      the page's manager is gone (DestroyedFaultCode)
//	KERN_ABORTED             the thread was killed
//
// or whatever reason of its own the manager gave.
func (m *Map) Load(th *sched.Thread, addr mach.Addr, p []byte) Exception {
	return m.access(th, addr, p, mach.ProtRead)
}

// Execute reads len(p) bytes at addr as instructions; exceptions are those of Load.
func (m *Map) Execute(th *sched.Thread, addr mach.Addr, p []byte) Exception {
	return m.access(th, addr, p, mach.ProtExecute)
}

// Store writes p at addr as a program would; exceptions are those of Load, for writing.
func (m *Map) Store(th *sched.Thread, addr mach.Addr, p []byte) Exception {
	return m.access(th, addr, p, mach.ProtRead|mach.ProtWrite)
}

// Load64 reads the little-endian word at addr.
func (m *Map) Load64(th *sched.Thread, addr mach.Addr) (uint64, Exception) {
	if in := int(addr) & (int(m.host.pageSize) - 1); in <= int(m.host.pageSize)-8 {
		if fr := m.pmap.translate(addr, mach.ProtRead); fr != nil {
			m.host.touchFrame(fr, false)
			return binary.LittleEndian.Uint64(m.host.frames.read(fr)[in:]), Exception{}
		}
	}
	var b [8]byte
	x := m.access(th, addr, b[:], mach.ProtRead)
	return binary.LittleEndian.Uint64(b[:]), x
}

// Store64 writes v at addr as a little-endian word.
func (m *Map) Store64(th *sched.Thread, addr mach.Addr, v uint64) Exception {
	if in := int(addr) & (int(m.host.pageSize) - 1); in <= int(m.host.pageSize)-8 {
		if fr := m.pmap.translate(addr, mach.ProtRead|mach.ProtWrite); fr != nil {
			m.host.touchFrame(fr, true)
			binary.LittleEndian.PutUint64(m.host.frames.write(fr)[in:], v)
			return Exception{}
		}
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	return m.access(th, addr, b[:], mach.ProtRead|mach.ProtWrite)
}

// access is the access algorithm of the simulated hardware: translate, and as long as that fails let
// the kernel handle a fault and try again. A write asks for reading as well, as on the i386.
func (m *Map) access(th *sched.Thread, addr mach.Addr, p []byte, want mach.Prot) Exception {
	page := m.host.pageSize
	for len(p) > 0 {
		in := mach.Size(addr) & (page - 1)
		n := min(page-in, mach.Size(len(p)))
		fr := m.pmap.translate(addr, want)
		if fr == nil {
			if ret := m.fault(th, addr.Trunc(page), want, faultUser); ret != mach.KernSuccess {
				return Exception{ret, addr}
			}
			if th.Killed() {
				return Exception{mach.KernAborted, addr}
			}
			continue
		}
		m.host.touchFrame(fr, want&mach.ProtWrite != 0)
		if want&mach.ProtWrite != 0 {
			copy(m.host.frames.write(fr)[in:], p[:n])
		} else {
			copy(p[:n], m.host.frames.read(fr)[in:])
		}
		p = p[n:]
		if addr += mach.Addr(n); addr == 0 && len(p) > 0 {
			return Exception{mach.KernInvalidAddress, addr}
		}
	}
	return Exception{}
}

// ReadBytes reads len(p) bytes at addr for the kernel, faulting pages in. It returns what an exception
// of Load would carry. Historic copyin.
func (m *Map) ReadBytes(th *sched.Thread, addr mach.Addr, p []byte) mach.Return {
	return m.access(th, addr, p, mach.ProtRead).Code
}

// WriteBytes writes p at addr for the kernel. Historic copyout.
func (m *Map) WriteBytes(th *sched.Thread, addr mach.Addr, p []byte) mach.Return {
	return m.access(th, addr, p, mach.ProtRead|mach.ProtWrite).Code
}
