package explore

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/explore"
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers"
)

// library is a memory pager of the library with one object, and service threads and a discipline as told.
type library struct {
	*explore.Subject
	host   *kernel.Host
	task   *kernel.Task
	pager  *pagers.MemoryPager
	object mach.Name
}

func newLibrary(s *explore.Subject, options ...pagers.Option) (*library, error) {
	l := &library{Subject: s}
	var err error
	if l.host, err = s.Sim.Boot(kernel.HostConfig{Name: "k0", WithoutPageout: true}); err != nil {
		return nil, err
	}
	l.task = l.host.NewTask("pager")
	l.task.Spawn("service", func(t user.Thread) {
		var ret mach.Return
		if l.pager, ret = pagers.NewMemory(t, options...); ret == mach.KernSuccess {
			l.object, ret = l.pager.Add(t, pagers.MemoryOptions{Attributes: pagers.Attributes{CopyStrategy: mach.CopyDelay}})
		}
		if ret != mach.KernSuccess {
			panic(ret)
		}
		l.pager.Server().Run(t)
	}).SetDaemon(true)
	return l, s.Settle()
}

// client starts a task that has a send right for the object.
func (l *library) client(name string, body func(t user.Thread, object mach.Name)) error {
	task := l.host.NewTask(name)
	object, err := task.GiveSend(l.task, l.object)
	if err == nil {
		task.Spawn("main", func(t user.Thread) { body(t, object) })
	}
	return err
}

// twice is a client that changes a page, unmaps it, which gives it back, and reads it again. A request and the
// page that was returned ahead of it are then in the hands of two threads.
func twice(options ...pagers.Option) explore.Run {
	return explore.Simulation(kernel.Config{}, func(s *explore.Subject) error {
		l, err := newLibrary(s, options...)
		if err != nil {
			return err
		}
		var read uint64
		s.Finally("the reader sees what was written", func() error { return equal(read, 99) })
		s.Finally("the pager knows no use and ignored nothing", func() error {
			return equal([]int{l.pager.Stats().Uses, l.pager.Stats().Ignored}, []int{0, 0})
		})
		return l.client("a", func(t user.Thread, object mach.Name) {
			mapped(t, object, 1, func(addr mach.Addr) {
				if err := t.Store64(addr, 99); err != nil {
					panic(err)
				}
			})
			mapped(t, object, 1, func(addr mach.Addr) { read = load(t, addr) })
		})
	})
}

// evicted is a client that changes a page and reads it again, while the kernel throws it out. The request follows upon the
// page, without a terminate or an init between them.
func evicted(options ...pagers.Option) explore.Run {
	return explore.Simulation(kernel.Config{}, func(s *explore.Subject) error {
		l, err := newLibrary(s, options...)
		if err != nil {
			return err
		}
		var read []uint64
		want := []uint64{1, 2}
		s.Finally("the reader sees what was written", func() error { return equal(read, want) })
		s.Sometimes("the page was out", func() bool { return l.pager.Stats().Supplied > 0 })
		return l.client("a", func(t user.Thread, object mach.Name) {
			mapped(t, object, 1, func(addr mach.Addr) {
				for _, v := range want {
					if err := t.Store64(addr, v); err != nil {
						panic(err)
					}
					l.host.Evict(1)
					t.Yield()
					read = append(read, load(t, addr))
				}
			})
		})
	})
}

// TestSequenceNumbers: a manager of two threads that ignores the numbers of its messages serves stale pages under some
// schedules, though not under the first; with either discipline it does under none within the bound.
func TestSequenceNumbers(t *testing.T) {
	within := func(n int) explore.Config {
		return explore.Config{Strategy: explore.NewDFS(explore.Preemptions(n)), Workers: 2}
	}
	wrong := twice(pagers.Threads(2), pagers.Unordered)
	require.Nil(t, wrong(choice.First{}).Failure, "classroom Mach does not show it")
	r := explore.Explore(within(1), wrong)
	require.Equal(t, explore.Failed, r.Verdict)
	f := r.Failures[0]
	require.Equal(t, "property: the reader sees what was written", f.Failure.Error())
	require.Equal(t, uint64(91), f.Execution)

	for _, c := range []struct {
		threads    pagers.Threads
		discipline pagers.Discipline
		summary    string
		evicted    string
	}{
		{1, pagers.Unordered, "no failure (76 executions: all schedules with at most 2 preemptions)", "no failure (720 executions: all schedules with at most 1 preemptions)"},
		{2, pagers.FullSerialisation, "no failure (1559 executions: all schedules with at most 2 preemptions)", "no failure (4513 executions: all schedules with at most 1 preemptions)"},
		{2, pagers.Queued, "no failure (1295 executions: all schedules with at most 2 preemptions)", "no failure (3790 executions: all schedules with at most 1 preemptions)"},
		{2, pagers.OrderedStart, "no failure (1553 executions: all schedules with at most 2 preemptions)", "no failure (4759 executions: all schedules with at most 1 preemptions)"},
	} {
		r := explore.Explore(within(2), twice(c.threads, c.discipline))
		require.Equal(t, c.summary, r.Summary(), "%v\n%v", c.discipline, r)
		r = explore.Explore(within(1), evicted(c.threads, c.discipline))
		require.Equal(t, c.evicted, r.Summary(), "%v\n%v", c.discipline, r)
		require.True(t, r.Sometimes[0].Held)
	}
	r = explore.Explore(within(1), evicted(pagers.Threads(2), pagers.Unordered))
	require.Equal(t, "failed: property: the reader sees what was written", r.Summary(), r)
}

