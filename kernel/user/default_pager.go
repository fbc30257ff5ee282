package user

import (
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// Codecs of default pager administration, for the pager that serves it.
var (
	DefaultPagerObjectCreateCall       = NewRoutine[defs.DefaultPagerObjectCreate[mach.Name], defs.DefaultPagerObjectCreateReply[mach.Name]](defs.DefaultPagerObjectCreateRow)
	DefaultPagerInfoCall               = NewRoutine[defs.DefaultPagerInfo[mach.Name], defs.DefaultPagerInfoReply](defs.DefaultPagerInfoRow)
	DefaultPagerObjectsCall            = NewRoutine[defs.DefaultPagerObjects[mach.Name], defs.DefaultPagerObjectsReply[mach.Region, mach.Region]](defs.DefaultPagerObjectsRow)
	DefaultPagerObjectPagesCall        = NewRoutine[defs.DefaultPagerObjectPages[mach.Name], defs.DefaultPagerObjectPagesReply[mach.Region]](defs.DefaultPagerObjectPagesRow)
	DefaultPagerPagingFileCall         = NewRoutine[defs.DefaultPagerPagingFile[mach.Name], mig.Void](defs.DefaultPagerPagingFileRow)
	DefaultPagerRegisterFileserverCall = NewRoutine[defs.DefaultPagerRegisterFileserver[mach.Name], mig.Void](defs.DefaultPagerRegisterFileserverRow)
	DefaultPagerBackingStoreCreateCall = NewRoutine[defs.DefaultPagerBackingStoreCreate[mach.Name], defs.DefaultPagerBackingStoreCreateReply[mach.Name]](defs.DefaultPagerBackingStoreCreateRow)
	DefaultPagerBackingStoreDeleteCall = NewRoutine[defs.DefaultPagerBackingStoreDelete[mach.Name], mig.Void](defs.DefaultPagerBackingStoreDeleteRow)
	DefaultPagerAddSegmentCall         = NewRoutine[defs.DefaultPagerAddSegment[mach.Name], mig.Void](defs.DefaultPagerAddSegmentRow)
	DefaultPagerBackingStoreInfoCall   = NewRoutine[defs.DefaultPagerBackingStoreInfo[mach.Name], defs.DefaultPagerBackingStoreInfoReply](defs.DefaultPagerBackingStoreInfoRow)
)

// DefaultPagerObjectCreate makes a memory object of the default pager.
func DefaultPagerObjectCreate(t Thread, pager mach.Name, size mach.Size) (mach.Name, mach.Return) {
	rep, r := Call(t, DefaultPagerObjectCreateCall, &defs.DefaultPagerObjectCreate[mach.Name]{DefaultPager: pager, ObjectSize: size})
	return rep.MemoryObject, r
}

// DefaultPagerInfo tells of the paging space.
func DefaultPagerInfo(t Thread, pager mach.Name) (defs.DefaultPagerInfoReply, mach.Return) {
	return Call(t, DefaultPagerInfoCall, &defs.DefaultPagerInfo[mach.Name]{DefaultPager: pager})
}

// PagerObject is one object of a default pager.
type PagerObject struct {
	ID   uint64
	Size mach.Size // paging space it uses
	Name mach.Name // a right that names it, or null
}

// DefaultPagerObjects lists the objects of a default pager.
func DefaultPagerObjects(t Thread, pager mach.Name) ([]PagerObject, mach.Return) {
	rep, r := Call(t, DefaultPagerObjectsCall, &defs.DefaultPagerObjects[mach.Name]{DefaultPager: pager})
	if r != mach.KernSuccess {
		return nil, r
	}
	p, r := takeBytes(t, rep.Objects)
	names, r2 := takeNames(t, rep.Ports)
	if r == mach.KernSuccess {
		r = r2
	}
	if r != mach.KernSuccess {
		return nil, r
	}
	objects := make([]PagerObject, min(len(p)/16, len(names)))
	for i := range objects {
		objects[i] = PagerObject{mach.Words.Uint64(p[16*i:]), mach.Size(mach.Words.Uint64(p[16*i+8:])), names[i]}
	}
	return objects, mach.KernSuccess
}

// DefaultPagerObjectPages lists the offsets for which a default pager holds data of an object.
func DefaultPagerObjectPages(t Thread, pager, object mach.Name) ([]mach.Offset, mach.Return) {
	rep, r := Call(t, DefaultPagerObjectPagesCall, &defs.DefaultPagerObjectPages[mach.Name]{DefaultPager: pager, MemoryObject: object})
	if r != mach.KernSuccess {
		return nil, r
	}
	p, r := takeBytes(t, rep.Pages)
	pages := make([]mach.Offset, len(p)/8)
	for i := range pages {
		pages[i] = mach.Offset(mach.Words.Uint64(p[8*i:]))
	}
	return pages, r
}

// DefaultPagerPagingFile adds a paging file, or takes one away (CMU, GNU).
func DefaultPagerPagingFile(t Thread, pager, device mach.Name, file string, add bool) mach.Return {
	return do(t, DefaultPagerPagingFileCall, &defs.DefaultPagerPagingFile[mach.Name]{DefaultPager: pager, MasterDevicePort: device,
		Filename: []byte(file), Add: add})
}

// DefaultPagerRegisterFileserver tells a default pager where files are (CMU, GNU).
func DefaultPagerRegisterFileserver(t Thread, pager, server mach.Name) mach.Return {
	return do(t, DefaultPagerRegisterFileserverCall, &defs.DefaultPagerRegisterFileserver[mach.Name]{DefaultPager: pager, FileserverPort: server})
}

// DefaultPagerBackingStoreCreate makes an empty backing store (OSF).
func DefaultPagerBackingStoreCreate(t Thread, pager mach.Name, priority, clusterSize int32) (mach.Name, mach.Return) {
	rep, r := Call(t, DefaultPagerBackingStoreCreateCall, &defs.DefaultPagerBackingStoreCreate[mach.Name]{DefaultPager: pager,
		Priority: priority, ClusterSize: clusterSize})
	return rep.BackingStore, r
}

// DefaultPagerBackingStoreDelete gives a backing store up (OSF).
func DefaultPagerBackingStoreDelete(t Thread, store mach.Name) mach.Return {
	return do(t, DefaultPagerBackingStoreDeleteCall, &defs.DefaultPagerBackingStoreDelete[mach.Name]{BackingStore: store})
}

// DefaultPagerAddSegment adds records of a device to a backing store (OSF).
func DefaultPagerAddSegment(t Thread, store, device mach.Name, offset, count uint32, recordSize int32) mach.Return {
	return do(t, DefaultPagerAddSegmentCall, &defs.DefaultPagerAddSegment[mach.Name]{BackingStore: store, Device: device,
		Offset: offset, Count: count, RecordSize: recordSize})
}

// DefaultPagerBackingStoreInfo gives the counters of a backing store, in at most count words (OSF).
func DefaultPagerBackingStoreInfo(t Thread, store mach.Name, flavor int32, count uint32) ([]int32, mach.Return) {
	rep, r := Call(t, DefaultPagerBackingStoreInfoCall, &defs.DefaultPagerBackingStoreInfo[mach.Name]{BackingStore: store, Flavor: flavor, Count: count})
	return rep.Info, r
}
