package kernel

import (
	"machvm/kernel/mach"
	"machvm/kernel/trace"
	"machvm/kernel/user"
	"machvm/vm"
)

// Accesses to memory. They are the simulated processor's, not traps: another thread goes on at them only
// if they have to wait for a page, unless the simulation has LoadPoints.

// Load reads len(p) bytes of the task's memory. The error is a *user.Exception that no exception port
// handled.
func (t *Thread) Load(addr mach.Addr, p []byte) error {
	for {
		t.begin(trace.TrapLoad, addr, mach.Size(len(p)))
		if again, err := t.complete(trace.TrapLoad, t.task.vmap.Load(t.th, addr, p)); !again {
			t.knowBytes(p)
			return err
		}
	}
}

// Store writes p to the task's memory; the error is that of Load.
func (t *Thread) Store(addr mach.Addr, p []byte) error {
	for {
		t.begin(trace.TrapStore, addr, mach.Size(len(p)))
		if again, err := t.complete(trace.TrapStore, t.task.vmap.Store(t.th, addr, p)); !again {
			return err
		}
	}
}

// Load64 reads eight bytes, little endian; the error is that of Load.
func (t *Thread) Load64(addr mach.Addr) (uint64, error) {
	for {
		t.begin(trace.TrapLoad, addr, 8)
		v, x := t.task.vmap.Load64(t.th, addr)
		if again, err := t.complete(trace.TrapLoad, x); !again {
			t.know(x.Code, v, uint64(x.Address))
			return v, err
		}
	}
}

// Store64 writes eight bytes, little endian; the error is that of Load.
func (t *Thread) Store64(addr mach.Addr, v uint64) error {
	for {
		t.begin(trace.TrapStore, addr, 8)
		if again, err := t.complete(trace.TrapStore, t.task.vmap.Store64(t.th, addr, v)); !again {
			return err
		}
	}
}

// begin is enter for an access.
func (t *Thread) begin(n trace.TrapName, addr mach.Addr, size mach.Size) {
	if t.task.host.sim.config.LoadPoints {
		t.enter(&trace.Trap{Name: n, Addr: addr, Size: size})
		return
	}
	t.admit()
	t.touch(true)
	if t.th.Killed() {
		t.unwind()
	}
	t.th.ClearAbort()
}

// complete is leave for an access that ended with x. After an exception that was handled the access is to be done
// again.
func (t *Thread) complete(n trace.TrapName, x vm.Exception) (again bool, err error) {
	if !x.OK() {
		t.touch(false)
		if again = t.th.Killed() || t.raise(x); !again {
			t.exception = &user.Exception{Code: x.Code, Addr: x.Address}
			err = t.exception
		}
	}
	if t.task.host.sim.config.LoadPoints {
		t.leave(n, x.Code)
	} else {
		t.release()
		t.know(x.Code, uint64(x.Address))
		t.mode = inProgram
	}
	return again, err
}
