package mach

import "encoding/binary"

// Sizes of the raw form, in bytes. Fields are little-endian 32-bit words.
//
//	header      bits, size, remote, local, reserved, id
//	body        descriptor count, then descriptors (complex messages only)
//	port        name, unused, type << 24 | disposition << 16
//	memory      address, size, type << 24 | copy << 8 | deallocate
//	ports       address, count, type << 24 | disposition << 16 | copy << 8 | deallocate
//
// Addresses in descriptors are 32 bits wide, as on the machines the form comes from: memory above
// 4 GiB can be named through the typed door only.
const (
	HeaderSize     Size = 24
	DescriptorSize Size = 12

	BitsComplex uint32 = 0x80000000
)

// Words reads and writes the 32-bit words of a raw message.
var Words = binary.LittleEndian

// PutHeader writes m's header with the given total size into b, which has HeaderSize bytes.
func PutHeader(b []byte, m *UserMessage, size Size) {
	bits := uint32(m.RemoteDisp) | uint32(m.LocalDisp)<<8
	if m.Complex {
		bits |= BitsComplex
	}
	for i, w := range [6]uint32{bits, uint32(size), uint32(m.Remote), uint32(m.Local), 0, uint32(m.ID)} {
		Words.PutUint32(b[4*i:], w)
	}
}

// GetHeader reads a header from b into m and returns msgh_size.
func GetHeader(b []byte, m *UserMessage) Size {
	w := func(i int) uint32 { return Words.Uint32(b[4*i:]) }
	bits := w(0)
	m.RemoteDisp, m.LocalDisp = Disposition(bits), Disposition(bits>>8)
	m.Complex = bits&BitsComplex != 0
	m.Remote, m.Local, m.ID = Name(w(2)), Name(w(3)), MsgID(w(5))
	return Size(w(1))
}

// PutDescriptor writes d into b, which has DescriptorSize bytes.
func PutDescriptor(b []byte, d *Desc[Name, Region]) {
	var w [3]uint32
	w[2] = uint32(d.Kind) << 24
	if d.Kind == DescPort {
		w[0] = uint32(d.Port)
		w[2] |= uint32(d.Disp) << 16
	} else {
		w[0], w[1] = uint32(d.Memory.Address), uint32(d.Memory.Size)
		w[2] |= uint32(d.Copy) << 8
		if d.Deallocate {
			w[2] |= 1
		}
		if d.Kind == DescPorts {
			w[1] /= 4
			w[2] |= uint32(d.Disp) << 16
		}
	}
	for i := range w {
		Words.PutUint32(b[4*i:], w[i])
	}
}

// GetDescriptor reads a descriptor from b. Unknown kinds and options come back as they are, for copyin
// to refuse.
func GetDescriptor(b []byte) (d Desc[Name, Region]) {
	w0, w1, w2 := Words.Uint32(b), Words.Uint32(b[4:]), Words.Uint32(b[8:])
	d.Kind = DescKind(w2 >> 24)
	if d.Kind == DescPort {
		d.Port, d.Disp = Name(w0), Disposition(w2>>16)
		return d
	}
	d.Memory = Region{Addr(w0), Size(w1)}
	d.Copy, d.Deallocate = CopyOption(w2>>8), w2&1 != 0
	if d.Kind == DescPorts {
		d.Disp = Disposition(w2 >> 16)
		d.Memory.Size *= 4
	}
	return d
}
