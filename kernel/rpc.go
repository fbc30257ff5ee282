package kernel

import (
	"slices"

	"machvm/ipc"
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// call is what a routine of the kernel is told beside its arguments: in whose thread it runs, and which
// object the request was sent to.
type call struct {
	th     *sched.Thread // the sender's, or a service thread if the sender is on another host
	host   *Host
	object ipc.Kobject
}

// The conversions of the destination port (IPC-191, IPC-192). A port of another kind, or of an object that
// has ended, gives nil or false, and the routine answers with a code of its own.

// task is the task that the request was sent to.
func (c call) task() *Task {
	if t, ok := c.object.(*Task); ok && t.state == taskActive {
		return t
	}
	return nil
}

// thread is the thread that the request was sent to.
func (c call) thread() *Thread {
	if t, ok := c.object.(*Thread); ok && !t.ended {
		return t
	}
	return nil
}

// onHost reports whether the request was sent to the host, whose privileged port will do as well.
func (c call) onHost() bool { _, ok := c.object.(*hostPort); return ok }

// privileged reports whether the request was sent to the privileged host port.
func (c call) privileged() bool {
	p, ok := c.object.(*hostPort)
	return ok && p.kind == ipc.KobjectHostPriv
}

// caller is the program's thread in which the call runs, nil in a service thread.
func (c call) caller() *Thread { t, _ := c.th.Local.(*Thread); return t }

// taskOf converts a right in the body of a request to a task of the host, nil if it is none.
func (c call) taskOf(r *ipc.Right) *Task {
	if !r.Live() {
		return nil
	}
	if t, ok := r.Port().Kobject().(*Task); ok && t.state == taskActive && t.host == c.host {
		return t
	}
	return nil
}

// threadOf converts a right in the body of a request to a thread of the host, nil if it is none.
func (c call) threadOf(r *ipc.Right) *Thread {
	if !r.Live() {
		return nil
	}
	if t, ok := r.Port().Kobject().(*Thread); ok && !t.ended && t.task.host == c.host {
		return t
	}
	return nil
}

// server is the calls of the hosts of one form by message number. Every kernel port but the memory control ports has
// the same calls: dispatch is by number alone, and a routine that finds another kind of object than it
// needs says so (IPC-191).
type server struct {
	mig.Server[call, ipc.Right, ipc.Memory]
	rows *mig.Registry
}

// routines is every call of the kernel. Each entry puts one routine into a server.
var routines [][]routine

type routine struct {
	row *mig.Row
	on  func(s *mig.Server[call, ipc.Right, ipc.Memory])
}

func init() {
	routines = [][]routine{taskRoutines, threadRoutines, specialRoutines, memoryRoutines, entryRoutines, portRoutines, hostRoutines}
}

// newServer makes the table of hosts that encode their messages in the given form.
func newServer(form mig.Form) *server {
	s := &server{Server: *mig.NewServer[call, ipc.Right, ipc.Memory](form), rows: defs.Registry(form.Set)}
	for _, group := range routines {
		for _, r := range group {
			r.on(&s.Server)
		}
	}
	return s
}

// serve executes a request. A number that nobody serves gives MIG_BAD_ID (IPC-188); a call that only a
// memory control port has finds no memory object here.
func (s *server) serve(c call, req, rep *ipc.Kmsg) mach.Return {
	code, known := s.Dispatch(c, &req.Message, &rep.Message)
	if known {
		return code
	}
	row := s.rows.Request(req.Message.ID)
	if row == nil || row.Server() != "control" {
		return code
	}
	code = mach.KernInvalidArgument
	if row == defs.MemoryObjectDestroyRow {
		code = mach.KernSuccess
	}
	if row.Kind == mig.Simple {
		rep.Message.ID = 0
	} else {
		ipc.ErrorReply(req, rep, code)
	}
	return code
}

// on makes the entry of a routine whose request carries no rights, or that does not block while it has them.
func on[T, R any](row *mig.Row, f func(c call, req *T, rep *R) mach.Return) routine {
	req, rep := codecs[T, R](row)
	return routine{row, func(s *mig.Server[call, ipc.Right, ipc.Memory]) { mig.On(s, req, rep, f) }}
}

// onBlocking makes the entry of a routine that may block while its request holds rights. They stay
// visible to the recount.
func onBlocking[T, R any](row *mig.Row, f func(c call, req *T, rep *R) mach.Return) routine {
	req, rep := codecs[T, R](row)
	return routine{row, func(s *mig.Server[call, ipc.Right, ipc.Memory]) {
		var idle []*arguments[T]
		mig.On(s, req, rep, func(c call, q *T, p *R) mach.Return {
			var a *arguments[T]
			if n := len(idle); n > 0 {
				a, idle = idle[n-1], idle[:n-1]
			} else {
				a = &arguments[T]{codec: req}
				a.Holder = a
			}
			a.form, a.request = c.host.form, q
			world := c.host.sim.world
			world.PushFrame(&a.Frame)
			code := f(c, q, p)
			world.PopFrame(&a.Frame)
			a.request = nil
			idle = append(idle, a)
			return code
		})
	}}
}

func codecs[T, R any](row *mig.Row) (*mig.Codec[T, ipc.Right, ipc.Memory], *mig.Codec[R, ipc.Right, ipc.Memory]) {
	return mig.For[T, ipc.Right, ipc.Memory](row, mig.Request), mig.For[R, ipc.Right, ipc.Memory](row, mig.Reply)
}

// arguments shows the rights in the request of a running routine to the recount.
type arguments[T any] struct {
	ipc.Frame
	codec   *mig.Codec[T, ipc.Right, ipc.Memory]
	form    mig.Form
	request *T
}

// VisitRights shows what the request still holds.
func (a *arguments[T]) VisitRights(visit func(r ipc.Right, owner string)) {
	a.codec.Ports(a.request, a.form, func(r *ipc.Right, _ mach.Disposition) {
		visit(*r, "arguments of "+a.codec.Row().Name)
	})
}

// void is the reply of a routine that answers with a code only.
type void = mig.Void

// drop releases a right of the kernel and leaves the cell null, to be filled again.
func drop(reap *sched.Reap, r *ipc.Right) {
	ipc.Release(reap, r)
	*r = ipc.Right{}
}

// kernelServers is who serves the rows that are the kernel's, beside the memory control port.
var kernelServers = []string{"task", "thread", "host", "host_priv"}

// unserved lists the rows that are the kernel's and that no routine serves.
func (s *server) unserved() []*mig.Row {
	var rows []*mig.Row
	for _, row := range s.rows.Rows() {
		if slices.Contains(kernelServers, row.Server()) && !s.Serves(row) {
			rows = append(rows, row)
		}
	}
	return rows
}
