package rows

import (
	"fmt"
	"strings"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
	"machvm/kernel/user"
)

// Figures of the shared memory server. A write hotspot is several hosts that store to one page; a round of it is
// one store of each. The published counts hold for stated schedules only: who has asked when the page moves is
// what a round does in its steps.

func sharingFigures() []figure {
	return []figure{
		{"PF-05", sourceServer + "7.1", "messages of a missing page / a protection fault", Exact, "2 / 2", measureFaults, nil, ""},
		{"PF-06", sourceServer + "7.1", "messages of a pageout: received + to deallocate", Exact, "2 + 2", measurePageout, nil, ""},
		{"PF-07", sourceServer + "4", "3N-4: first round of a write hotspot, distributed, remote; N=2, 3, 4", Exact, "2, 5, 8",
			rounds([]int{2, 3, 4}, firstRound, remoteMessages), nil, ""},
		{"PF-08", sourceServer + "4", "2N-1: steady round, the last request comes late; N=3, 4", Exact, "5, 7",
			rounds([]int{3, 4}, lateRound, remoteMessages), nil, ""},
		{"PF-08", sourceServer + "4", "2N: steady round, both requests queue at the owner; N=3, 4", Exact, "6, 8",
			rounds([]int{3, 4}, queuedRound, remoteMessages), nil, ""},
		{"PF-09", sourceServer + "4", "2N-2: local requests and supplies of a steady round; N=3, 4", Exact, "4, 6",
			rounds([]int{3, 4}, lateRound, localPairs), nil, "all local messages are 5(N-1)"},
		{"PF-09", sourceServer + "4", "5(N-1): all local messages of that round; N=3, 4", Exact, "10, 15",
			rounds([]int{3, 4}, lateRound, localMessages), nil, "follows from the printed code"},
		{"PF-10", sourceServer + "4", "5N: steady round of a write hotspot, centralised; N=2, 3, 4", Exact, "10, 15, 20",
			rounds([]int{2, 3, 4}, centralRound, remoteMessages), nil, "no scheme with one owner does with less than 4N"},
		{"PF-15", sourceServer + "4.1", "N-2: forwards of the worst isolated fault; N=3, 4, 5", Exact, "1, 2, 3",
			rounds([]int{3, 4, 5}, chainFault, func(k *Cluster) int { return k.Log.Forwards() }), nil, ""},
		{"PF-16", sourceServer + "4.1", "beliefs after the first round, N=5", Exact, "1>5 2>3 3>4 4>5 5>5", measureBeliefs, nil, "owner 5"},
	}
}

// FigureYield is how long servers let a new owner use a page in these figures.
const FigureYield mach.Timeout = 1

// withCluster makes a cluster, has f do something with it and shuts it down.
func withCluster(c ClusterConfig, f func(k *Cluster) error) error {
	sim := kernel.New(kernel.Config{Checked: true, StepLimit: 10_000_000})
	defer sim.Shutdown()
	if c.Options.Yield == 0 {
		c.Options.Yield = FigureYield
	}
	k, err := NewCluster(sim, c, nil)
	if err != nil {
		return err
	}
	return f(k)
}

// rounds measures one round for each number of hosts.
func rounds(hosts []int, round func(n int, f func(k *Cluster) error) error, count func(k *Cluster) int) func() (string, error) {
	return func() (string, error) {
		var got []int
		for _, n := range hosts {
			if err := round(n, func(k *Cluster) error {
				got = append(got, count(k))
				return nil
			}); err != nil {
				return "", err
			}
		}
		return list(got), nil
	}
}

func remoteMessages(k *Cluster) int {
	remote, _ := k.Log.Count("")
	return remote
}

func localMessages(k *Cluster) int {
	_, local := k.Log.Count("")
	return local
}

func localPairs(k *Cluster) int {
	_, local := k.Log.Count("DS")
	return local
}

// storeAll has every host store once, in the order of their numbers, each after the one before.
func (k *Cluster) storeAll() error {
	for i := range k.Nodes {
		if err := k.Store(i, uint64(i+1)); err != nil {
			return err
		}
	}
	return nil
}

// firstRound: server 1 has the page, all believe so, and every request comes when the page has left.
func firstRound(n int, f func(k *Cluster) error) error {
	return withCluster(ClusterConfig{Hosts: n}, func(k *Cluster) error {
		if err := k.storeAll(); err != nil {
			return err
		}
		return f(k)
	})
}

// lateRound is a steady round: the owner's store hits; all requests are made before the page moves, but that of host N-1
// reaches the owner only when the page has left for host 1. The page stays there until all have asked.
func lateRound(n int, f func(k *Cluster) error) error {
	return steadyRound(n, f, func(k *Cluster) error {
		if err := k.Store(0, 1); err != nil {
			return err
		}
		return k.storeHeld(0, chain(n)...)
	})
}

