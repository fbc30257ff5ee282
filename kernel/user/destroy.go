package user

import "machvm/kernel/mach"

// Destroy gives up what a received message carries: the reply right, then rights and memory in order.
// Historic mach_msg_destroy.
func Destroy(t Thread, m *mach.UserMessage) {
	Release(t, m.Remote, m.RemoteDisp)
	destroyBody(t, m)
}

// DestroyUnsent gives up what came back in a message that could not be sent: destination, reply right,
// then rights and memory in order.
func DestroyUnsent(t Thread, m *mach.UserMessage) {
	Release(t, m.Remote, m.RemoteDisp)
	Release(t, m.Local, m.LocalDisp)
	destroyBody(t, m)
}

func destroyBody(t Thread, m *mach.UserMessage) {
	if !m.Complex {
		return
	}
	for i := range m.Descs {
		switch d := &m.Descs[i]; d.Kind {
		case mach.DescPort:
			Release(t, d.Port, d.Disp)
		case mach.DescPorts:
			ReleaseArray(t, d.Memory, d.Disp)
		default:
			Deallocate(t, d.Memory)
		}
	}
}

// Release gives up one right that a message brought, by the kind of right it was: a reference to a send
// or send-once right, or the receive right. Null and dead names are nothing to release, and so is a name
// with disposition none.
func Release(t Thread, name mach.Name, disp mach.Disposition) {
	if !name.Valid() {
		return
	}
	switch disp {
	case mach.PortReceive:
		MachPortModRefs(t, Self(t), name, mach.RightReceive, -1)
	case mach.PortSend, mach.PortSendOnce:
		MachPortDeallocate(t, Self(t), name)
	}
}

// ReleaseArray gives up the rights in an array that a message brought, and the memory that holds it.
func ReleaseArray(t Thread, r mach.Region, disp mach.Disposition) {
	if names, err := LoadNames(t, r); err == nil {
		for _, name := range names {
			Release(t, name, disp)
		}
	}
	Deallocate(t, r)
}

// Deallocate gives up memory that a message brought.
func Deallocate(t Thread, r mach.Region) {
	if r.Size != 0 {
		VMDeallocate(t, Self(t), r.Address, r.Size)
	}
}
