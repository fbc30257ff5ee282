package defs

import (
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// DefaultPagerObject is the administration of a default pager, called by privileged programs.
var DefaultPagerObject = mig.NewSubsystem("default_pager_object", 2275,
	"privileged program to default pager: objects and paging space", source)

var (
	DefaultPagerObjectCreateRow       = DefaultPagerObject.Routine(mig.Everywhere(2275), "default_pager_object_create", DefaultPagerObjectCreate[mig.Port]{}, DefaultPagerObjectCreateReply[mig.Port]{})
	DefaultPagerInfoRow               = DefaultPagerObject.Routine(mig.Everywhere(2276), "default_pager_info", DefaultPagerInfo[mig.Port]{}, DefaultPagerInfoReply{})
	DefaultPagerObjectsRow            = DefaultPagerObject.Routine(mig.Everywhere(2277), "default_pager_objects", DefaultPagerObjects[mig.Port]{}, DefaultPagerObjectsReply[mig.Memory, mig.Ports]{})
	DefaultPagerObjectPagesRow        = DefaultPagerObject.Routine(mig.Everywhere(2278), "default_pager_object_pages", DefaultPagerObjectPages[mig.Port]{}, DefaultPagerObjectPagesReply[mig.Memory]{})
	DefaultPagerPagingFileRow         = DefaultPagerObject.Routine(mig.IDs{mig.CMU: 2279, mig.GNU: 2279}, "default_pager_paging_file", DefaultPagerPagingFile[mig.Port]{}, mig.Void{})
	DefaultPagerRegisterFileserverRow = DefaultPagerObject.Routine(mig.IDs{mig.CMU: 2280, mig.GNU: 2280}, "default_pager_register_fileserver", DefaultPagerRegisterFileserver[mig.Port]{}, mig.Void{})
	DefaultPagerBackingStoreCreateRow = DefaultPagerObject.Routine(mig.IDs{mig.OSF: 2280}, "default_pager_backing_store_create", DefaultPagerBackingStoreCreate[mig.Port]{}, DefaultPagerBackingStoreCreateReply[mig.Port]{})
	DefaultPagerBackingStoreDeleteRow = DefaultPagerObject.Routine(mig.IDs{mig.OSF: 2281}, "default_pager_backing_store_delete", DefaultPagerBackingStoreDelete[mig.Port]{}, mig.Void{})
	DefaultPagerAddSegmentRow         = DefaultPagerObject.Routine(mig.IDs{mig.OSF: 2282}, "default_pager_add_segment", DefaultPagerAddSegment[mig.Port]{}, mig.Void{})
	DefaultPagerBackingStoreInfoRow   = DefaultPagerObject.Routine(mig.IDs{mig.OSF: 2283}, "default_pager_backing_store_info", DefaultPagerBackingStoreInfo[mig.Port]{}, DefaultPagerBackingStoreInfoReply{})
)

// BackingStoreBasicInfo is the flavor of default_pager_backing_store_info.
const BackingStoreBasicInfo int32 = 1

// BackingStoreBasicInfoWords is the number of words of that flavor.
const BackingStoreBasicInfoWords = 15

// DefaultPagerObjectCreate makes a memory object of the default pager that a program may map.
//
// Codes: KERN_RESOURCE_SHORTAGE.
type DefaultPagerObjectCreate[P any] struct {
	DefaultPager P         `mig:"default_pager,dest=default_pager,copy_send"`
	ObjectSize   mach.Size `mig:"object_size"`
}

// DefaultPagerObjectCreateReply holds the object port.
type DefaultPagerObjectCreateReply[P any] struct {
	MemoryObject P `mig:"memory_object,make_send"`
}

// DefaultPagerInfo asks for the paging space.
type DefaultPagerInfo[P any] struct {
	DefaultPager P `mig:"default_pager,dest=default_pager,copy_send"`
}

// DefaultPagerInfoReply holds sizes in bytes.
type DefaultPagerInfoReply struct {
	TotalSpace mach.Size `mig:"total_space"`
	FreeSpace  mach.Size `mig:"free_space"`
	PageSize   mach.Size `mig:"page_size"`
}

// DefaultPagerObjects lists the objects of the default pager.
//
// Codes: KERN_RESOURCE_SHORTAGE.
type DefaultPagerObjects[P any] struct {
	DefaultPager P `mig:"default_pager,dest=default_pager,copy_send"`
}

// DefaultPagerObjectsReply holds two arrays with equal counts: for each object two words of 64 bits, its
// number and the paging space it uses, and a right that names it, or null.
type DefaultPagerObjectsReply[M, A any] struct {
	Objects M `mig:"objects,deallocate"`
	Ports   A `mig:"ports,move_send,deallocate"`
}

// DefaultPagerObjectPages lists the pages of an object for which the default pager holds data.
//
// Codes: KERN_INVALID_ARGUMENT, an unknown object; KERN_RESOURCE_SHORTAGE.
type DefaultPagerObjectPages[P any] struct {
	DefaultPager P `mig:"default_pager,dest=default_pager,copy_send"`
	MemoryObject P `mig:"memory_object,copy_send"`
}

// DefaultPagerObjectPagesReply holds the offset of each page, 64 bits.
type DefaultPagerObjectPagesReply[M any] struct {
	Pages M `mig:"pages,deallocate"`
}

// DefaultPagerPagingFile adds a paging file, or takes one away.
//
// Codes: KERN_INVALID_ARGUMENT, no such file; KERN_FAILURE.
type DefaultPagerPagingFile[P any] struct {
	DefaultPager     P      `mig:"default_pager,dest=default_pager,copy_send"`
	MasterDevicePort P      `mig:"master_device_port,copy_send"`
	Filename         []byte `mig:"filename,max=256"`
	Add              bool   `mig:"add"`
}

// DefaultPagerRegisterFileserver tells the default pager where files are.
type DefaultPagerRegisterFileserver[P any] struct {
	DefaultPager   P `mig:"default_pager,dest=default_pager,copy_send"`
	FileserverPort P `mig:"fileserver_port,copy_send"`
}

// DefaultPagerBackingStoreCreate makes an empty backing store.
//
// Codes: KERN_FAILURE, the pager has none; KERN_INVALID_ARGUMENT, not a default pager.
type DefaultPagerBackingStoreCreate[P any] struct {
	DefaultPager P     `mig:"default_pager,dest=default_pager,copy_send"`
	Priority     int32 `mig:"priority"`
	ClusterSize  int32 `mig:"clsize"` // in pages
}

// DefaultPagerBackingStoreCreateReply holds the port of the backing store.
type DefaultPagerBackingStoreCreateReply[P any] struct {
	BackingStore P `mig:"backing_store,make_send"`
}

// DefaultPagerBackingStoreDelete gives a backing store up after moving its data elsewhere.
//
// Codes: KERN_FAILURE, the pager has none, or there is no room elsewhere; KERN_INVALID_ARGUMENT, not a
// backing store.
type DefaultPagerBackingStoreDelete[P any] struct {
	BackingStore P `mig:"backing_store,dest=default_pager,copy_send"`
}

// DefaultPagerAddSegment adds records of a device to a backing store.
//
// Codes: KERN_FAILURE; KERN_INVALID_ARGUMENT, not a backing store, or records that are in use;
// KERN_RESOURCE_SHORTAGE.
type DefaultPagerAddSegment[P any] struct {
	BackingStore P      `mig:"backing_store,dest=default_pager,copy_send"`
	Device       P      `mig:"device,copy_send"`
	Offset       uint32 `mig:"offset"` // in records
	Count        uint32 `mig:"count"`
	RecordSize   int32  `mig:"record_size"` // in bytes
}

// DefaultPagerBackingStoreInfo asks for the counters of a backing store.
//
// Codes: KERN_FAILURE; KERN_INVALID_ARGUMENT, not a backing store, an unknown flavor, or a count below the
// flavor's size.
type DefaultPagerBackingStoreInfo[P any] struct {
	BackingStore P      `mig:"backing_store,dest=default_pager,copy_send"`
	Flavor       int32  `mig:"flavor"`
	Count        uint32 `mig:"info_count"`
}

// DefaultPagerBackingStoreInfoReply holds the words of the flavor.
type DefaultPagerBackingStoreInfoReply struct {
	Info []int32 `mig:"info,max=20"`
}
