package scenario

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"machvm/ipc"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// passed notes in the transcript that the expectation on the calling line held.
func (p *play) passed(th *starlark.Thread) {
	p.note(trace.NotePass, p.statementOf(th))
}

// statementOf is the statement that calls a builtin, in one line of the transcript.
func (p *play) statementOf(th *starlark.Thread) string {
	_, line := here(th)
	text := p.script.statement(line)
	if len(text) > lineLength {
		text = strings.ToValidUTF8(text[:lineLength], "") + " ..."
	}
	return text
}

// lineLength is how much of a statement a line of the transcript shows, in bytes.
const lineLength = 120

// failed is an expectation that did not hold. Further lines of text explain.
func (p *play) failed(th *starlark.Thread, text string) error {
	p.note(trace.NoteFail, p.statementOf(th))
	return &Failure{Kind: Expectation, Text: text}
}

// judge is the end of an expectation: why is empty if it held.
func (p *play) judge(th *starlark.Thread, why string) (starlark.Value, error) {
	if why != "" {
		return nil, p.failed(th, why)
	}
	p.passed(th)
	return starlark.None, nil
}

// expect is expect(cond, msg=).
func (p *play) expect(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var cond starlark.Value
	var msg string
	if err := starlark.UnpackArgs("expect", args, kwargs, "cond", &cond, "msg?", &msg); err != nil {
		return nil, err
	}
	if cond.Truth() {
		return p.judge(th, "")
	}
	if msg == "" {
		_, line := here(th)
		msg = p.script.statement(line)
	}
	return p.judge(th, msg)
}

// expectEqual is expect_equal(got, want, msg=): like expect(got == want), and shows both when they differ.
func (p *play) expectEqual(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var got, want starlark.Value
	var msg string
	if err := starlark.UnpackArgs("expect_equal", args, kwargs, "got", &got, "want", &want, "msg?", &msg); err != nil {
		return nil, err
	}
	same, err := starlark.Equal(got, want)
	if err != nil {
		return nil, err
	}
	if same {
		return p.judge(th, "")
	}
	why := fmt.Sprintf("got %s, want %s", got, want)
	if msg != "" {
		why = msg + ": " + why
	}
	return p.judge(th, why)
}

// expectCode is expect_code(got, CODE).
func (p *play) expectCode(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var got, want code
	if err := starlark.UnpackArgs("expect_code", args, kwargs, "got", &got, "want", &want); err != nil {
		return nil, err
	}
	if got == want || got.Base() == want.Return {
		return p.judge(th, "")
	}
	return p.judge(th, fmt.Sprintf("got %s, want %s", got, want))
}

// expectMessages is expect_messages(port, [...], host=): the messages that were sent to a port, all of
// them, in the order in which they were queued.
func (p *play) expectMessages(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	have, v, err := p.sentTo("expect_messages", args, kwargs)
	if err != nil {
		return nil, err
	}
	want, err := patterns(v)
	if err != nil {
		return nil, fmt.Errorf("expect_messages: %w", err)
	}
	why, err := compare(th, want, have)
	if err != nil {
		return nil, fmt.Errorf("expect_messages: %w", err)
	}
	return p.judge(th, why)
}

// sentTo unpacks (port, x, host=) into the messages of a port and x.
func (p *play) sentTo(what string, args starlark.Tuple, kwargs []starlark.Tuple) ([]*sentMessage, starlark.Value, error) {
	hv := take(&kwargs, "host")
	var port, list starlark.Value
	if err := starlark.UnpackArgs(what, args, kwargs, "port", &port, "messages?", &list); err != nil {
		return nil, nil, err
	}
	h, err := p.unpackHost(hv)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: host: %w", what, err)
	}
	ref, ok := port.(porter)
	if !ok {
		return nil, nil, fmt.Errorf("%s: got %s, want a port", what, port.Type())
	}
	return p.journal.messages(ref.portID(), h), list, nil
}

// messages is messages(port, host=): what was sent to a port so far.
func (p *play) messages(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	have, _, err := p.sentTo("messages", args, kwargs)
	if err != nil {
		return nil, err
	}
	var list []starlark.Value
	for _, m := range have {
		r := newRecord("message", "name", m.name, "from_kernel", m.kernel)
		for _, n := range m.names {
			r.set(n, m.fields[n])
		}
		list = append(list, r)
	}
	return starlark.NewList(list), nil
}

