package vm

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// A frame is one page frame of physical memory. Its bytes are real but materialised at the first write:
// a frame that was never written since it was handed out, or since it was zero filled, reads as zeros
// and holds no memory.
//
// The hardware bits belong to the frame, not to a mapping, and survive the removal of mappings.
type frame struct {
	number     int32
	referenced bool
	modified   bool
	data       []byte // nil: all zeros
	pv         *pvEntry
}

// frames is physical memory: a LIFO stack of free frames that starts with frame 0 on top, and the
// byte buffers that free frames gave back.
type frames struct {
	size    mach.Size
	total   int
	fresh   int      // frames from this number up were never used; below the stack
	stack   []*frame // released frames, top last
	buffers [][]byte
	zeros   []byte // what an unmaterialised frame reads as; never written
	arena   *arena // where further buffers come from
	structs *sched.Arena[frame]
}

func newFrames(total int, s *Spares, size mach.Size) frames {
	a := s.arena(size)
	return frames{size: size, total: total, zeros: a.zeros, arena: a, structs: &s.frames}
}

// free is the number of free frames.
func (f *frames) free() int { return f.total - f.fresh + len(f.stack) }

// pop takes the frame on top, or nil if none is left. It reads as zeros.
func (f *frames) pop() *frame {
	if n := len(f.stack); n > 0 {
		fr := f.stack[n-1]
		f.stack = f.stack[:n-1]
		return fr
	}
	if f.fresh == f.total {
		return nil
	}
	fr := f.structs.New()
	*fr = frame{number: int32(f.fresh)}
	f.fresh++
	return fr
}

// push releases fr, which must be mapped nowhere.
func (f *frames) push(fr *frame) {
	if fr.pv != nil {
		panic("vm: a frame that is mapped was released (page invariant 4)")
	}
	f.clear(fr)
	fr.referenced, fr.modified = false, false
	f.stack = append(f.stack, fr)
}

// clear makes fr read as zeros.
func (f *frames) clear(fr *frame) {
	if fr.data != nil {
		f.buffers = append(f.buffers, fr.data)
		fr.data = nil
	}
}

// read is the contents of fr, valid until the next write to any page.
func (f *frames) read(fr *frame) []byte {
	if fr.data == nil {
		return f.zeros
	}
	return fr.data
}

// write is the memory of fr, materialised.
func (f *frames) write(fr *frame) []byte {
	if fr.data == nil {
		fr.data = f.buffer()
		clear(fr.data)
	}
	return fr.data
}

// copy makes dst read like src.
func (f *frames) copy(dst, src *frame) {
	if src.data == nil {
		f.clear(dst)
		return
	}
	if dst.data == nil {
		dst.data = f.buffer()
	}
	copy(dst.data, src.data)
}

func (f *frames) buffer() []byte {
	if n := len(f.buffers); n > 0 {
		b := f.buffers[n-1]
		f.buffers = f.buffers[:n-1]
		return b
	}
	return f.arena.buffer()
}
