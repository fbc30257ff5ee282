package scenario

import (
	"fmt"

	"go.starlark.net/starlark"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// expected is what a call may return: one code, several, or anything.
type expected struct {
	codes []mach.Return
	any   bool
	asked bool // the script said so: the call's value is its code
}

// takeExpected removes expect = CODE from the arguments of a call; without it the call must succeed.
func takeExpected(kwargs *[]starlark.Tuple) (expected, error) {
	v := take(kwargs, "expect")
	if v == nil {
		return expected{codes: []mach.Return{mach.KernSuccess}}, nil
	}
	e := expected{asked: true}
	list, many := elements(v)
	if !many {
		list = []starlark.Value{v}
	}
	for _, v := range list {
		switch v := v.(type) {
		case anything:
			e.any = true
		case code:
			e.codes = append(e.codes, v.Return)
		default:
			return e, fmt.Errorf("expect: got %s, want a return code such as KERN_NO_SPACE", v.Type())
		}
	}
	return e, nil
}

// check holds a result against what was expected.
func (e expected) check(what string, ret mach.Return) error {
	if e.any {
		return nil
	}
	for _, c := range e.codes {
		if c == ret || c == ret.Base() {
			return nil
		}
	}
	if len(e.codes) == 1 {
		return failf(KernelError, "%s returned %v, not %v", what, ret, e.codes[0])
	}
	return failf(KernelError, "%s returned %v, none of %v", what, ret, e.codes)
}

// value is what the script gets: the code if it asked for one, else what the call answered.
func (e expected) value(ret mach.Return, answer starlark.Value) starlark.Value {
	if e.asked {
		return code{ret}
	}
	return answer
}

// call makes one of Mach's calls: sends the request of row and, for a routine, waits for the reply.
func (t *thread) call(row *mig.Row, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	expect, err := takeExpected(&kwargs)
	if err != nil {
		return nil, err
	}
	wait, err := takeTimeout(&kwargs)
	if err != nil {
		return nil, err
	}
	fields, err := bind(row, args, kwargs, t.self)
	if err != nil {
		return nil, err
	}
	attributeWords(row, fields)
	var m mach.UserMessage
	form := t.task.host.k.Form()
	if err := encode(t, row, mig.Request, form, fields, &m); err != nil {
		return nil, err
	}
	if row.Kind == mig.Simple {
		ret := t.send(&m, wait)
		return expect.value(ret, starlark.None), expect.check(row.Name, ret)
	}
	ret := t.rpc(&m, wait)
	answer := starlark.Value(starlark.None)
	if ret == mach.KernSuccess {
		if m.ID != row.ReplyID(form.Set) {
			ret = mach.MigReplyMismatch
		} else {
			var out starlark.StringDict
			if out, _, ret = decode(row, mig.Reply, form, &m); ret == mach.KernSuccess {
				if answer, err = t.answer(row, out); err != nil {
					return nil, err
				}
			}
		}
	}
	return expect.value(ret, answer), expect.check(row.Name, ret)
}

// takeTimeout removes timeout = milliseconds; without it a send waits for room in the queue as long as it takes.
func takeTimeout(kwargs *[]starlark.Tuple) (*mach.Timeout, error) {
	v := take(kwargs, "timeout")
	if v == nil || v == starlark.None {
		return nil, nil
	}
	n, ok := number(v)
	if !ok || n > 1<<31 {
		return nil, fmt.Errorf("timeout: got %s, want milliseconds", v)
	}
	d := mach.Timeout(n)
	return &d, nil
}

// self is the port a call is sent to when the script does not say: the caller's task, thread or host.
func (t *thread) self(server string) starlark.Value {
	switch server {
	case "task":
		return nameValue(user.Self(t.u))
	case "thread":
		return nameValue(t.u.ThreadSelf())
	case "host":
		return nameValue(t.u.HostSelf())
	case "host_priv":
		if name, ok := t.task.hostPriv(); ok {
			return nameValue(name)
		}
	}
	return nil
}

// attributeWords makes the attributes of memory_object_change_attributes from the named ones, where the
// script gives no words itself.
func attributeWords(row *mig.Row, fields starlark.StringDict) {
	if row != defs.MemoryObjectChangeAttributesRow {
		return
	}
	if _, given := fields["attributes"]; given {
		return
	}
	a := defs.ObjectAttributes{
		CopyStrategy: mach.CopyStrategy(small(fields["copy_strategy"])), ClusterSize: int32(small(fields["cluster_size"])),
		MayCache: truth(fields["may_cache"]), Temporary: truth(fields["temporary"]),
		Invalidate: truth(fields["invalidate"]), Ready: true,
	}
	var list []starlark.Value
	for _, w := range a.Words(mach.Flavor(small(fields["flavor"]))) {
		list = append(list, starlark.MakeInt(int(w)))
	}
	fields["attributes"] = starlark.NewList(list)
}

func small(v starlark.Value) int64 {
	if i, ok := v.(starlark.Int); ok {
		n, _ := i.Int64()
		return n
	}
	return 0
}

func truth(v starlark.Value) bool { return v != nil && bool(v.Truth()) }

// answer is what the script gets from a reply: nothing, its one argument, or all of them. Calls that answer
// in words or arrays get them spelled out.
func (t *thread) answer(row *mig.Row, out starlark.StringDict) (starlark.Value, error) {
	switch row {
	case defs.TaskCreateRow, defs.TaskCreateCMURow:
		return t.child(out["child_task"])
	case defs.VMRegionRow:
		if info, ok := defs.ParseRegionInfo(int32s(out["info"])); ok {
			return newRecord("region_info", "address", out["address"], "size", out["size"],
				"protection", int64(info.Protection), "max_protection", int64(info.MaxProtection),
				"inheritance", int64(info.Inheritance), "shared", info.Shared, "offset", uint64(info.Offset),
				"behavior", int64(info.Behavior), "user_wired_count", info.UserWiredCount), nil
		}
	case defs.MachPortGetSetStatusRow:
		return t.names(out["members"])
	case defs.MachPortNamesRow:
		names, err := t.names(out["names"])
		if err != nil {
			return nil, err
		}
		types, err := t.names(out["types"])
		return newRecord("names", "names", names, "types", types), err
	case defs.MachPortGetAttributesRow:
		if w := int32s(out["port_info_out"]); len(w) == mach.ReceiveStatusWords {
			r := newRecord("port_status")
			for i, name := range receiveStatus {
				r.set(name, starlark.MakeUint64(uint64(uint32(w[i]))))
			}
			return r, nil
		}
	}
	args := row.Args(mig.Reply)
	switch len(args) {
	case 0:
		return starlark.None, nil
	case 1:
		return out[args[0].Name], nil
	}
	r := newRecord(row.Name)
	for _, a := range args {
		if v, ok := out[a.Name]; ok {
			r.set(a.Name, v)
		}
	}
	return r, nil
}

// receiveStatus are the words of MACH_PORT_RECEIVE_STATUS.
var receiveStatus = []string{"pset", "seqno", "mscount", "qlimit", "msgcount", "sorights", "srights", "pdrequest", "nsrequest", "flags"}

func int32s(v starlark.Value) []int32 {
	list, _ := elements(v)
	words := make([]int32, len(list))
	for i := range list {
		words[i] = int32(small(list[i]))
	}
	return words
}

// names reads an out-of-line array of words and gives the memory back.
func (t *thread) names(v starlark.Value) (starlark.Value, error) {
	r, _ := v.(region)
	data := make([]byte, r.Size)
	if len(data) > 0 {
		if err := t.u.Load(r.Address, data); err != nil {
			return nil, err
		}
		user.Deallocate(t.u, r.Region)
	}
	var list []starlark.Value
	for i := 0; i+4 <= len(data); i += 4 {
		list = append(list, nameValue(mach.Name(mach.Words.Uint32(data[i:]))))
	}
	return starlark.NewList(list), nil
}

// child is the task that task_create made, as a value the script can start threads in.
func (t *thread) child(v starlark.Value) (starlark.Value, error) {
	n, _ := number(v)
	info, ok := t.task.k.Space().Lookup(mach.Name(n))
	if ok && info.Port != nil {
		for _, k := range t.task.host.k.Tasks() {
			if k.Port() == info.Port {
				return &task{p: t.p, host: t.task.host, k: k}, nil
			}
		}
	}
	return nil, failf(Invariant, "task_create answered %s, which is no task", v)
}

// portName is for encoding: a script's port as the thread's task names it.
func (t *thread) portName(v starlark.Value) (mach.Name, error) { return t.task.nameOf(v) }
