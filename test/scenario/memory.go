package scenario

import (
	"errors"
	"fmt"
	"math"

	"go.starlark.net/starlark"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// threadMethods are the methods of a thread that are no messages: loads and stores, the message trap, and
// waiting for a point of the kernel.
var threadMethods methods[*thread]

func init() {
	threadMethods = methods[*thread]{
		"read": (*thread).read, "write": (*thread).write, "touch": (*thread).touch,
		"mach_msg_send": (*thread).machMsgSend, "mach_msg_receive": (*thread).machMsgReceive,
		"mach_msg_destroy": (*thread).machMsgDestroy, "reply": (*thread).reply,
		"mach_task_self": (*thread).taskSelf, "mach_thread_self": (*thread).threadSelf, "mach_host_self": (*thread).hostSelf,
		"at": (*thread).atPoint, "yield_": (*thread).yield, "sleep": (*thread).sleep,
	}
}

// read is t.read(address, size): the bytes there, loaded as the program would.
func (t *thread) read(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	expect, err := takeExpected(&kwargs)
	if err != nil {
		return nil, err
	}
	var addr, n size
	if err := starlark.UnpackArgs("read", args, kwargs, "address", &addr, "size", &n); err != nil {
		return nil, err
	}
	if n > maxAccess {
		return nil, fmt.Errorf("read: more than %d bytes at once", maxAccess)
	}
	data := make([]byte, n)
	ret, what := t.access(fmt.Sprintf("read at %#x", uint64(addr)), t.u.Load(mach.Addr(addr), data))
	return expect.value(ret, starlark.Bytes(data)), expect.check(what, ret)
}

// maxAccess bounds one load or store of a script.
const maxAccess = 1 << 26

// write is t.write(address, data).
func (t *thread) write(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	expect, err := takeExpected(&kwargs)
	if err != nil {
		return nil, err
	}
	var addr size
	var v starlark.Value
	if err := starlark.UnpackArgs("write", args, kwargs, "address", &addr, "data", &v); err != nil {
		return nil, err
	}
	data, ok := bytesOf(v)
	if !ok {
		return nil, fmt.Errorf("write: data: got %s, want bytes", v.Type())
	}
	ret, what := t.access(fmt.Sprintf("write at %#x", uint64(addr)), t.u.Store(mach.Addr(addr), data))
	return expect.value(ret, starlark.None), expect.check(what, ret)
}

// touch is t.touch(address): a read of one byte.
func (t *thread) touch(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return t.read(th, append(args[:len(args):len(args)], starlark.MakeInt(1)), kwargs)
}

// access is the code of a load or store, and how to call it in a message: an exception tells where.
func (t *thread) access(what string, err error) (mach.Return, string) {
	var exc *user.Exception
	if errors.As(err, &exc) {
		return mach.Code(err), what + ": " + exc.Error()
	}
	return mach.Code(err), what
}

func (t *thread) taskSelf(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return nameValue(t.u.TaskSelf()), starlark.UnpackArgs("mach_task_self", args, kwargs)
}

func (t *thread) threadSelf(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return nameValue(t.u.ThreadSelf()), starlark.UnpackArgs("mach_thread_self", args, kwargs)
}

func (t *thread) hostSelf(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return nameValue(t.u.HostSelf()), starlark.UnpackArgs("mach_host_self", args, kwargs)
}

// yield is t.yield_(): the other threads first.
func (t *thread) yield(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs("yield_", args, kwargs); err != nil {
		return nil, err
	}
	t.u.Yield()
	return starlark.None, nil
}

// sleep is t.sleep(milliseconds) of virtual time.
func (t *thread) sleep(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var ms size
	if err := starlark.UnpackArgs("sleep", args, kwargs, "milliseconds", &ms); err != nil {
		return nil, err
	}
	if ms > math.MaxUint32 {
		return nil, fmt.Errorf("sleep: more than %d milliseconds", math.MaxUint32)
	}
	t.u.Sleep(mach.Timeout(ms))
	return starlark.None, nil
}