// diary is a manager that notes the numbers and names of its messages.
type diary struct {
	pagers.Base
	entries *[]string
}

func (d diary) note(c *pagers.Call, what string) {
	*d.entries = append(*d.entries, fmt.Sprint(c.Seqno, " ", what))
}

func (d diary) Init(c *pagers.Call, m *pagers.Init) mach.Return {
	d.note(c, "init")
	return d.Base.Init(c, m)
}

func (d diary) DataRequest(c *pagers.Call, m *pagers.DataRequest) mach.Return {
	d.note(c, "request")
	return d.Base.DataRequest(c, m)
}

func (d diary) Terminate(c *pagers.Call, m *pagers.Terminate) mach.Return {
	d.note(c, "terminate")
	return d.Base.Terminate(c, m)
}

// moving is an object whose port moves from one manager to another while a client uses it. The first stops when
// it has served what it has taken, and tells the second with which number to go on.
func moving(discipline pagers.Discipline) explore.Run {
	return explore.Simulation(kernel.Config{}, func(s *explore.Subject) error {
		host, err := s.Sim.Boot(kernel.HostConfig{Name: "k0", WithoutPageout: true})
		if err != nil {
			return err
		}
		var entries []string
		var old, next *pagers.Server
		var object mach.Name
		from, to := host.NewTask("from"), host.NewTask("to")
		inbox, _ := to.Space().Allocate(mach.RightReceive)
		mailbox, err := from.GiveSend(to, inbox)
		if err != nil {
			return err
		}
		from.Spawn("service", func(t user.Thread) {
			old, _ = pagers.New(t, diary{entries: &entries}, pagers.Threads(2), discipline)
			object, _ = old.AllocatePort(t)
			old.Run(t)
		}).SetDaemon(true)
		to.Spawn("service", func(t user.Thread) {
			next, _ = pagers.New(t, diary{entries: &entries}, pagers.Threads(2), discipline)
			var m mach.UserMessage
			user.Receive(t, &m, inbox)
			if ret := next.AddPortAt(t, m.Descs[0].Port, mach.Words.Uint32(m.Body)); ret != mach.KernSuccess {
				panic(ret)
			}
			next.Run(t)
		}).SetDaemon(true)
		if err := s.Settle(); err != nil {
			return err
		}
		from.Spawn("mover", func(t user.Thread) {
			seqno, ret := old.RemovePort(t, object)
			if ret != mach.KernSuccess {
				panic(ret)
			}
			m := mach.UserMessage{Remote: mailbox, RemoteDisp: mach.CopySend, Complex: true,
				Descs: []mach.Desc[mach.Name, mach.Region]{{Kind: mach.DescPort, Disp: mach.MoveReceive, Port: object}},
				Body:  mach.Words.AppendUint32(nil, seqno)}
			user.Msg(t, &m, mach.SendMsg, 0, mach.NameNull, 0, mach.NameNull)
		})
		client := host.NewTask("client")
		name, err := client.GiveSend(from, object)
		if err != nil {
			return err
		}
		client.Spawn("main", func(t user.Thread) {
			mapped(t, name, 1, func(addr mach.Addr) { load(t, addr) })
		})
		s.Finally("every message once and in order", func() error {
			return equal(entries, []string{"0 init", "1 request", "2 terminate"})
		})
		s.Fact(func() string { return fmt.Sprint(entries) })
		return nil
	})
}

