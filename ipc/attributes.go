package ipc

import "machvm/kernel/mach"

// ReceiveStatus is what flavor RECEIVE_STATUS answers.
type ReceiveStatus struct {
	Set           mach.Name // of the first set that holds the port, NULL if none
	Sets          int       // number of sets that hold the port
	Seqno         uint32
	Mscount       uint32
	Qlimit        int
	Msgcount      int
	Sorights      int
	Srights       bool // send rights exist
	PortDestroyed bool // a port-destroyed request is registered
	NoSenders     bool // a no-senders request is registered
	Flags         uint32
}

// Words is the status as mach_port_get_attributes returns it. The first word is the number of sets where a port
// may be in several, and else the name of the set.
func (r *ReceiveStatus) Words(multiSet bool) []uint32 {
	set := uint32(r.Set)
	if multiSet {
		set = uint32(r.Sets)
	}
	return []uint32{set, r.Seqno, r.Mscount, uint32(r.Qlimit), uint32(r.Msgcount), uint32(r.Sorights),
		word(r.Srights), word(r.PortDestroyed), word(r.NoSenders), r.Flags}
}

func word(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

// GetReceiveStatus is the state of a receive right. Historic mach_port_get_receive_status.
//
// Errors: KERN_INVALID_TASK; KERN_INVALID_NAME; KERN_INVALID_RIGHT, no receive right.
func (s *Space) GetReceiveStatus(name mach.Name) (ReceiveStatus, mach.Return) {
	e, ret := s.receiveRight(name)
	if e == nil {
		return ReceiveStatus{}, ret
	}
	p := e.port
	r := ReceiveStatus{Sets: len(p.sets), Seqno: p.seqno, Mscount: p.mscount, Qlimit: p.qlimit, Msgcount: p.msgcount,
		Sorights: p.sorights, Srights: p.srights > 0, PortDestroyed: !p.pdrequest.IsNull(), NoSenders: !p.nsrequest.IsNull()}
	if len(p.sets) > 0 {
		r.Set = p.sets[0].set.entry.name
	}
	return r, mach.KernSuccess
}

// GetAttributes returns the words of one flavor: PortLimitsInfo, PortReceiveStatus or PortDNRequestsSize.
// count is the number of words the caller has room for. Historic mach_port_get_attributes.
//
// Errors: KERN_INVALID_TASK; KERN_INVALID_ARGUMENT, flavor unknown; KERN_FAILURE, count too small;
// KERN_INVALID_NAME; KERN_INVALID_RIGHT.
func (s *Space) GetAttributes(name mach.Name, flavor int32, count int) ([]uint32, mach.Return) {
	if s.dead {
		return nil, mach.KernInvalidTask
	}
	need := 1
	switch flavor {
	case mach.PortLimitsInfo, mach.PortDNRequestsSize:
	case mach.PortReceiveStatus:
		need = mach.ReceiveStatusWords
	default:
		return nil, mach.KernInvalidArgument
	}
	if count < need {
		return nil, mach.KernFailure
	}
	e, ret := s.receiveRight(name)
	if e == nil {
		return nil, ret
	}
	switch flavor {
	case mach.PortLimitsInfo:
		return []uint32{uint32(e.port.qlimit)}, mach.KernSuccess
	case mach.PortDNRequestsSize:
		return []uint32{uint32(max(e.port.dnsize, e.port.dnrequests.len()))}, mach.KernSuccess
	}
	status, ret := s.GetReceiveStatus(name)
	return status.Words(s.node.pers.MultiSet), ret
}

// SetAttributes sets the queue limit (PortLimitsInfo) or the size of the request table
// (PortDNRequestsSize). Historic mach_port_set_attributes.
//
// Errors: KERN_INVALID_TASK; KERN_INVALID_ARGUMENT, flavor unknown or not settable; KERN_FAILURE, too few words;
// KERN_INVALID_VALUE, queue limit above QlimitMax, whatever the name; KERN_INVALID_NAME; KERN_INVALID_RIGHT.
func (s *Space) SetAttributes(name mach.Name, flavor int32, info []uint32) mach.Return {
	switch {
	case s.dead:
		return mach.KernInvalidTask
	case flavor != mach.PortLimitsInfo && flavor != mach.PortDNRequestsSize:
		return mach.KernInvalidArgument
	case len(info) < 1:
		return mach.KernFailure
	case flavor == mach.PortLimitsInfo:
		return s.SetQlimit(name, info[0])
	}
	e, ret := s.receiveRight(name)
	if e != nil {
		e.port.dnsize = int(info[0])
	}
	return ret
}

// SetQlimit sets the queue limit, 0 to QlimitMax. Historic mach_port_set_qlimit.
//
// Errors: KERN_INVALID_TASK; KERN_INVALID_VALUE, limit too large, whatever the name; KERN_INVALID_NAME;
// KERN_INVALID_RIGHT.
func (s *Space) SetQlimit(name mach.Name, limit uint32) mach.Return {
	if limit > mach.QlimitMax && !s.dead {
		return mach.KernInvalidValue
	}
	e, ret := s.receiveRight(name)
	if e != nil {
		e.port.SetQlimit(int(limit))
	}
	return ret
}

// SetMscount sets the make-send count; it never causes a notification. Historic mach_port_set_mscount.
//
// Errors: KERN_INVALID_TASK; KERN_INVALID_NAME; KERN_INVALID_RIGHT.
func (s *Space) SetMscount(name mach.Name, v uint32) mach.Return {
	e, ret := s.receiveRight(name)
	if e != nil {
		e.port.mscount = v
	}
	return ret
}

// SetSeqno sets the sequence number of the next message. Historic mach_port_set_seqno.
//
// Errors: KERN_INVALID_TASK; KERN_INVALID_NAME; KERN_INVALID_RIGHT.
func (s *Space) SetSeqno(name mach.Name, v uint32) mach.Return {
	e, ret := s.receiveRight(name)
	if e != nil {
		e.port.seqno = v
	}
	return ret
}
