package ipc

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

// dice is a small generator: the same numbers on every machine.
type dice uint64

func (d *dice) roll(n int) int {
	*d = *d*6364136223846793005 + 1442695040888963407
	return int(uint64(*d) >> 33 % uint64(n))
}

// Choose makes dice a chooser.
func (d *dice) Choose(p choice.Point) int { return d.roll(p.Width) }

// player is a task that does anything at all.
type player struct {
	*dice
	s   *Space
	mem *arena
	all []*player
}

// name is some name: mostly one of the space's own.
func (p *player) name() mach.Name {
	if p.roll(12) == 0 {
		return []mach.Name{0, mach.NameDead, 0x103, 0x4242}[p.roll(4)]
	}
	names, _, _ := p.s.Names()
	if len(names) == 0 {
		return 0
	}
	return names[p.roll(len(names))]
}

func (p *player) disp() mach.Disposition { return mach.MoveReceive + mach.Disposition(p.roll(6)) }

func (p *player) desc() UserDesc {
	switch p.roll(8) {
	case 0:
		return region(arenaPage, mach.Size(p.roll(3000)), mach.CopyOption(p.roll(2)), p.roll(4) == 0)
	case 1:
		mach.Words.PutUint32(p.mem.bytes[arenaPage:], uint32(p.name()))
		mach.Words.PutUint32(p.mem.bytes[arenaPage+4:], uint32(p.name()))
		return array(arenaPage, p.roll(3), p.disp(), p.roll(4) == 0)
	}
	return port(p.name(), p.disp())
}

// right takes a naked right out of some space, as a message to its task port would.
func (p *player) right(reap *sched.Reap) Right {
	if p.roll(6) == 0 {
		return Right{}
	}
	r, _ := p.s.ExtractRight(reap, p.name(), p.disp())
	return r
}

func (p *player) step(th *sched.Thread) {
	reap := &th.Reap
	switch p.roll(22) {
	case 0, 1:
		p.s.Allocate([]mach.RightCode{mach.RightReceive, mach.RightReceive, mach.RightPortSet, mach.RightDeadName}[p.roll(4)])
	case 2:
		p.s.AllocateName(mach.RightReceive, mach.Name(p.roll(16)<<8|p.roll(256)))
	case 3:
		p.s.Destroy(reap, p.name())
	case 4:
		p.s.Deallocate(reap, p.name())
	case 5:
		p.s.ModRefs(reap, p.name(), mach.RightCode(p.roll(5)), int32(p.roll(5)-3))
	case 6:
		p.s.Rename(p.name(), mach.Name(p.roll(16)<<8|p.roll(256)))
	case 7:
		p.s.SetQlimit(p.name(), uint32(p.roll(4)))
	case 8:
		p.s.MoveMember(p.name(), p.name())
	case 9:
		p.s.InsertMember(p.name(), p.name())
	case 10:
		p.s.ExtractMember(p.name(), p.name())
	case 11, 12:
		n := p.right(reap)
		prev, _ := p.s.RequestNotification(reap, p.name(), []mach.MsgID{mach.NotifyDeadName, mach.NotifyNoSenders, mach.NotifyPortDestroyed}[p.roll(3)], uint32(p.roll(2)), &n)
		if !n.IsSpent() {
			Release(reap, &n)
		}
		Release(reap, &prev)
	case 13:
		r := p.right(reap)
		if p.all[p.roll(len(p.all))].s.InsertRight(reap, mach.Name(p.roll(16)<<8|p.roll(256)), &r) != mach.KernSuccess {
			Release(reap, &r)
		}
	case 14, 15:
		r := p.right(reap)
		p.all[p.roll(len(p.all))].s.Copyout(reap, &r)
	case 16, 17, 18:
		p.message(th, mach.SendMsg)
	case 19:
		p.message(th, mach.SendMsg|mach.RcvMsg)
	default:
		p.message(th, mach.RcvMsg)
	}
	th.Drain()
}

func (p *player) message(th *sched.Thread, half mach.Option) {
	m := header(mach.MsgID(p.roll(100)), p.name(), p.disp(), p.name(), p.disp())
	if p.roll(3) == 0 {
		m.Local, m.LocalDisp = 0, 0
	}
	if p.roll(2) == 0 {
		m.Complex = true
		for range p.roll(4) {
			m.Descs = append(m.Descs, p.desc())
		}
	}
	a := &MsgArgs{Option: half | mach.SendTimeout | mach.RcvTimeout, Timeout: mach.Timeout(p.roll(3)), RcvName: p.name(), Notify: p.name(), RcvLimit: 4096}
	for _, o := range []mach.Option{mach.SendCancel, mach.SendNotify, mach.RcvNotify, mach.RcvLarge} {
		if p.roll(6) == 0 {
			a.Option |= o
		}
	}
	if p.roll(8) == 0 {
		a.RcvLimit = 40
	}
	p.s.Msg(th, p.mem, m, a)
	if !p.mem.mapped[1] {
		p.mem.mapped[1] = true
	}
}

// TestRandomPrograms lets hostile tasks on two kernels do anything, audits after every step, and then
// ends them: nothing may be left.
func TestRandomPrograms(t *testing.T) {
	for seed := range 60 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			d := dice(seed)
			s := sched.New(sched.Config{Chooser: &d})
			defer s.Shutdown()
			w := NewWorld(Config{Sched: s, Chooser: &d, LinkDelay: mach.Time(seed % 3)})
			presets := personality.Names()
			var nodes []*Node
			for i := range 1 + seed%3 {
				p, err := personality.ByName(presets[(seed+i)%len(presets)])
				require.NoError(t, err)
				nodes = append(nodes, w.NewNode(uint16(i+1), fmt.Sprint("K", i+1), p))
			}
			var all []*player
			for i := range 4 {
				mem := newArena(6)
				mem.mapped[1] = true
				all = append(all, &player{dice: &d, s: nodes[i%len(nodes)].NewSpace(fmt.Sprint("t", i), uint32(i+1)), mem: mem})
			}
			steps := 0
			s.AfterStep(func() {
				steps++
				if err := w.Check(); err != nil {
					panic(fmt.Sprintf("step %d: %v", steps, err))
				}
			})
			for _, p := range all {
				p.all = all
				for j := range 2 {
					th := s.Spawn(fmt.Sprintf("%v.%d", p.s, j), func(th *sched.Thread) {
						for range 150 {
							p.step(th)
							th.TrapPoint("next")
						}
					})
					th.SetHost(p.s.node.id)
				}
			}
			o := s.Run()
			require.Equal(t, sched.Idle, o.Kind, "%v", o)
			require.Zero(t, o.Stuck)
			s.Spawn("end", func(th *sched.Thread) {
				for _, p := range all {
					p.s.Terminate(&th.Reap)
					th.Drain()
				}
			})
			o = s.Run()
			require.Equal(t, sched.Idle, o.Kind, "%v", o)
			for p := range w.Ports() {
				t.Errorf("left over: %s", p.Describe())
			}
			require.Nil(t, w.live.head, "a message is left over")
			for _, p := range all {
				require.Zero(t, p.mem.copies, "memory in flight is left over")
			}
		})
	}
}
