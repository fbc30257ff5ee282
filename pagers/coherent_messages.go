package pagers

import (
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

type coherentReplicateRequest = defs.CoherentReplicate[mach.Name]

// The messages between servers.
var (
	coherentReplicate = user.NewRoutine[coherentReplicateRequest, defs.CoherentReplicateReply](defs.CoherentReplicateRow)

	coherentRequestCodec     = user.CodecFor[defs.CoherentRequest[mach.Name]](defs.CoherentRequestRow, mig.Request)
	coherentProvideCodec     = user.CodecFor[defs.CoherentProvide[mach.Name, mach.Region]](defs.CoherentProvideRow, mig.Request)
	coherentGrantCodec       = user.CodecFor[defs.CoherentGrant[mach.Name]](defs.CoherentGrantRow, mig.Request)
	coherentInvalidateCodec  = user.CodecFor[defs.CoherentInvalidate[mach.Name]](defs.CoherentInvalidateRow, mig.Request)
	coherentInvalidatedCodec = user.CodecFor[defs.CoherentInvalidated[mach.Name]](defs.CoherentInvalidatedRow, mig.Request)
	coherentJoinCodec        = user.CodecFor[defs.CoherentJoin[mach.Name]](defs.CoherentJoinRow, mig.Request)
	coherentLostCodec        = user.CodecFor[defs.CoherentLost[mach.Name]](defs.CoherentLostRow, mig.Request)

	// printedGrantCodec is for what is printed where R1 belongs: a manager that sends a kernel's message.
	printedGrantCodec = user.CodecFor[DataUnlock](defs.MemoryObjectDataUnlockRow, mig.Request)
)

func (s *Coherent) peerTable(t user.Thread) *user.Server[*Call] {
	table := user.NewServer[*Call](t)
	user.On(table, coherentReplicate, s.coherentReplicateServe)
	user.OnSimple(table, coherentRequestCodec, s.coherentRequest)
	user.OnSimple(table, coherentProvideCodec, s.coherentProvide)
	user.OnSimple(table, coherentGrantCodec, s.coherentGrant)
	user.OnSimple(table, coherentInvalidateCodec, s.coherentInvalidate)
	user.OnSimple(table, coherentInvalidatedCodec, s.coherentInvalidated)
	user.OnSimple(table, coherentLostCodec, s.coherentLost)
	user.OnSimple(table, coherentJoinCodec, s.coherentJoin)
	return table
}

// Other serves the messages of other servers.
func (s *Coherent) Other(c *Call) mach.Return {
	user.ServeMessage(c.Thread, c, c.Message, &c.out, s.peers)
	return mach.KernSuccess
}

// request asks the owner for a page in this server's own name.
func (s *Coherent) request(c *Call, p *sharedPage, write bool) {
	s.send(c, p.owner, &requestParcel{p.owner.port, p.object.port, p.offset, write})
}

// provide hands a server a copy of a page, or the page itself.
func (s *Coherent) provide(c *Call, p *sharedPage, to *party, own bool) {
	data := make([]byte, p.object.unit)
	copy(data, p.bytes())
	s.send(c, to, &provideParcel{to.port, p.object.port, p.offset, data, own})
}

// grant makes a server that has a copy the owner.
func (s *Coherent) grant(c *Call, p *sharedPage, to *party) {
	s.send(c, to, &simpleParcel[defs.CoherentGrant[mach.Name]]{coherentGrantCodec,
		defs.CoherentGrant[mach.Name]{Object: to.port, Sender: p.object.port, Offset: p.offset}})
}

// invalidate takes a server's copy away.
func (s *Coherent) invalidate(c *Call, p *sharedPage, to *party, owner mach.Name) {
	s.send(c, to, &simpleParcel[defs.CoherentInvalidate[mach.Name]]{coherentInvalidateCodec,
		defs.CoherentInvalidate[mach.Name]{Object: to.port, Sender: p.object.port, Owner: owner, Offset: p.offset}})
}

// acknowledge says that a copy is gone, if anybody waits for that.
func (s *Coherent) acknowledge(c *Call, p *sharedPage, to *party) {
	if s.fixed(R3) {
		s.send(c, to, &simpleParcel[defs.CoherentInvalidated[mach.Name]]{coherentInvalidatedCodec,
			defs.CoherentInvalidated[mach.Name]{Object: to.port, Sender: p.object.port, Offset: p.offset}})
	}
}

// lose tells a server that the page it asked for is gone.
func (s *Coherent) lose(c *Call, p *sharedPage, to *party) {
	s.send(c, to, &simpleParcel[defs.CoherentLost[mach.Name]]{coherentLostCodec,
		defs.CoherentLost[mach.Name]{Object: to.port, Sender: p.object.port, Offset: p.offset}})
}

// introduce tells a server of another.
func (s *Coherent) introduce(c *Call, to, other *party) {
	s.send(c, to, &simpleParcel[defs.CoherentJoin[mach.Name]]{coherentJoinCodec,
		defs.CoherentJoin[mach.Name]{Object: to.port, Server: other.port}})
}

// parcel is a message to another server. Two servers that wait for room in each other's queues would wait for
// ever, so a server never waits: what finds no room is sent later.
type parcel struct {
	to *party
	message
}

type message interface {
	trySend(t user.Thread) mach.Return
}

type simpleParcel[T any] struct {
	codec *user.Codec[T]
	value T
}

func (m *simpleParcel[T]) trySend(t user.Thread) mach.Return {
	return user.TrySend(t, m.codec, &m.value, 0)
}

type requestParcel struct {
	to, requester mach.Name
	offset        mach.Offset
	write         bool
}

func (m *requestParcel) trySend(t user.Thread) mach.Return {
	return user.TrySend(t, coherentRequestCodec, &defs.CoherentRequest[mach.Name]{Object: m.to, Requester: m.requester,
		Offset: m.offset, Write: m.write}, 0)
}

type provideParcel struct {
	to, sender mach.Name
	offset     mach.Offset
	data       []byte
	own        bool
}

func (m *provideParcel) trySend(t user.Thread) mach.Return {
	r, ret := user.StoreNew(t, m.data)
	if ret != mach.KernSuccess {
		return ret
	}
	ret = user.TrySend(t, coherentProvideCodec, &defs.CoherentProvide[mach.Name, mach.Region]{Object: m.to, Sender: m.sender,
		Offset: m.offset, Data: r, Deallocate: true, Owner: m.own}, 0)
	if ret == mach.SendInvalidDest {
		user.Deallocate(t, r)
	}
	return ret
}

// send sends a message to another server, in order. One that is dead is told of by its notification.
func (s *Coherent) send(c *Call, to *party, m message) {
	if to.gone {
		return
	}
	for _, q := range s.outbox {
		if q.to == to {
			s.outbox = append(s.outbox, parcel{to, m})
			return
		}
	}
	if m.trySend(c.Thread) == mach.SendTimedOut {
		s.stats.Retried++
		s.outbox = append(s.outbox, parcel{to, m})
	}
}

// flushOutbox sends what found no room before, and reports whether some has still found none.
func (s *Coherent) flushOutbox(c *Call) bool {
	if len(s.outbox) == 0 {
		return false
	}
	waiting := s.outbox
	s.outbox = nil
	for _, q := range waiting {
		s.send(c, q.to, q.message)
	}
	return len(s.outbox) > 0
}
