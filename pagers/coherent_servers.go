package pagers

import (
	"slices"

	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// What the servers of one object do with each other's messages: the distributed scheduler. Nobody knows for
// certain where a page is. Each server believes that some other owns it, and passes requests on to that one;
// following the beliefs leads to the owner.

// coherentRequest is a request for a page, by a server or passed on by one.
func (s *Coherent) coherentRequest(c *Call, m *defs.CoherentRequest[mach.Name]) mach.Return {
	o := s.objects[c.Port]
	p := pageOf(o, m.Offset)
	if p == nil || !o.other(m.Requester) {
		// Its own request came back, answered since, or the requester has died.
		s.stats.Ignored++
		c.Release(m.Requester)
		return mach.KernSuccess
	}
	r := s.know(c, o, m.Requester)
	switch {
	case p.here() || p.lost || p.status == PageWriteWait || !m.Write && p.status != PageWrite:
		s.stats.Requests++
		if m.Write {
			s.writeFault(c, p, r, false)
		} else {
			s.readFault(c, p, r)
		}
	default:
		s.stats.Forwarded++
		s.send(c, p.owner, &requestParcel{p.owner.port, r.port, p.offset, m.Write})
		if m.Write {
			p.owner, p.hinted = r, true
		}
	}
	return mach.KernSuccess
}

// coherentProvide brings a page that this server has asked for.
func (s *Coherent) coherentProvide(c *Call, m *defs.CoherentProvide[mach.Name, mach.Region]) mach.Return {
	defer c.Deallocate(m.Data)
	o := s.objects[c.Port]
	p := pageOf(o, m.Offset)
	if p == nil || !o.other(m.Sender) || m.Data.Size != o.unit {
		s.stats.Ignored++
		c.Release(m.Sender)
		return mach.KernSuccess
	}
	from := s.know(c, o, m.Sender)
	if p.here() && (p.status == PageRead || p.status == PageWrite) || c.Thread.Load(m.Data.Address, p.bytes()) != nil {
		s.stats.Ignored++ // nobody has asked
		return mach.KernSuccess
	}
	s.came(c, p, from, m.Owner)
	return mach.KernSuccess
}

// coherentGrant makes this server the owner of a page that it has a copy of.
func (s *Coherent) coherentGrant(c *Call, m *defs.CoherentGrant[mach.Name]) mach.Return {
	o := s.objects[c.Port]
	p := pageOf(o, m.Offset)
	if p == nil || !o.other(m.Sender) || p.here() {
		s.stats.Ignored++
		c.Release(m.Sender)
		return mach.KernSuccess
	}
	s.came(c, p, s.know(c, o, m.Sender), true)
	return mach.KernSuccess
}

// came follows up a page from another server: to own, or to read.
func (s *Coherent) came(c *Call, p *sharedPage, from *party, own bool) {
	if p.owner != from && !p.hinted { // D5
		p.owner = from
	}
	p.hinted, p.lost = false, false
	switch {
	case p.status == PageWriteWait && !own && s.fixed(R5):
		s.request(c, p, true)
	case p.status == PageWriteWait || own && p.status == PageReadWait:
		s.arrived(c, p)
	case p.status == PageReadWait: // D8
		s.supplyReaders(c, p)
	case own: // nobody waits for it any more
		p.owner, p.status, p.recalling = nil, PageRead, false
	default:
		p.status, p.recalling = PageRead, false
	}
}

// coherentInvalidate takes the copy of this server away, and with it those that came from it.
func (s *Coherent) coherentInvalidate(c *Call, m *defs.CoherentInvalidate[mach.Name]) mach.Return {
	o := s.objects[c.Port]
	p := pageOf(o, m.Offset)
	if p == nil || !o.other(m.Sender) {
		s.stats.Ignored++
		c.Release(m.Sender)
		c.Release(m.Owner)
		return mach.KernSuccess
	}
	from, owner := s.know(c, o, m.Sender), s.know(c, o, m.Owner)
	d := &dismissal{page: p, report: from}
	switch {
	case p.status == PageRead && owner != nil: // D4
		p.owner, p.status = owner, PageWrite
		d = s.dismissReaders(c, p, owner.port, from)
	case p.status == PageWriteWait && s.fixed(R4):
		s.dismissWriters(c, p, d)
		// Those that had copies from this one were told already and may not have lost them yet.
		if p.copies != nil && p.copies.left > 0 {
			d.left++
			p.copies.then = append(p.copies.then, d)
		}
	}
	if d.left == 0 {
		s.acknowledge(c, p, from)
	}
	return mach.KernSuccess
}

// dismissWriters takes the page away from kernels that want to write to the copy that they have. They will ask
// again, now for the data.
func (s *Coherent) dismissWriters(c *Call, p *sharedPage, d *dismissal) {
	var keep []claim
	for _, w := range p.writers {
		if w.party.kernel && w.copy {
			d.left++
			s.flush(c, p, w.party, d)
			p.removeFaults(func(f fault) bool { return f.kernel == w.party && f.copy })
			if !slices.ContainsFunc(p.faults, func(f fault) bool { return f.kernel == w.party && f.write }) {
				continue
			}
			w.copy = false
		}
		keep = append(keep, w)
	}
	p.writers = keep
}

// coherentInvalidated says that a copy is gone.
func (s *Coherent) coherentInvalidated(c *Call, m *defs.CoherentInvalidated[mach.Name]) mach.Return {
	o := s.objects[c.Port]
	p := pageOf(o, m.Offset)
	if p == nil || !o.other(m.Sender) {
		s.stats.Ignored++
		c.Release(m.Sender)
		return mach.KernSuccess
	}
	from := s.know(c, o, m.Sender)
	i := slices.IndexFunc(p.notices, func(n dismiss) bool { return n.server == from })
	if i < 0 {
		s.stats.Ignored++
		return mach.KernSuccess
	}
	n := p.notices[i]
	p.notices = slices.Delete(p.notices, i, i+1)
	s.dismissed(c, n.of)
	return mach.KernSuccess
}

// coherentLost says that the page asked for is gone.
func (s *Coherent) coherentLost(c *Call, m *defs.CoherentLost[mach.Name]) mach.Return {
	o := s.objects[c.Port]
	p := pageOf(o, m.Offset)
	c.Release(m.Sender)
	if p == nil || !o.other(m.Sender) || p.here() {
		s.stats.Ignored++
		return mach.KernSuccess
	}
	s.abandon(c, p, true)
	return mach.KernSuccess
}

// coherentReplicateServe makes one more server, and makes all servers known to one another.
func (s *Coherent) coherentReplicateServe(c *Call, m *coherentReplicateRequest, rep *defs.CoherentReplicateReply) mach.Return {
	o := s.objects[c.Port]
	if o == nil || o.unit == 0 || !o.other(m.Replica) {
		return mach.KernInvalidArgument
	}
	replica := s.know(c, o, m.Replica)
	for _, peer := range o.peers {
		if peer != replica {
			s.introduce(c, peer, replica)
			s.introduce(c, replica, peer)
		}
	}
	rep.Size, rep.Unit = o.size, o.unit
	return mach.KernSuccess
}

// coherentJoin makes another server known.
func (s *Coherent) coherentJoin(c *Call, m *defs.CoherentJoin[mach.Name]) mach.Return {
	if o := s.objects[c.Port]; o != nil && m.Server.Valid() {
		s.know(c, o, m.Server)
	} else {
		s.stats.Ignored++
		c.Release(m.Server)
	}
	return mach.KernSuccess
}

// DeadName is the death of another server. Pages that it owned are lost with it. Whether a request that is under
// way would have ended there cannot be told, so whoever waits for another server gets an error; a page that
// comes all the same is taken.
func (s *Coherent) DeadName(c *Call, m *DeadName) mach.Return {
	for _, o := range s.made {
		for _, peer := range o.peers {
			if peer.port == m.Name && !peer.gone {
				peer.gone = true
				for _, p := range o.pages {
					if p != nil {
						s.bereave(c, p, peer)
					}
				}
				if o.home == peer {
					s.orphan(o)
				}
			}
		}
	}
	c.Release(m.Name) // of the notification
	return mach.KernSuccess
}

// orphan makes pages that nobody used yet known, so that they are lost with the server that had them.
func (s *Coherent) orphan(o *shared) {
	for i := range o.pages {
		if o.pages[i] == nil {
			o.page(mach.Offset(i) * mach.Offset(o.unit)).lost = true
			s.stats.Lost++
		}
	}
}

// bereave forgets a server that is gone.
func (s *Coherent) bereave(c *Call, p *sharedPage, peer *party) {
	p.removeReader(peer)
	p.writers = slices.DeleteFunc(p.writers, func(w claim) bool { return w.party == peer })
	var over []dismiss
	p.notices = slices.DeleteFunc(p.notices, func(n dismiss) bool {
		if n.server == peer {
			over = append(over, n)
		}
		return n.server == peer
	})
	for _, n := range over {
		s.dismissed(c, n.of)
	}
	if p.here() {
		return
	}
	if p.status == PageRead {
		// Had the copy come through that server, nobody would take it away.
		s.dismissReaders(c, p, p.owner.port, nil)
		p.status = PageWrite
	}
	s.abandon(c, p, p.owner == peer)
}

// abandon gives everybody an error who waits for another server to answer.
func (s *Coherent) abandon(c *Call, p *sharedPage, lost bool) {
	if lost && !p.lost && p.status != PageRead {
		p.lost = true
		s.stats.Lost++
	}
	if !p.recalling {
		return
	}
	p.recalling, p.copies, p.status = false, nil, PageWrite
	waiting := p.readers
	for _, w := range p.writers {
		if !slices.Contains(waiting, w.party) {
			waiting = append(waiting, w.party)
		}
	}
	p.readers, p.writers = nil, nil
	for _, k := range waiting {
		s.fail(c, p, k)
	}
}

// other reports whether a port may be another server's.
func (o *shared) other(port mach.Name) bool { return port.Valid() && port != o.port }

func pageOf(o *shared, off mach.Offset) *sharedPage {
	if o == nil {
		return nil
	}
	return o.page(off)
}

// know is the other server with the given port, nil for this one. It consumes a reference. A port that is dead is nobody's.
func (s *Coherent) know(c *Call, o *shared, port mach.Name) *party {
	switch {
	case port == o.port:
		c.Release(port)
		return nil
	case !port.Valid():
		return &party{port: port, object: o, gone: true}
	}
	if i := slices.IndexFunc(o.peers, func(k *party) bool { return k.port == port }); i >= 0 {
		c.Release(port)
		return o.peers[i]
	}
	return s.meet(c.Thread, o, port)
}

// meet notes another server and asks to be told of its death.
func (s *Coherent) meet(t user.Thread, o *shared, port mach.Name) *party {
	k := &party{port: port, object: o}
	o.peers = append(o.peers, k)
	user.MachPortRequestNotification(t, user.Self(t), port, mach.NotifyDeadName, 0, o.port, mach.MakeSendOnce)
	return k
}
