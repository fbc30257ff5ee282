//go:build linux && (amd64 || arm64)

package anchor

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Pages of one slice.
const (
	fillPages  = 1024
	faultPages = 512
	cycles     = 128
	cycles16   = 16
)

func system() []Anchor {
	return []Anchor{
		{ZeroFill, "first write to a page of anonymous memory", ready(fill), fillPages},
		{UserFault, "page fault answered by another process on this processor with a page of 4 KiB", served(faults), faultPages},
		{UserCycle, "map, register, fault, unmap with its event, 1 page, same processor", served(cycle(1)), cycles},
		{UserCycle16, "the same with 16 pages", served(cycle(16)), cycles16},
	}
}

// anonymous is fresh memory in small pages.
func anonymous(pages int) []byte {
	p, err := unix.Mmap(-1, 0, pages*os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		panic(fmt.Sprintf("anchor: mmap: %v", err))
	}
	if pages > 1 {
		_ = unix.Madvise(p, unix.MADV_NOHUGEPAGE) // a kernel without huge pages refuses
	}
	return p
}

// touch writes the first byte of every page.
func touch(p []byte) {
	for i := 0; i < len(p); i += os.Getpagesize() {
		p[i] = 1
	}
}

func fill(n int) {
	p := anonymous(n)
	touch(p)
	_ = unix.Munmap(p)
}

// served is an anchor whose faults another process answers. The thread stays on one processor for as long as the
// anchor is in use, and the process that answers is put there too.
func served(run func(u *userfault, n int)) func() (func(int), func(), error) {
	return func() (func(int), func(), error) {
		u, err := newUserfault()
		if err != nil {
			return nil, nil, err
		}
		pinned := func(n int) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			was, err := pin(0)
			if err != nil {
				panic(fmt.Sprintf("anchor: pin: %v", err))
			}
			defer unpin(was)
			run(u, n)
		}
		return pinned, u.close, nil
	}
}

// faults touches n registered pages.
func faults(u *userfault, n int) {
	p := anonymous(n)
	u.register(p)
	touch(p)
	_ = unix.Munmap(p)
}

// cycle maps, registers, touches and unmaps; unmapping ends once the other process has read its event.
func cycle(pages int) func(u *userfault, n int) {
	return func(u *userfault, n int) {
		for range n {
			p := anonymous(pages)
			u.register(p)
			touch(p)
			_ = unix.Munmap(p)
		}
	}
}

// pin puts the calling thread on the nth processor that it may use, and says where it might run before.
func pin(nth int) (was unix.CPUSet, err error) {
	if err := unix.SchedGetaffinity(0, &was); err != nil {
		return was, err
	}
	for cpu := range int(unsafe.Sizeof(was)) * 8 {
		if !was.IsSet(cpu) {
			continue
		}
		if nth == 0 {
			var one unix.CPUSet
			one.Set(cpu)
			return was, unix.SchedSetaffinity(0, &one)
		}
		nth--
	}
	return was, fmt.Errorf("the thread may use no such processor")
}

func unpin(was unix.CPUSet) { _ = unix.SchedSetaffinity(0, &was) }
