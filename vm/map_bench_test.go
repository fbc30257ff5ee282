package vm

import (
	"fmt"
	"testing"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

// bench runs body in a thread of a host with ordinary pages, with extra further regions in the map.
func bench(b *testing.B, frames, extra int, body func(th *sched.Thread, m *Map)) {
	r := newRig(b, Config{PageSize: 4096, Frames: frames, AddressTop: 1 << 40}, func(p *personality.Personality) {})
	m := r.host.NewMap(1, "bench")
	r.sched.Spawn("bench", func(th *sched.Thread) {
		for i := range extra {
			a := mach.Addr(i) * 0x10000
			w := MapArgs{Addr: a, Size: 4096, Cur: mach.ProtDefault, Max: mach.ProtAll, Inherit: mach.InheritCopy}
			if m.MapObject(th, &w) != mach.KernSuccess {
				b.Error("setup")
			}
		}
		b.ReportAllocs()
		b.ResetTimer()
		body(th, m)
		b.StopTimer()
	})
	if o := r.sched.Run(); o.Err != nil {
		b.Fatal(o.Err)
	}
}

func BenchmarkLoad64(b *testing.B) {
	bench(b, 1024, 0, func(th *sched.Thread, m *Map) {
		var a mach.Addr
		m.Allocate(th, &a, 16*4096, true)
		m.Store(th, a, make([]byte, 16*4096))
		var sum uint64
		for i := 0; b.Loop(); i++ {
			v, _ := m.Load64(th, a+mach.Addr(i*8)&(16*4096-1))
			sum += v
		}
	})
}

func BenchmarkStore64(b *testing.B) {
	bench(b, 1024, 0, func(th *sched.Thread, m *Map) {
		var a mach.Addr
		m.Allocate(th, &a, 16*4096, true)
		for i := 0; b.Loop(); i++ {
			m.Store64(th, a+mach.Addr(i*8)&(16*4096-1), 1)
		}
	})
}

func BenchmarkZeroFill(b *testing.B) {
	for _, extra := range []int{10, 1000, 100000} {
		b.Run(fmt.Sprint(extra), func(b *testing.B) {
			bench(b, 1024, extra, func(th *sched.Thread, m *Map) {
				const n = 256
				for i := 0; i < b.N; i += n {
					var a mach.Addr
					m.Allocate(th, &a, n*4096, true)
					for j := range mach.Addr(min(n, b.N-i)) {
						m.Store64(th, a+j*4096, 1)
					}
					m.Deallocate(th, a, n*4096)
				}
			})
		})
	}
}

func BenchmarkAllocateDeallocate(b *testing.B) {
	for _, extra := range []int{10, 1000, 100000} {
		b.Run(fmt.Sprint(extra), func(b *testing.B) {
			bench(b, 1024, extra, func(th *sched.Thread, m *Map) {
				for b.Loop() {
					var a mach.Addr
					m.Allocate(th, &a, 17*4096, true)
					m.Deallocate(th, a, 17*4096)
				}
			})
		})
	}
}

func BenchmarkProtect(b *testing.B) {
	for _, extra := range []int{10, 1000, 100000} {
		b.Run(fmt.Sprint(extra), func(b *testing.B) {
			bench(b, 1024, extra, func(th *sched.Thread, m *Map) {
				for i := 0; b.Loop(); i++ {
					m.Protect(mach.Addr(i%extra)*0x10000, 4096, false, mach.Prot(1+i&2))
				}
			})
		})
	}
}

// Copy out of line: one page sent and received.
func BenchmarkSendPage(b *testing.B) {
	bench(b, 1024, 10, func(th *sched.Thread, m *Map) {
		var a mach.Addr
		m.Allocate(th, &a, 4096, true)
		m.Store64(th, a, 1)
		for b.Loop() {
			c, _, _ := m.CopyinMemory(th, a, 4096, mach.CopyVirtual, false)
			at, _ := m.CopyoutMemory(th, c)
			m.Deallocate(th, at, 4096)
		}
	})
}

func BenchmarkFork(b *testing.B) {
	bench(b, 1024, 0, func(th *sched.Thread, m *Map) {
		var a mach.Addr
		m.Allocate(th, &a, 64*4096, true)
		m.Store(th, a, make([]byte, 64*4096))
		for b.Loop() {
			m.Fork(th, 2, "child").Destroy(th)
		}
	})
}

func BenchmarkCopyOnWrite(b *testing.B) {
	bench(b, 1024, 0, func(th *sched.Thread, m *Map) {
		var a mach.Addr
		m.Allocate(th, &a, 64*4096, true)
		m.Store(th, a, make([]byte, 64*4096))
		for i := 0; i < b.N; i += 64 {
			child := m.Fork(th, 2, "child")
			for j := range mach.Addr(64) {
				child.Store64(th, a+j*4096, 1)
			}
			child.Destroy(th)
		}
	})
}

// A map with many regions, torn down by one call: cost per region.
func BenchmarkManyRegions(b *testing.B) {
	for _, n := range []int{1000, 100000, 1000000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			bench(b, 1024, 0, func(th *sched.Thread, m *Map) {
				for i := 0; i < b.N; i += n {
					for j := range min(n, b.N-i) {
						w := MapArgs{
							Size: 4096, Anywhere: true, Cur: mach.Prot(1 + j%2), Max: mach.ProtAll, Inherit: mach.InheritCopy,
						}
						m.MapObject(th, &w)
					}
					m.Deallocate(th, 0, mach.Size(m.max))
				}
			})
		})
	}
}