// received is received(object): what its manager has received so far. Each message has, beside its arguments
// with the names they got, held: what the manager held under the name of the control port when it came.
func (p *play) received(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v *port
	if err := starlark.UnpackArgs("received", args, kwargs, "object", &v); err != nil {
		return nil, err
	}
	return starlark.NewList(append([]starlark.Value(nil), p.journal.received[v.id]...)), nil
}

// holding is what a task has of a port, or under a name.
type holding struct {
	receive, dead, set bool
	send, sendOnce     int // user references; names
	deadRefs           int
	text               string
}

// holdingOf looks up what a task has of what a script calls a port.
func (p *play) holdingOf(t *task, what starlark.Value) (holding, error) {
	var h holding
	var parts []string
	match := func(ipc.EntryInfo) bool { return false }
	switch what := what.(type) {
	case starlark.Int:
		n, _ := what.Uint64()
		match = func(e ipc.EntryInfo) bool { return e.Name == mach.Name(n) }
	case porter:
		match = func(e ipc.EntryInfo) bool { return e.Port != nil && e.Port.ID() == what.portID() }
	default:
		return h, fmt.Errorf("got %s, want a port or a name", what.Type())
	}
	for e := range t.k.Space().Entries() {
		if !match(e) {
			continue
		}
		parts = append(parts, e.String())
		h.receive = h.receive || e.Type&mach.TypeReceive != 0
		h.set = h.set || e.Type&mach.TypePortSet != 0
		if e.Type&mach.TypeSend != 0 {
			h.send += e.Urefs
		}
		if e.Type&mach.TypeSendOnce != 0 {
			h.sendOnce++
		}
		if e.Type&mach.TypeDeadName != 0 {
			h.dead, h.deadRefs = true, h.deadRefs+e.Urefs
		}
	}
	h.text = strings.Join(parts, "; ")
	if h.text == "" {
		h.text = "nothing"
	}
	return h, nil
}

// rights is rights(task, port): what the task has of it.
func (p *play) rights(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var t taskArg
	var what starlark.Value
	if err := starlark.UnpackArgs("rights", args, kwargs, "task", &t, "port", &what); err != nil {
		return nil, err
	}
	h, err := p.holdingOf(t.task, what)
	if err != nil {
		return nil, fmt.Errorf("rights: %w", err)
	}
	return h.record(), nil
}

func (h *holding) record() *record {
	return newRecord("rights", "receive", h.receive, "send", h.send, "send_once", h.sendOnce, "dead", h.deadRefs, "port_set", h.set)
}

// expectRights is expect_rights(task, port, receive=False, send=0, send_once=0, dead=0): exactly that is
// what the task has of the port; send and dead count user references.
func (p *play) expectRights(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var t taskArg
	var what starlark.Value
	var receive bool
	var send, once, dead int
	if err := starlark.UnpackArgs("expect_rights", args, kwargs, "task", &t, "port", &what,
		"receive?", &receive, "send?", &send, "send_once?", &once, "dead?", &dead); err != nil {
		return nil, err
	}
	h, err := p.holdingOf(t.task, what)
	if err != nil {
		return nil, fmt.Errorf("expect_rights: %w", err)
	}
	if h.receive == receive && h.send == send && h.sendOnce == once && h.deadRefs == dead {
		return p.judge(th, "")
	}
	return p.judge(th, fmt.Sprintf("task %s has %s of %s", t.task, h.text, what))
}

// expectException is expect_exception(thread, CODE, address=): the thread has had a memory exception with
// that code, and at that address if one is given.
func (p *play) expectException(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var t *thread
	var want code
	var addr starlark.Value = starlark.None
	if err := starlark.UnpackArgs("expect_exception", args, kwargs, "thread", &t, "code", &want, "address?", &addr); err != nil {
		return nil, err
	}
	var seen []string
	for i := range p.journal.exceptions {
		r := &p.journal.exceptions[i]
		e, ok := trace.As[trace.Exception](r)
		if !ok || t.k == nil || r.Thread != t.k.Sched().ID() {
			continue
		}
		n, isNumber := number(addr)
		if e.Code == want.Return && (addr == starlark.None || isNumber && n == uint64(e.Addr)) {
			return p.judge(th, "")
		}
		seen = append(seen, r.Describe(p.names))
	}
	if len(seen) == 0 {
		return p.judge(th, fmt.Sprintf("thread %s has had no exception", t))
	}
	return p.judge(th, fmt.Sprintf("thread %s has had other exceptions:\n  %s", t, strings.Join(seen, "\n  ")))
}
