package scenario

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// message is a message that a thread has received, or that came back because it could not be sent: its
// arguments are its attributes, rights have the names under which they arrived.
type message struct {
	handle
	t      *thread
	name   string
	fields starlark.StringDict
	rights *record
	held   *record // what the manager held of the control port when the message came
	order  []string
	raw    mach.UserMessage
	back   bool // it came back
}

// received makes a message of what a receive gave.
func (t *thread) received(raw *mach.UserMessage) *message {
	form := t.task.host.k.Form()
	reg := defs.Registry(form.Set)
	m := &message{t: t, raw: *raw, fields: starlark.StringDict{}, rights: newRecord("rights")}
	m.raw = *m.copy()
	row, dir := reg.Request(raw.ID), mig.Request
	if row == nil {
		row, dir = reg.Reply(raw.ID), mig.Reply
	}
	if m.name = reg.MessageName(raw.ID); row == nil {
		return m
	}
	fields, rights, ret := decode(row, dir, form, &m.raw)
	if ret != mach.KernSuccess {
		return m
	}
	m.fields = fields
	for _, a := range row.Args(dir) {
		if _, ok := fields[a.Name]; ok {
			m.order = append(m.order, a.Name)
		}
		if kind, ok := rights[a.Name]; ok {
			m.rights.set(a.Name, kind)
		}
	}
	return m
}

// copy is the message in memory of its own.
func (m *message) copy() *mach.UserMessage {
	raw := m.raw
	raw.Descs = append([]mach.Desc[mach.Name, mach.Region](nil), raw.Descs...)
	raw.Body = append([]byte(nil), raw.Body...)
	return &raw
}

func (*message) Type() string { return "message" }

func (m *message) String() string {
	var parts []string
	for _, n := range m.order {
		parts = append(parts, n+" = "+m.fields[n].String())
	}
	name := m.name
	if name == "" {
		name = fmt.Sprintf("message %d", m.raw.ID)
	}
	return name + "(" + strings.Join(parts, ", ") + ")"
}

// Attr is an argument, or one of the parts every message has.
func (m *message) Attr(name string) (starlark.Value, error) {
	if v, ok := m.fields[name]; ok && name != "name" {
		return v, nil
	}
	switch name {
	case "name":
		return starlark.String(m.name), nil
	case "id":
		return starlark.MakeInt(int(m.raw.ID)), nil
	case "seqno":
		return starlark.MakeUint64(uint64(m.raw.Trailer.Seqno)), nil
	case "rights":
		return m.rights, nil
	case "held":
		if m.held == nil {
			return starlark.None, nil
		}
		return m.held, nil
	case "reply_port":
		if m.back {
			return nameValue(m.raw.Local), nil
		}
		return nameValue(m.raw.Remote), nil
	case "local_port":
		return nameValue(m.raw.Local), nil
	case "destination":
		if !m.back {
			return nil, nil
		}
		return nameValue(m.raw.Remote), nil
	case "ports", "kinds":
		var list []starlark.Value
		for _, d := range m.raw.Descs {
			if d.Kind != mach.DescPort {
				continue
			}
			v := nameValue(d.Port)
			if name == "kinds" {
				v = rightKind(d.Disp)
			}
			list = append(list, v)
		}
		return starlark.NewList(list), nil
	case "memory":
		var list []starlark.Value
		for _, d := range m.raw.Descs {
			if d.Kind != mach.DescPort {
				list = append(list, region{Region: d.Memory})
			}
		}
		return starlark.NewList(list), nil
	case "body":
		return starlark.Bytes(m.raw.Body), nil
	case "args":
		r := newRecord(m.name)
		for _, n := range m.order {
			r.set(n, m.fields[n])
		}
		return r, nil
	}
	return nil, nil
}

// AttrNames lists the attributes.
func (m *message) AttrNames() []string {
	return append([]string{"args", "body", "destination", "id", "kinds", "local_port", "memory", "name", "ports", "reply_port", "rights", "seqno"}, m.order...)
}

// machMsgSend is t.mach_msg_send(message(...), to=, timeout=, reply_port=, give_back=): sends a message that the
// row of its name describes, to the port its first argument names. With give_back = True the value is the
// message if it came back after a timeout or an abort, None if it was sent; that message can be sent again as it is.
func (t *thread) machMsgSend(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	expect, err := takeExpected(&kwargs)
	if err != nil {
		return nil, err
	}
	wait, err := takeTimeout(&kwargs)
	if err != nil {
		return nil, err
	}
	var v starlark.Value
	var to, reply starlark.Value = starlark.None, starlark.None
	var giveBack bool
	if err := starlark.UnpackArgs("mach_msg_send", args, kwargs, "message", &v, "to?", &to, "reply_port?", &reply, "give_back?", &giveBack); err != nil {
		return nil, err
	}
	var m mach.UserMessage
	what := "a message that came back"
	if again, ok := v.(*message); ok {
		if !again.back {
			return nil, fmt.Errorf("mach_msg_send: %s was received: only a message that came back can be sent again", again)
		}
		m = *again.copy()
	} else {
		p, err := patternOf(v)
		if err != nil {
			return nil, err
		}
		what = p.name
		if err := t.compose(p, to, &m); err != nil {
			return nil, err
		}
		if reply != starlark.None {
			disp := mach.MakeSendOnce
			if r, ok := reply.(rightArg); ok {
				reply, disp = r.port, r.disp
			}
			if m.Local, err = t.portName(reply); err != nil {
				return nil, err
			}
			m.LocalDisp = disp
		}
	}
	if !giveBack {
		ret := t.send(&m, wait)
		return expect.value(ret, starlark.None), expect.check("mach_msg_send of "+what, ret)
	}
	ret := t.sendOnce(&m, wait)
	if !cameBack(ret) {
		return starlark.None, expect.check("mach_msg_send of "+what, ret)
	}
	back := t.received(&m)
	back.back = true
	if !expect.asked {
		return back, nil
	}
	return back, expect.check("mach_msg_send of "+what, ret)
}

