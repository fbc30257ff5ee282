package mach

import "fmt"

// Addr is a virtual address, in bytes. Historic vm_address_t, widened to 64 bits.
type Addr uint64

// Size is a length in bytes. Historic vm_size_t, widened to 64 bits.
type Size uint64

// Offset is a position inside a memory object, in bytes. Historic vm_offset_t, widened to 64 bits.
type Offset uint64

// DefaultPageSize is the page size, in bytes, of a host booted without a word about it.
const DefaultPageSize Size = 4096

// ValidPageSize reports whether s can be a page size: a power of two of at least 16 bytes.
func ValidPageSize(s Size) bool { return s >= 16 && s&(s-1) == 0 }

// Trunc is the start of the page that holds a. page must be a power of two.
func (a Addr) Trunc(page Size) Addr { return a &^ Addr(page-1) }

// Round is the first page boundary at or above a; it wraps to 0 at the top of the address space.
func (a Addr) Round(page Size) Addr { return (a + Addr(page-1)) &^ Addr(page-1) }

// Aligned reports whether a is a page boundary.
func (a Addr) Aligned(page Size) bool { return a&Addr(page-1) == 0 }

// Round is the number of bytes in the whole pages that s bytes need; it wraps to 0 at the top.
func (s Size) Round(page Size) Size { return (s + page - 1) &^ (page - 1) }

// Trunc is the number of bytes in the whole pages inside s.
func (s Size) Trunc(page Size) Size { return s &^ (page - 1) }

// Aligned reports whether s is a whole number of pages.
func (s Size) Aligned(page Size) bool { return s&(page-1) == 0 }

// Trunc is the start of the page that holds o.
func (o Offset) Trunc(page Size) Offset { return o &^ Offset(page-1) }

// Round is the first page boundary at or above o.
func (o Offset) Round(page Size) Offset { return (o + Offset(page-1)) &^ Offset(page-1) }

// Aligned reports whether o is a page boundary.
func (o Offset) Aligned(page Size) bool { return o&Offset(page-1) == 0 }

func (a Addr) String() string   { return fmt.Sprintf("%#x", uint64(a)) }
func (s Size) String() string   { return fmt.Sprintf("%#x", uint64(s)) }
func (o Offset) String() string { return fmt.Sprintf("%#x", uint64(o)) }
