package defs

import (
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// Coherent is what the servers of a shared memory object tell one another. Each has a port for the object,
// the one that its own kernels map, and is known to the others by it. The shared memory server of 1988 describes the
// exchange and gives its messages no numbers.
var Coherent = mig.NewSubsystem("coherent", 5100, "between the servers of one shared memory object", source)

var (
	CoherentReplicateRow   = Coherent.Routine(mig.Everywhere(5100), "coherent_replicate", CoherentReplicate[mig.Port]{}, CoherentReplicateReply{})
	CoherentRequestRow     = Coherent.Simple(mig.Everywhere(5101), "coherent_request", CoherentRequest[mig.Port]{})
	CoherentProvideRow     = Coherent.Simple(mig.Everywhere(5102), "coherent_provide", CoherentProvide[mig.Port, mig.Memory]{})
	CoherentGrantRow       = Coherent.Simple(mig.Everywhere(5103), "coherent_grant", CoherentGrant[mig.Port]{})
	CoherentInvalidateRow  = Coherent.Simple(mig.Everywhere(5104), "coherent_invalidate", CoherentInvalidate[mig.Port]{})
	CoherentInvalidatedRow = Coherent.Simple(mig.Everywhere(5105), "coherent_invalidated", CoherentInvalidated[mig.Port]{})
	CoherentLostRow        = Coherent.Simple(mig.Everywhere(5106), "coherent_lost", CoherentLost[mig.Port]{})
	CoherentJoinRow        = Coherent.Simple(mig.Everywhere(5107), "coherent_join", CoherentJoin[mig.Port]{})
)

// CoherentReplicate makes a further server of the object, with the port of that one. All servers are told of it by
// coherent_join, and it of them.
type CoherentReplicate[P any] struct {
	Object  P `mig:"object,dest=server,copy_send"`
	Replica P `mig:"replica,copy_send"`
}

// CoherentReplicateReply holds sizes in bytes: of the object, and of the page that servers hand to one another.
type CoherentReplicateReply struct {
	Size mach.Size `mig:"size"`
	Unit mach.Size `mig:"unit"`
}

// CoherentRequest asks for a page. A server that cannot answer passes the message on, requester unchanged, to the
// server that it believes to own the page. Who owns it answers with coherent_provide, or with coherent_grant
// if the requester wants to write and has a copy.
type CoherentRequest[P any] struct {
	Object    P           `mig:"object,dest=server,copy_send"`
	Requester P           `mig:"requester,copy_send"`
	Offset    mach.Offset `mig:"offset"`
	Write     bool        `mig:"write"`
}

// CoherentProvide hands over a page: a copy to read from, or with owner the page itself.
type CoherentProvide[P, M any] struct {
	Object     P           `mig:"object,dest=server,copy_send"`
	Sender     P           `mig:"sender,copy_send"`
	Offset     mach.Offset `mig:"offset"`
	Data       M           `mig:"data"`
	Deallocate bool        `mig:"dealloc=Data"`
	Owner      bool        `mig:"owner"`
}

// CoherentGrant makes a server that has a copy of a page its owner.
type CoherentGrant[P any] struct {
	Object P           `mig:"object,dest=server,copy_send"`
	Sender P           `mig:"sender,copy_send"`
	Offset mach.Offset `mig:"offset"`
}

// CoherentInvalidate takes a copy of a page away and names the new owner.
type CoherentInvalidate[P any] struct {
	Object P           `mig:"object,dest=server,copy_send"`
	Sender P           `mig:"sender,copy_send"`
	Owner  P           `mig:"owner,copy_send"`
	Offset mach.Offset `mig:"offset"`
}

// CoherentInvalidated says that no kernel of the server and of those that had copies from it can read the old
// page any more. The description of 1988 does without it, and readers can see the past.
type CoherentInvalidated[P any] struct {
	Object P           `mig:"object,dest=server,copy_send"`
	Sender P           `mig:"sender,copy_send"`
	Offset mach.Offset `mig:"offset"`
}

// CoherentLost answers a coherent_request for a page that is gone with the server that owned it.
type CoherentLost[P any] struct {
	Object P           `mig:"object,dest=server,copy_send"`
	Sender P           `mig:"sender,copy_send"`
	Offset mach.Offset `mig:"offset"`
}

// CoherentJoin tells a server of another, so that it will notice the other's death: a request that was passed on may have
// ended there.
type CoherentJoin[P any] struct {
	Object P `mig:"object,dest=server,copy_send"`
	Server P `mig:"server,copy_send"`
}
