package rows

import (
	"fmt"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// Figures of closed loops: each host works on one word of the shared page as fast as it can.

func loopFigures() []figure {
	return []figure{
		{"PF-11", sourceServer + "table 1", "messages for each fault of a loop of stores, centralised", Exact, "5.0", measureStores, nil,
			"three hosts, from the second fault on"},
	}
}

// loop has every host of a cluster do the same n times, all at once.
func (k *Cluster) loop(n int, body func(t user.Thread, addr mach.Addr, i int) error) error {
	var failed error
	for node := range k.Nodes {
		k.Start(node, func(t user.Thread, addr mach.Addr) {
			for i := range n {
				if err := body(t, addr, i); err != nil {
					failed = err
					return
				}
				t.Yield()
			}
		})
	}
	if err := k.settle(); err != nil {
		return err
	}
	return failed
}

// increment has every host load and store n times.
func (k *Cluster) increment(n int) error {
	return k.loop(n, func(t user.Thread, addr mach.Addr, _ int) error {
		v, err := t.Load64(addr)
		if err != nil {
			return err
		}
		return t.Store64(addr, v+1)
	})
}

// measureStores is a loop of stores under one server. The first store is made before, so that every fault finds the page
// modified at another host.
func measureStores() (string, error) {
	var perFault float64
	err := withCluster(ClusterConfig{Hosts: 3, Central: true}, func(k *Cluster) error {
		if err := k.Store(0, 1); err != nil {
			return err
		}
		k.Log.Reset()
		before := k.Stats()
		if err := k.loop(100, func(t user.Thread, addr mach.Addr, i int) error { return t.Store64(addr, uint64(i)) }); err != nil {
			return err
		}
		after := k.Stats()
		remote, local := k.Log.Count("")
		perFault = float64(remote+local) / float64(after.Writes+after.Upgrades+after.Reads-before.Writes-before.Upgrades-before.Reads)
		return nil
	})
	return fmt.Sprintf("%.1f", perFault), err
}
