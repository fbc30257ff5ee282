package scenario

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// functions are the predeclared functions, each bound to one run.
var functions = map[string]func(p *play, th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error){
	"host":          (*play).newHost,
	"pager":         (*play).newPager,
	"file_pager":    (*play).newFilePager,
	"memory_pager":  (*play).newMemoryPager,
	"default_pager": (*play).newDefaultPager,
	"zoo_pager":     (*play).newZooPager,
	"netmem_pager":  (*play).newNetmem,
	"coherent":      (*play).newCoherent,
	"faulty":        (*play).newFaulty,
	"run":           (*play).runFunc,
	"kill":          (*play).kill,
	"abort":         (*play).abort,
	"schedule":      (*play).schedule,
	"event":         (*play).newFlag,
	"barrier":       (*play).newBarrier,
	"wait_until":    (*play).waitUntil,
	"note":          (*play).noteFunc,

	"message": func(_ *play, th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		return newPattern(th, args, kwargs)
	},
	"right":  newRight,
	"region": newRegion,
	"pages":  pages,

	"expect":           (*play).expect,
	"expect_equal":     (*play).expectEqual,
	"expect_code":      (*play).expectCode,
	"expect_messages":  (*play).expectMessages,
	"expect_rights":    (*play).expectRights,
	"expect_exception": (*play).expectException,
	"expect_violation": (*play).expectViolation,

	"mappings": (*play).mappings,
	"messages": (*play).messages,
	"received": (*play).received,
	"rights":   (*play).rights,
	"inspect":  (*play).inspect,
	"control":  (*play).control,

	"shadow_chain": (*play).shadowChain,
}

// predeclaredNames are the names a script may use without defining them.
var predeclaredNames starlark.StringDict

func init() {
	predeclaredNames = starlark.StringDict{}
	for name := range functions { // unordered: into a map
		predeclaredNames[name] = starlark.None
	}
	for name := range constants { // unordered: into a map
		predeclaredNames[name] = starlark.None
	}
}

// predeclared are the values behind those names in one run.
func (p *play) predeclared() starlark.StringDict {
	all := starlark.StringDict{}
	for name, v := range constants { // unordered: into a map
		all[name] = v
	}
	for name, f := range functions { // unordered: into a map
		all[name] = starlark.NewBuiltin(name, func(th *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			return f(p, th, args, kwargs)
		})
	}
	return all
}

// runFunc is run(stuck=[...]): lets every thread run until nothing can run any more. The threads named
// must be waiting then; any other thread that waits is a deadlock.
func (p *play) runFunc(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var list starlark.Value = starlark.Tuple{}
	if err := starlark.UnpackArgs("run", args, kwargs, "stuck?", &list); err != nil {
		return nil, err
	}
	if threadOf(th) != nil || p.checking {
		return nil, fmt.Errorf("run: only the top level of the script can run the machine")
	}
	stuck, ok := elements(list)
	if !ok {
		stuck = []starlark.Value{list}
	}
	var allowed []*thread
	for _, v := range stuck {
		t, ok := v.(*thread)
		if !ok {
			return nil, fmt.Errorf("run: stuck: got %s, want threads", v.Type())
		}
		allowed = append(allowed, t)
	}
	return starlark.None, p.run(allowed)
}

// schedule is schedule(at, run, kind="preempt", skip=0, times=1): a rule for the chooser. At the point named
// at, the thread named run goes on if it can.
func (p *play) schedule(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var r choice.Rule
	var who starlark.Value
	kind := choice.KindPreempt.String()
	r.Times = 1
	if err := starlark.UnpackArgs("schedule", args, kwargs, "at", &r.Name, "run", &who, "kind?", &kind, "skip?", &r.Skip, "times?", &r.Times); err != nil {
		return nil, err
	}
	k, err := choice.ParseKind(kind)
	if err != nil {
		return nil, err
	}
	r.Kind = k
	switch who := who.(type) {
	case *thread:
		r.Label = who.name
	case starlark.String:
		r.Label = string(who)
	default:
		return nil, fmt.Errorf("schedule: run: got %s, want a thread or its name", who.Type())
	}
	at, _ := here(th)
	return starlark.None, p.chooser.add(at, r)
}

func (p *play) newFlag(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	if err := starlark.UnpackArgs("event", args, kwargs, "name", &name); err != nil {
		return nil, err
	}
	return &flag{p: p, name: name}, nil
}

func (p *play) newBarrier(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var n int
	if err := starlark.UnpackArgs("barrier", args, kwargs, "threads", &n); err != nil {
		return nil, err
	}
	if n < 1 {
		return nil, fmt.Errorf("barrier: got %d, want at least one thread", n)
	}
	return &barrier{p: p, size: n}, nil
}

// noteFunc is note(text): a line in the transcript.
func (p *play) noteFunc(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var text string
	if err := starlark.UnpackArgs("note", args, kwargs, "text", &text); err != nil {
		return nil, err
	}
	p.note(trace.NoteInfo, strings.TrimSpace(text))
	return starlark.None, nil
}

// newRight is right(port, DISPOSITION): a port argument that is sent with that disposition.
func newRight(_ *play, _ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var port starlark.Value
	var disp int
	if err := starlark.UnpackArgs("right", args, kwargs, "port", &port, "disposition", &disp); err != nil {
		return nil, err
	}
	if disp < 0 || disp > 255 {
		return nil, fmt.Errorf("right: %d is no disposition", disp)
	}
	return rightArg{port, mach.Disposition(disp)}, nil
}

// pages is pages(data, size=PAGE): data padded with zeros to whole pages.
func pages(_ *play, _ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v starlark.Value
	page := size(mach.DefaultPageSize)
	if err := starlark.UnpackArgs("pages", args, kwargs, "data", &v, "size?", &page); err != nil {
		return nil, err
	}
	data, ok := bytesOf(v)
	if !ok || page == 0 || page > maxAccess {
		return nil, fmt.Errorf("pages: got %s, want bytes and a page size", v.Type())
	}
	whole := make([]byte, max(1, (size(len(data))+page-1)/page)*page)
	copy(whole, data)
	return starlark.Bytes(whole), nil
}
