package pagers

import (
	"strings"

	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// saying is one call that a manager is about to make: the message, and where in it is what can go wrong.
type saying struct {
	name       string
	control    *mach.Name
	offset     *mach.Offset
	size       *mach.Size
	data       *mach.Region
	deallocate *bool // data leaves the task with the message; nil: it never does
	answer     bool  // to a data_request
	send       func(t user.Thread) mach.Return
	said       bool // held back, and then said
	referenced bool // with a reference of the control port of its own
}

// say sends a message, or does to it what the plan says.
func say[T any](c *Call, codec *user.Codec[T], v *T) mach.Return {
	m := *v // the caller's stays where it is
	s := saying{name: strings.TrimPrefix(codec.Row().Name, "xxx_"),
		send: func(t user.Thread) mach.Return { return user.TrySend(t, codec, &m, 0) }}
	s.look(&m)
	return c.Server.faults.say(c, &s)
}

// look finds the parts of a message.
func (s *saying) look(m any) {
	switch m := m.(type) {
	case *defs.MemoryObjectDataSupply[mach.Name, mach.Region]:
		s.control, s.offset, s.data, s.deallocate, s.answer = &m.MemoryControl, &m.Offset, &m.Data, &m.Deallocate, true
	case *defs.MemoryObjectDataProvided[mach.Name, mach.Region]:
		s.control, s.offset, s.data, s.answer = &m.MemoryControl, &m.Offset, &m.Data, true
	case *defs.MemoryObjectDataUnavailable[mach.Name]:
		s.control, s.offset, s.size, s.answer = &m.MemoryControl, &m.Offset, &m.Size, true
	case *defs.MemoryObjectDataError[mach.Name]:
		s.control, s.offset, s.size = &m.MemoryControl, &m.Offset, &m.Size
	case *defs.MemoryObjectLockRequest[mach.Name]:
		s.control, s.offset, s.size = &m.MemoryControl, &m.Offset, &m.Size
	case *defs.MemoryObjectLockRequestOld[mach.Name]:
		s.control, s.offset, s.size = &m.MemoryControl, &m.Offset, &m.Size
	case *defs.MemoryObjectSynchronizeCompleted[mach.Name]:
		s.control, s.offset, s.size = &m.MemoryControl, &m.Offset, &m.Length
	case *defs.MemoryObjectDestroy[mach.Name]:
		s.control = &m.MemoryControl
	case *defs.MemoryObjectReady[mach.Name]:
		s.control = &m.MemoryControl
	case *defs.MemoryObjectSetAttributes[mach.Name]:
		s.control = &m.MemoryControl
	case *defs.MemoryObjectChangeAttributes[mach.Name]:
		s.control = &m.MemoryControl
	case *defs.MemoryObjectChangeAttributesCMU[mach.Name]:
		s.control = &m.MemoryControl
	}
}

// leaves reports whether the data leaves the task with the message.
func (s *saying) leaves() bool { return s.data != nil && s.deallocate != nil && *s.deallocate }

// say sends a message, or does to it what the plan says. Whoever is told of the result is told that it was sent.
func (f *faults) say(c *Call, s *saying) mach.Return {
	t := c.Thread
	fault := f.pick(t, s)
	if fault == nil {
		ret := s.send(t)
		f.sayHeld(t)
		return ret
	}
	f.log = append(f.log, fault.Kind.String()+" "+s.name)
	if fault.Kind != Reordered && fault.Kind != Silent {
		defer f.sayHeld(t)
	}
	switch fault.Kind {
	case Late:
		t.Sleep(fault.delay())
		return s.send(t)
	case Silent:
		s.swallow(t)
	case WrongData:
		garble(t, *s.data)
		return s.send(t)
	case WrongOffset:
		*s.offset += mach.Offset(t.PageSize())
		return s.send(t)
	case WrongControl:
		other := f.other(*s.control)
		if other == mach.NameNull {
			s.swallow(t)
			break
		}
		*s.control = other
		return s.send(t)
	case WrongError:
		f.wrongError(t, fault, s)
	case Duplicated:
		return s.twice(t)
	case Reordered:
		f.hold(t, fault, s)
	case Dying:
		user.TaskTerminate(t, user.Self(t))
	}
	return mach.KernSuccess
}

func (f *Fault) delay() mach.Timeout {
	if f.Delay == 0 {
		return DefaultDelay
	}
	return f.Delay
}

// swallow gives up what the message would have taken out of the task.
func (s *saying) swallow(t user.Thread) {
	if s.leaves() {
		user.Deallocate(t, *s.data)
	}
}

// twice says it, and says it again.
func (s *saying) twice(t user.Thread) mach.Return {
	if s.leaves() {
		*s.deallocate = false
		defer user.Deallocate(t, *s.data)
	}
	s.send(t)
	return s.send(t)
}

// garble makes other bytes of data.
func garble(t user.Thread, r mach.Region) {
	data, err := user.LoadBytes(t, r)
	if err != nil {
		return
	}
	for i := range data {
		data[i] ^= 0xff
	}
	_ = t.Store(r.Address, data) // what cannot be written stays as it is
}

// other is another association of the manager.
func (f *faults) other(control mach.Name) mach.Name {
	for i := len(f.controls) - 1; i >= 0; i-- {
		if f.controls[i] != control {
			return f.controls[i]
		}
	}
	return mach.NameNull
}

// wrongError says that there is an error where there is none.
func (f *faults) wrongError(t user.Thread, fault *Fault, s *saying) {
	m := defs.MemoryObjectDataError[mach.Name]{MemoryControl: *s.control, Offset: *s.offset, ErrorValue: fault.Error}
	if m.ErrorValue == mach.KernSuccess {
		m.ErrorValue = mach.KernFailure
	}
	if s.size != nil {
		m.Size = *s.size
	} else {
		m.Size = s.data.Size
	}
	user.TrySend(t, errorCodec, &m, 0)
	s.swallow(t)
}

// hold keeps a message until the next has been sent, or until its delay is over. It keeps a reference of the
// control port for it, and a copy of data that stays with the manager.
func (f *faults) hold(t user.Thread, fault *Fault, s *saying) {
	if s.data != nil && !s.leaves() {
		data, err := user.LoadBytes(t, *s.data)
		if err != nil {
			return
		}
		copied, ret := user.StoreNew(t, data)
		if ret != mach.KernSuccess {
			return
		}
		*s.data = copied
		if s.deallocate != nil {
			*s.deallocate = true
		}
	}
	s.referenced = user.MachPortModRefs(t, user.Self(t), *s.control, mach.RightSend, 1) == mach.KernSuccess
	f.held = append(f.held, s)
	delay := fault.delay()
	t.Spawn("held "+s.name, func(t user.Thread) {
		t.Sleep(delay)
		s.sayAfterAll(t)
	})
}

// sayHeld says what was held back.
func (f *faults) sayHeld(t user.Thread) {
	held := f.held
	f.held = nil
	for _, s := range held {
		s.sayAfterAll(t)
	}
}

func (s *saying) sayAfterAll(t user.Thread) {
	if s.said {
		return
	}
	s.said = true
	control := *s.control
	ret := s.send(t)
	if s.data != nil && (ret == mach.SendInvalidDest || s.deallocate == nil) {
		user.Deallocate(t, *s.data) // it is still here
	}
	if s.referenced {
		user.MachPortDeallocate(t, user.Self(t), control)
	}
}
