package trace

import (
	"strconv"

	"machvm/kernel/mach"
)

// writer builds the text of one event.
type writer struct {
	b     []byte
	names *Names
	host  uint16
	full  bool // say everything
}

func (w *writer) str(s string) *writer {
	w.b = append(w.b, s...)
	return w
}

// mark writes the two characters by which the eye finds a sort of event.
func (w *writer) mark(s string) *writer { return w.str(s).str(" ") }

func (w *writer) dec(n uint64) *writer {
	w.b = strconv.AppendUint(w.b, n, 10)
	return w
}

func (w *writer) int(n int64) *writer {
	w.b = strconv.AppendInt(w.b, n, 10)
	return w
}

func (w *writer) hex(n uint64) *writer {
	w.b = strconv.AppendUint(append(w.b, "0x"...), n, 16)
	return w
}

func (w *writer) bool(v bool) *writer {
	if v {
		return w.str("TRUE")
	}
	return w.str("FALSE")
}

func (w *writer) name(c Class, id uint64) *writer {
	w.b = w.names.append(w.b, c, id)
	return w
}

func (w *writer) port(id uint64) *writer   { return w.name(ClassPort, id) }
func (w *writer) object(id uint64) *writer { return w.name(ClassObject, id) }
func (w *writer) task(id uint32) *writer   { return w.name(ClassTask, uint64(id)) }
func (w *writer) thread(id uint32) *writer { return w.name(ClassThread, uint64(id)) }

// place writes object+offset.
func (w *writer) place(object uint64, offset mach.Offset) *writer {
	return w.object(object).str("+").hex(uint64(offset))
}

// right writes a port with the kind of right that arrives; a send right is not worth a word.
func (w *writer) right(d mach.Disposition, port uint64) *writer {
	if port != PortNull && port != PortDead {
		switch d.Arrives() {
		case mach.PortReceive:
			w.str("receive right ")
		case mach.PortSendOnce:
			w.str("send-once right ")
		}
	}
	return w.port(port)
}

// column fills what was written since start up to width, and writes a space.
func (w *writer) column(start, width int) {
	for len(w.b) < start+width {
		w.b = append(w.b, ' ')
	}
	w.b = append(w.b, ' ')
}

// when writes s if cond holds.
func (w *writer) when(cond bool, s string) *writer {
	if cond {
		w.str(s)
	}
	return w
}
