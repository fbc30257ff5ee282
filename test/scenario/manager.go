package scenario

import (
	"go.starlark.net/starlark"

	"machvm/kernel/mach"
	"machvm/pagers"
)

// scriptManager is a manager whose messages are handled by functions of a script.
type scriptManager struct {
	base      pagers.Base
	p         *play
	t         *thread // the first service thread
	functions map[string]starlark.Callable
}

// managerMessages are the messages a pager may have a function for. other gets all the rest.
var managerMessages = map[string]bool{
	"init":             true,
	"terminate":        true,
	"copy":             true,
	"data_request":     true,
	"data_unlock":      true,
	"data_write":       true,
	"lock_completed":   true,
	"supply_completed": true,
	"data_return":      true,
	"change_completed": true,
	"synchronize":      true,
	"discard_request":  true,
	"create":           true,
	"data_initialize":  true,
	"port_deleted":     true,
	"port_destroyed":   true,
	"no_senders":       true,
	"send_once":        true,
	"dead_name":        true,
	"other":            true,
}

// serve calls the script's function for a message, or base if there is none. The function's result is the
// handler's: nothing for success, or a return code.
func (s *scriptManager) serve(c *pagers.Call, name string, base func() mach.Return) mach.Return {
	fn := s.functions[name]
	if fn == nil {
		return base()
	}
	t := s.p.serviceThread(s.t, c)
	t.refresh()
	v, err := starlark.Call(t.star, fn, starlark.Tuple{t, t.received(c.Message)}, nil)
	if err == nil {
		switch v := v.(type) {
		case starlark.NoneType:
			return mach.KernSuccess
		case code:
			return v.Return
		}
		err = &Failure{Kind: ScriptError, At: s.t.p.script.Path,
			Text: fn.Name() + " returned " + v.Type() + "; a handler returns nothing or a return code"}
	}
	s.t.p.fail(s.t.p.failureOf(err))
	return mach.KernFailure
}

// Init serves the message.
func (s *scriptManager) Init(c *pagers.Call, m *pagers.Init) mach.Return {
	return s.serve(c, "init", func() mach.Return { return s.base.Init(c, m) })
}

// Terminate serves the message.
func (s *scriptManager) Terminate(c *pagers.Call, m *pagers.Terminate) mach.Return {
	return s.serve(c, "terminate", func() mach.Return { return s.base.Terminate(c, m) })
}

// Copy serves the message.
func (s *scriptManager) Copy(c *pagers.Call, m *pagers.Copy) mach.Return {
	return s.serve(c, "copy", func() mach.Return { return s.base.Copy(c, m) })
}

// DataRequest serves the message.
func (s *scriptManager) DataRequest(c *pagers.Call, m *pagers.DataRequest) mach.Return {
	return s.serve(c, "data_request", func() mach.Return { return s.base.DataRequest(c, m) })
}

// DataUnlock serves the message.
func (s *scriptManager) DataUnlock(c *pagers.Call, m *pagers.DataUnlock) mach.Return {
	return s.serve(c, "data_unlock", func() mach.Return { return s.base.DataUnlock(c, m) })
}

// DataWrite serves the message.
func (s *scriptManager) DataWrite(c *pagers.Call, m *pagers.DataWrite) mach.Return {
	return s.serve(c, "data_write", func() mach.Return { return s.base.DataWrite(c, m) })
}

// LockCompleted serves the message.
func (s *scriptManager) LockCompleted(c *pagers.Call, m *pagers.LockCompleted) mach.Return {
	return s.serve(c, "lock_completed", func() mach.Return { return s.base.LockCompleted(c, m) })
}

// SupplyCompleted serves the message.
func (s *scriptManager) SupplyCompleted(c *pagers.Call, m *pagers.SupplyCompleted) mach.Return {
	return s.serve(c, "supply_completed", func() mach.Return { return s.base.SupplyCompleted(c, m) })
}

// DataReturn serves the message.
func (s *scriptManager) DataReturn(c *pagers.Call, m *pagers.DataReturn) mach.Return {
	return s.serve(c, "data_return", func() mach.Return { return s.base.DataReturn(c, m) })
}

// ChangeCompletedCMU serves the message.
func (s *scriptManager) ChangeCompletedCMU(c *pagers.Call, m *pagers.ChangeCompletedCMU) mach.Return {
	return s.serve(c, "change_completed", func() mach.Return { return s.base.ChangeCompletedCMU(c, m) })
}

// Synchronize serves the message.
func (s *scriptManager) Synchronize(c *pagers.Call, m *pagers.Synchronize) mach.Return {
	return s.serve(c, "synchronize", func() mach.Return { return s.base.Synchronize(c, m) })
}

// ChangeCompleted serves the message.
func (s *scriptManager) ChangeCompleted(c *pagers.Call, m *pagers.ChangeCompleted) mach.Return {
	return s.serve(c, "change_completed", func() mach.Return { return s.base.ChangeCompleted(c, m) })
}

// DiscardRequest serves the message.
func (s *scriptManager) DiscardRequest(c *pagers.Call, m *pagers.DiscardRequest) mach.Return {
	return s.serve(c, "discard_request", func() mach.Return { return s.base.DiscardRequest(c, m) })
}

// Create serves the message.
func (s *scriptManager) Create(c *pagers.Call, m *pagers.Create) mach.Return {
	return s.serve(c, "create", func() mach.Return { return s.base.Create(c, m) })
}

// DataInitialize serves the message.
func (s *scriptManager) DataInitialize(c *pagers.Call, m *pagers.DataInitialize) mach.Return {
	return s.serve(c, "data_initialize", func() mach.Return { return s.base.DataInitialize(c, m) })
}

// PortDeleted serves the message.
func (s *scriptManager) PortDeleted(c *pagers.Call, m *pagers.PortDeleted) mach.Return {
	return s.serve(c, "port_deleted", func() mach.Return { return s.base.PortDeleted(c, m) })
}

// PortDestroyed serves the message.
func (s *scriptManager) PortDestroyed(c *pagers.Call, m *pagers.PortDestroyed) mach.Return {
	return s.serve(c, "port_destroyed", func() mach.Return { return s.base.PortDestroyed(c, m) })
}

// NoSenders serves the message.
func (s *scriptManager) NoSenders(c *pagers.Call, m *pagers.NoSenders) mach.Return {
	return s.serve(c, "no_senders", func() mach.Return { return s.base.NoSenders(c, m) })
}

// SendOnce serves the message.
func (s *scriptManager) SendOnce(c *pagers.Call, m *pagers.SendOnce) mach.Return {
	return s.serve(c, "send_once", func() mach.Return { return s.base.SendOnce(c, m) })
}

// DeadName serves the message.
func (s *scriptManager) DeadName(c *pagers.Call, m *pagers.DeadName) mach.Return {
	return s.serve(c, "dead_name", func() mach.Return { return s.base.DeadName(c, m) })
}

// Other serves what is no message to a manager.
func (s *scriptManager) Other(c *pagers.Call) mach.Return {
	return s.serve(c, "other", func() mach.Return { return s.base.Other(c) })
}
