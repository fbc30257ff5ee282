package ipc

import (
	"slices"

	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// link is the way from one kernel to another: a FIFO. Ports are shared, so a message on a link already has its
// slot in the destination's queue; what travels is its place in it.
type link struct {
	from, to *Node
	queue    kmsgQueue
}

// route says that messages of one kernel for a port are on a link, or wait for the service thread at its
// end. Later ones follow them, wherever the receive right has gone meanwhile, so that none overtakes
// (IPC-216).
type route struct {
	from *Node
	link *link
	n    int
}

// linkFrom is the link that a message of kernel n for p takes, nil if it needs none.
func (p *Port) linkFrom(n *Node) *link {
	if len(p.world.nodes) < 2 {
		return nil
	}
	for i := range p.routes {
		if p.routes[i].from == n {
			return p.routes[i].link
		}
	}
	home := p.Home()
	if home == n {
		return nil
	}
	return n.linkTo(home)
}

func (n *Node) linkTo(to *Node) *link {
	if to.index >= len(n.links) {
		n.links = append(n.links, make([]*link, to.index+1-len(n.links))...)
	}
	l := n.links[to.index]
	if l == nil {
		l = &link{from: n, to: to}
		n.links[to.index] = l
	}
	return l
}

// injectedDelay is how late an injected fault makes a message.
const injectedDelay = 10 * mach.Millisecond

// push puts a message on the link.
func (l *link) push(k *Kmsg) {
	k.place = kmsgLinked
	k.due = l.from.world.now() + l.from.world.delay
	if l.from.world.sched.Inject(sched.InjectDelay, l.from.name+"->"+l.to.name) {
		k.due += injectedDelay
	}
	k.dest().enroute(k.from, l)
	l.queue.push(k)
	l.to.net.delivery.Wake(sched.Awakened)
}

func (p *Port) enroute(n *Node, l *link) {
	for i := range p.routes {
		if p.routes[i].from == n {
			p.routes[i].n++
			return
		}
	}
	p.routes = append(p.routes, route{n, l, 1})
}

// landed says that one message of n has come to its place.
func (p *Port) landed(n *Node) {
	i := slices.IndexFunc(p.routes, func(r route) bool { return r.from == n })
	if p.routes[i].n--; p.routes[i].n == 0 {
		p.routes = slices.Delete(p.routes, i, i+1)
	}
}

// onRoutes is the number of messages for p that have not come to their place.
func (p *Port) onRoutes() (n int) {
	for _, r := range p.routes {
		n += r.n
	}
	return n
}

// netServer is the two threads of a kernel that has others beside it: one takes messages off the
// links, one executes requests for the kernel's own objects, in the order of arrival (IPC-219).
type netServer struct {
	node     *Node
	delivery *sched.Thread
	kserver  *sched.Thread
	requests kmsgQueue
	ready    []*link
}

func (n *Node) startNet() {
	s := &netServer{node: n}
	n.net = s
	spawn := func(what string, body func(*sched.Thread)) *sched.Thread {
		th := n.world.sched.Spawn(n.name+"/"+what, body)
		th.SetDaemon(true)
		th.SetHost(n.id)
		n.world.tracer.Names().Label(trace.ClassThread, uint64(th.ID()), th.Name())
		return th
	}
	s.delivery = spawn("netmsg", s.deliver)
	s.kserver = spawn("kserver", s.serve)
}

// deliver is the body of the delivery thread.
func (s *netServer) deliver(th *sched.Thread) {
	w := s.node.world
	for {
		next := s.collect()
		if len(s.ready) == 0 {
			th.Block(nil, sched.Wait{Kind: sched.WaitLink, What: s, Deadline: next})
			continue
		}
		i := choice.Ask(w.chooser, choice.Point{Kind: choice.KindDelivery, Name: "delivery", Width: len(s.ready), Labeler: s})
		k := s.ready[i].queue.pop()
		p := k.dest()
		if p.Alive() && (p.serves(k) || p.backlog > 0) {
			p.backlog++
			s.requests.push(k)
			s.kserver.Wake(sched.Awakened)
			continue
		}
		w.land(&th.Reap, k)
		th.Drain()
	}
}

// collect finds the links whose first message is due, in the order of the sending kernels, or else the time at which
// the first will be.
func (s *netServer) collect() (next mach.Time) {
	w := s.node.world
	s.ready = s.ready[:0]
	for _, n := range w.nodes {
		if s.node.index >= len(n.links) || n.links[s.node.index] == nil {
			continue
		}
		l := n.links[s.node.index]
		switch k := l.queue.head; {
		case k == nil:
		case k.due <= w.now():
			s.ready = append(s.ready, l)
		case next == 0 || k.due < next:
			next = k.due
		}
	}
	return next
}

// land brings a message to its place: the queue of its destination.
func (w *World) land(reap *sched.Reap, k *Kmsg) {
	p := k.dest()
	p.landed(k.from)
	if !p.Alive() {
		w.destroyKmsg(reap, k)
		return
	}
	if !k.counted {
		p.count(k) // it was a request when it was sent; the port has closed since
	}
	p.accept(k)
}

// serve is the body of the service thread.
func (s *netServer) serve(th *sched.Thread) {
	for {
		k := s.requests.pop()
		if k == nil {
			th.Block(nil, sched.Wait{Kind: sched.WaitLink, What: s})
			continue
		}
		p := k.dest()
		p.backlog--
		if p.serves(k) {
			p.landed(k.from)
			k.place = kmsgHeld
			s.node.world.serve(th, k, true)
		} else {
			s.node.world.land(&th.Reap, k)
		}
		th.Drain()
	}
}

// WaitName names the kernel's links in reports of blocked threads.
func (s *netServer) WaitName() string { return "links to kernel " + s.node.name }

// ChoiceLabel names the kernel whose message would be delivered.
func (s *netServer) ChoiceLabel(i int) string { return s.ready[i].from.name + "->" + s.node.name }
