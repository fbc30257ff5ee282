package vm

import (
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

// An objectCache keeps objects that nobody uses, with their pages, in the order in which they were given
// up: the head is given up longest ago and goes first.
type objectCache struct {
	head, tail *Object
	count      int
}

func (c *objectCache) append(o *Object) {
	o.cachePrev, o.cacheNext = c.tail, nil
	if c.tail == nil {
		c.head = o
	} else {
		c.tail.cacheNext = o
	}
	c.tail = o
	c.count++
}

func (c *objectCache) remove(o *Object) {
	if o.cachePrev == nil {
		c.head = o.cacheNext
	} else {
		o.cachePrev.cacheNext = o.cacheNext
	}
	if o.cacheNext == nil {
		c.tail = o.cachePrev
	} else {
		o.cacheNext.cachePrev = o.cachePrev
	}
	o.cacheNext, o.cachePrev = nil, nil
	c.count--
}

// cachable reports whether o stays when its last reference goes: its manager allows it, and, unless the
// personality differs, its contents must survive (EMM-084). Without a limit on the number of objects
// only those with resident pages are kept.
func (o *Object) cachable() bool {
	p := o.host.personality
	return o.phase == PhaseActive && !o.internal && o.canPersist &&
		(!o.temporary || p.TemporaryCache != personality.TemporaryNever) &&
		(p.ObjectCacheMax >= 0 || o.residentCount > 0)
}

// enterCache drops the last reference of a cachable object, and trims the cache. The manager is not told
// (EMM-074).
func (o *Object) enterCache(th *sched.Thread) {
	h := o.host
	o.refs = 0
	o.setPhase(PhaseCached)
	h.cache.append(o)
	if h.personality.CacheDeactivates {
		for p := o.first; p != nil; p = p.mnext {
			if !p.busy && p.contents == pageData {
				p.deactivate()
			}
		}
	}
	h.trimCache(th)
}

// uncache takes o out of the cache; the caller has its one reference.
func (o *Object) uncache() {
	o.host.cache.remove(o)
	o.refs = 1
	o.setPhase(PhaseActive)
}

// trimCache terminates the objects given up longest ago until the cache is within its limit (EMM-077).
func (h *Host) trimCache(th *sched.Thread) {
	for limit := h.personality.ObjectCacheMax; limit >= 0 && h.cache.count > limit; {
		o := h.cache.head
		o.uncache()
		o.terminate(th)
	}
}