// compose makes m the message p describes. A message without a row has a number for its name and may carry
// data, ports and memory: message("4711", data = b"...", ports = [right(a, MAKE_SEND)], memory = [b"..."]).
func (t *thread) compose(p *pattern, to starlark.Value, m *mach.UserMessage) error {
	form := t.task.host.k.Form()
	for _, row := range defs.Registry(form.Set).Rows() {
		if row.Name == p.name {
			fields := starlark.StringDict{}
			for _, a := range row.Args(mig.Request) {
				switch v, ok := p.fields[a.Name]; {
				case ok:
					fields[a.Name] = v
				case a.Kind == mig.ArgDest && to != starlark.None:
					fields[a.Name] = to
				case a.Kind == mig.ArgPort:
					fields[a.Name] = starlark.None
				}
			}
			return encode(t, row, mig.Request, form, fields, m)
		}
	}
	var id int
	if _, err := fmt.Sscanf(p.name, "%d", &id); err != nil {
		return fmt.Errorf("no message is called %q", p.name)
	}
	if to == starlark.None {
		return fmt.Errorf("message %d has no row that says where it goes: give to = port", id)
	}
	m.Reset()
	m.ID = mach.MsgID(id)
	dest := mig.Arg{Name: "to", Kind: mig.ArgDest}
	dest.Disposition[form.Set] = mach.CopySend
	if err := encodeArg(t, dest, form, to, m); err != nil {
		return err
	}
	for _, n := range p.names {
		switch n {
		case "data":
			data, ok := bytesOf(p.fields[n])
			if !ok {
				return fmt.Errorf("message %d: data: got %s, want bytes", id, p.fields[n].Type())
			}
			m.Body = append(m.Body, data...)
			for len(m.Body)%4 != 0 {
				m.Body = append(m.Body, 0)
			}
		case "ports", "memory":
			list, ok := elements(p.fields[n])
			if !ok {
				return fmt.Errorf("message %d: %s: got %s, want a list", id, n, p.fields[n].Type())
			}
			a := mig.Arg{Name: n, Kind: mig.ArgPort}
			a.Disposition[form.Set] = mach.CopySend
			if n == "memory" {
				a = mig.Arg{Name: n, Kind: mig.ArgMemory}
			}
			for _, v := range list {
				if err := encodeArg(t, a, form, v, m); err != nil {
					return err
				}
			}
		default:
			return fmt.Errorf("message %d has data, ports and memory, no %s", id, n)
		}
	}
	m.Complex = len(m.Descs) > 0
	return nil
}

// machMsgReceive is t.mach_msg_receive(port, timeout=): the next message, or None if the timeout comes first.
func (t *thread) machMsgReceive(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	expect, err := takeExpected(&kwargs)
	if err != nil {
		return nil, err
	}
	wait, err := takeTimeout(&kwargs)
	if err != nil {
		return nil, err
	}
	var v starlark.Value
	if err := starlark.UnpackArgs("mach_msg_receive", args, kwargs, "port", &v); err != nil {
		return nil, err
	}
	name, err := t.portName(v)
	if err != nil {
		return nil, err
	}
	var m mach.UserMessage
	ret := t.receive(&m, name, wait)
	if ret == mach.RcvTimedOut && !expect.asked {
		return starlark.None, nil
	}
	if ret != mach.KernSuccess {
		return expect.value(ret, starlark.None), expect.check("mach_msg_receive", ret)
	}
	return t.received(&m), expect.check("mach_msg_receive", ret)
}

// machMsgDestroy is t.mach_msg_destroy(m): gives up every right and all memory that came with m.
func (t *thread) machMsgDestroy(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v starlark.Value
	if err := starlark.UnpackArgs("mach_msg_destroy", args, kwargs, "message", &v); err != nil {
		return nil, err
	}
	m, ok := v.(*message)
	if !ok {
		return nil, fmt.Errorf("mach_msg_destroy: got %s, want a received message", v.Type())
	}
	user.Destroy(t.u, &m.raw)
	return starlark.None, nil
}

// reply is t.reply(m, code, **answer): answers a routine that another task, or another thread, has called.
func (t *thread) reply(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v starlark.Value
	ret := code{mach.KernSuccess}
	if err := starlark.UnpackPositionalArgs("reply", args, nil, 1, &v, &ret); err != nil {
		return nil, err
	}
	m, ok := v.(*message)
	if !ok {
		return nil, fmt.Errorf("reply: got %s, want a received message", v.Type())
	}
	form := t.task.host.k.Form()
	row := defs.Registry(form.Set).Request(m.raw.ID)
	if row == nil || row.Kind != mig.Routine {
		return nil, fmt.Errorf("reply: %s expects no reply", m)
	}
	var out mach.UserMessage
	if ret.Return != mach.KernSuccess {
		mig.PutReturn(&out, m.raw.ID, ret.Return)
	} else {
		fields := starlark.StringDict{}
		for _, kv := range kwargs {
			fields[string(kv[0].(starlark.String))] = kv[1]
		}
		if err := encode(t, row, mig.Reply, form, fields, &out); err != nil {
			return nil, err
		}
	}
	out.Remote, out.RemoteDisp = m.raw.Remote, m.raw.RemoteDisp
	sent := t.send(&out, nil)
	return starlark.None, expected{codes: []mach.Return{mach.KernSuccess}}.check("reply", sent)
}
