package ipc

import "machvm/kernel/mach"

// ScatterDesc is one descriptor of a scatter list. Kind, Copy and Memory count: with CopyOverwrite the
// region is written over existing memory at Memory, else it is placed anywhere.
type ScatterDesc = UserDesc

// Scatter is the list a receiver gives with MACH_RCV_OVERWRITE. Its n-th out-of-line descriptor rules the
// n-th region of the message; port descriptors are skipped on both sides, regions beyond the list are placed
// anywhere, and what is left of the list is ignored (IPC-211).
type Scatter struct{ Descs []ScatterDesc }

// scatterCursor walks the out-of-line descriptors of a list.
type scatterCursor struct{ rest []ScatterDesc }

func (s *Scatter) cursor() scatterCursor {
	if s == nil {
		return scatterCursor{}
	}
	return scatterCursor{s.Descs}
}

// next is the descriptor for the next region, nil beyond the list.
func (c *scatterCursor) next() *ScatterDesc {
	for len(c.rest) > 0 {
		d := &c.rest[0]
		c.rest = c.rest[1:]
		if d.Kind != mach.DescPort {
			return d
		}
	}
	return nil
}

// check compares a list with a message. Errors: MACH_RCV_INVALID_TYPE, a descriptor is of another kind
// than its region (ID-22); MACH_RCV_SCATTER_SMALL, memory to be overwritten is too small (IPC-210).
func (s *Scatter) check(k *Kmsg) mach.Return {
	if s == nil {
		return mach.KernSuccess
	}
	list := s.cursor()
	for i := range k.Message.Descs {
		d := &k.Message.Descs[i]
		if d.Kind == mach.DescPort {
			continue
		}
		over := list.next()
		if over == nil {
			break
		}
		if (over.Kind == mach.DescPorts) != (d.Kind == mach.DescPorts) {
			return mach.RcvInvalidType
		}
		size := mach.Size(4 * len(d.Ports))
		if d.Memory != nil {
			size = d.Memory.Size()
		}
		if over.Copy == mach.CopyOverwrite && over.Memory.Size < size {
			return mach.RcvScatterSmall
		}
	}
	return mach.KernSuccess
}

// valid checks the list by itself. Errors: MACH_RCV_INVALID_TYPE, an unknown kind, or a copy option that is
// neither allocate nor overwrite.
func (s *Scatter) valid() mach.Return {
	if s == nil {
		return mach.KernSuccess
	}
	for i := range s.Descs {
		d := &s.Descs[i]
		if d.Kind > mach.DescVolatileMem || d.Kind != mach.DescPort && d.Copy != mach.CopyAllocate && d.Copy != mach.CopyOverwrite {
			return mach.RcvInvalidType
		}
	}
	return mach.KernSuccess
}