// TestPortMoves: no message is lost or out of order when the receive right moves, whenever that is.
func TestPortMoves(t *testing.T) {
	for _, c := range []struct {
		discipline pagers.Discipline
		summary    string
	}{
		{pagers.FullSerialisation, "no failure (1289 executions: all schedules with at most 1 preemptions)"},
		{pagers.Queued, "no failure (1281 executions: all schedules with at most 1 preemptions)"},
		{pagers.OrderedStart, "no failure (1289 executions: all schedules with at most 1 preemptions)"},
	} {
		r := explore.Explore(explore.Config{Strategy: explore.NewDFS(explore.Preemptions(1)), Workers: 2}, moving(c.discipline))
		require.Equal(t, c.summary, r.Summary(), r)
	}
}

// faultyManager is a client of a manager that goes wrong once, in a way and at a call of the explorer's choice. It reads
// a page, changes it, unmaps the object and reads again through a new mapping. Its thread may wait for ever: that is
// what a page is worth whose manager says nothing.
func faultyManager(s *explore.Subject) error {
	choices := make([]pagers.Fault, 0, pagers.Dying+1)
	for k := pagers.Late; k <= pagers.Dying; k++ {
		choices = append(choices, pagers.Fault{Kind: k})
	}
	l, err := newLibrary(s, pagers.Faulty(pagers.Plan{Choices: choices, Budget: 1}))
	if err != nil {
		return err
	}
	saw := "nothing"
	s.Finally("the client sees its data, or what the fault makes of it", func() error {
		injected := append(l.pager.Server().Injected(), "no fault")[0]
		kind, _, _ := strings.Cut(injected, " ")
		allowed := map[string]string{
			"no": "0 7", "late": "0 7", "duplicated": "0 7", "reordered": "0 7",
			"silent": "nothing, 0", "wrong_offset": "nothing, 0", "wrong_control": "nothing, 0",
			"wrong_error": "KERN_MEMORY_ERROR, 0 KERN_MEMORY_ERROR", "wrong_data": "18446744073709551615, 0 18446744073709551608",
			"dying": "KERN_INVALID_OBJECT, KERN_MEMORY_FAILURE, 0 KERN_INVALID_OBJECT, 0 KERN_MEMORY_FAILURE",
		}[kind]
		if !slices.Contains(strings.Split(allowed, ", "), saw) {
			return errors.New(injected + ": " + saw)
		}
		return nil
	})
	s.Sometimes("nothing goes wrong", func() bool { return saw == "0 7" && len(l.pager.Server().Injected()) == 0 })
	s.Sometimes("an error", func() bool { return strings.HasSuffix(saw, "KERN_MEMORY_ERROR") })
	s.Sometimes("the manager is gone", func() bool { return strings.HasSuffix(saw, "KERN_INVALID_OBJECT") })
	s.Fact(func() string { return saw })

	task := l.host.NewTask("a")
	object, err := task.GiveSend(l.task, l.object)
	if err != nil {
		return err
	}
	task.Spawn("main", func(t user.Thread) {
		// visit sees the first word of the object, or a code; it reports whether it may go on.
		visit := func(before string, write bool) bool {
			var addr mach.Addr
			if ret := user.VMMap(t, user.Self(t), &addr, t.PageSize(), 0, true, object, 0, false, mach.ProtDefault,
				mach.ProtAll, mach.InheritShare); ret != mach.KernSuccess {
				saw = before + ret.String()
				return false
			}
			v, err := t.Load64(addr)
			if err != nil {
				saw = before + mach.Code(err).String()
				return false
			}
			saw = before + strconv.FormatUint(v, 10)
			if write && t.Store64(addr, 7) != nil {
				saw = "no write"
				return false
			}
			return user.VMDeallocate(t, user.Self(t), addr, t.PageSize()) == mach.KernSuccess && v == 0
		}
		if visit("", true) {
			visit("0 ", false)
		}
	}).SetDaemon(true)
	return nil
}

// TestFaultyManager: every fault of every kind, wherever a manager can make it, whatever two preemptions make of it.
// The kernel keeps its invariants; clients see what the fault is good for, and wait only if nothing is said.
func TestFaultyManager(t *testing.T) {
	for _, c := range []struct {
		strategy explore.Strategy
		kinds    []choice.Kind
		summary  string
	}{
		{explore.NewDFS(explore.Bound{}), []choice.Kind{choice.KindFault}, "no failure (30 executions: all schedules)"},
		{explore.NewDFS(explore.Preemptions(2)), nil, "no failure (2573 executions: all schedules with at most 2 preemptions)"},
	} {
		r := explore.Explore(explore.Config{Strategy: c.strategy, Kinds: c.kinds, Workers: 2},
			explore.Simulation(kernel.Config{Checked: true}, faultyManager))
		require.Equal(t, c.summary, r.Summary(), r)
		for _, o := range r.Sometimes {
			require.True(t, o.Held, o.Name)
		}
	}
}