// queuedRound is a steady round in which the requests of hosts 1 and N-1 are both there, in this order, before
// the owner answers the first.
func queuedRound(n int, f func(k *Cluster) error) error {
	return steadyRound(n, f, func(k *Cluster) error {
		return k.storeHeld(n-1, append([]int{0}, chain(n)...)...)
	})
}

// chain is the hosts from N-1 down to 2, by place: each believes that the next one up has the page.
func chain(n int) (hosts []int) {
	for i := n - 2; i > 0; i-- {
		hosts = append(hosts, i)
	}
	return hosts
}

// storeHeld has hosts store, each when the request of the one before has come to a server, while one server is
// stopped. Then that one goes on.
func (k *Cluster) storeHeld(server int, hosts ...int) error {
	var failed error
	held := k.Servers[server].Task
	held.Suspend()
	for _, i := range hosts {
		k.Start(i, func(t user.Thread, addr mach.Addr) {
			if err := t.Store64(addr, uint64(i+1)); err != nil {
				failed = err
			}
		})
		k.Sim.Run() // until only the server could go on
	}
	held.Resume()
	if err := k.settle(); err != nil {
		return err
	}
	return failed
}

// steadyRound makes a first round, after which host N has the page and beliefs are a branched chain, and then another.
func steadyRound(n int, f, round func(k *Cluster) error) error {
	return firstRound(n, func(k *Cluster) error {
		k.Log.Reset()
		if err := k.Store(n-1, 7); err != nil { // the owner's
			return err
		}
		if err := round(k); err != nil {
			return err
		}
		return f(k)
	})
}

// centralRound is a round in which every store finds the page modified at another host.
func centralRound(n int, f func(k *Cluster) error) error {
	return withCluster(ClusterConfig{Hosts: n, Central: true}, func(k *Cluster) error {
		for range 2 {
			k.Log.Reset()
			if err := k.storeAll(); err != nil {
				return err
			}
		}
		return f(k)
	})
}

// chainFault: every server believes that the next has the page, the last has it, and the first asks.
func chainFault(n int, f func(k *Cluster) error) error {
	var from []int
	for i := range n - 1 {
		from = append(from, i+1)
	}
	return withCluster(ClusterConfig{Hosts: n, CopiedFrom: append(from, -1)}, func(k *Cluster) error {
		if err := k.Store(n-1, 1); err != nil {
			return err
		}
		k.Log.Reset()
		if err := k.Store(0, 2); err != nil {
			return err
		}
		return f(k)
	})
}

// measureBeliefs is where the servers believe the page to be after a first round.
func measureBeliefs() (string, error) {
	var words []string
	err := firstRound(5, func(k *Cluster) error {
		for i := range k.Servers {
			words = append(words, fmt.Sprintf("%d>%d", i+1, k.Belief(i)))
		}
		return nil
	})
	return strings.Join(words, " "), err
}

// measureFaults is a load and then a store on one machine.
func measureFaults() (string, error) {
	var missing, protection int
	err := withCluster(ClusterConfig{Hosts: 1}, func(k *Cluster) error {
		if _, err := k.Load(0); err != nil {
			return err
		}
		missing = len(k.Log.Sent())
		k.Log.Reset()
		err := k.Store(0, 1)
		protection = len(k.Log.Sent())
		return err
	})
	return fmt.Sprintf("%d / %d", missing, protection), err
}

// measurePageout is what it takes to get a modified page back: what the server receives, and the call by which it
// gives up the memory that the data came in, with the answer.
func measurePageout() (string, error) {
	var received int
	var calls callCount
	err := withCluster(ClusterConfig{Hosts: 2, Central: true}, func(k *Cluster) error {
		if err := k.Store(0, 1); err != nil {
			return err
		}
		k.Log.Reset()
		calls = callCount{id: defs.VMDeallocateRow.ID(mig.OSF)}
		k.Sim.Tracer().AddSink(&calls, trace.MaskOf(trace.KindMessage))
		err := k.Store(1, 2)
		received, _ = k.Log.Count("BC")
		return err
	})
	return fmt.Sprintf("%d + %d", received, calls.n), err
}

// callCount counts the requests and replies of one routine.
type callCount struct {
	id mach.MsgID
	n  int
}

// Record counts r if it is one.
func (c *callCount) Record(r *trace.Record) {
	m, ok := trace.As[trace.Message](r)
	if ok && (m.ID == c.id && m.Op == trace.MessageKernel || m.ID == c.id+mach.ReplyOffset && m.Op == trace.MessageSend) {
		c.n++
	}
}
