package trace

import (
	"strconv"
	"unicode/utf8"

	"machvm/kernel/mach"
)

// FieldKind is what an argument of a message is and how it is written.
type FieldKind uint8

const (
	FieldDest  FieldKind = iota // the destination port, in the header
	FieldReply                  // the reply port, in the header

	// Descriptors, taken in order.

	FieldPort
	FieldMemory
	FieldPorts

	// Scalars, taken in order from the body: 32-bit words, little-endian, unless stated.

	FieldWord32       // unsigned, written in decimal
	FieldInt32        // signed, written in decimal
	FieldWord64       // two words, low first: an address, size or offset, written in hex
	FieldBool         // TRUE or FALSE
	FieldProt         // r-x
	FieldRet          // KERN_SUCCESS
	FieldInherit      // share, copy, none
	FieldCopyStrategy // none, call, delay, ...
	FieldShouldReturn // none, dirty, all, anything
	FieldBehavior     // default, random, ...
	FieldSync         // asynchronous+invalidate
	FieldFlavor       // of memory object attributes
	FieldName         // a port name of a task, written in hex
	FieldRight        // SEND, RECEIVE, ...
	FieldType         // SEND+RECEIVE, ...
	FieldMsgID        // a message number, written as the message's name
	FieldDisp         // MAKE_SEND, ...
	FieldBytes        // a count and that many bytes, padded to whole words
	FieldWords        // a count and that many words
	fieldKinds
)

var fieldKindNames = []string{"dest", "reply", "port", "memory", "ports", "word32", "int32", "word64", "bool",
	"prot", "ret", "inherit", "copy_strategy", "should_return", "behavior", "sync", "flavor", "name", "right",
	"type", "msg_id", "disp", "bytes", "words"}

func (k FieldKind) String() string { return spell(k, "field", fieldKindNames) }

// FieldInfo describes one argument of a message.
type FieldInfo struct {
	Name string // "" writes the value alone
	Kind FieldKind
}

// MessageInfo knows messages by their numbers. It is asked for each line of text that shows a message, so
// it should not build its answers anew.
type MessageInfo interface {
	// MessageName is the historic name of a message, "" if there is none.
	MessageName(id mach.MsgID) string
	// MessageFields lists the arguments of a message: descriptors among themselves in wire order and scalars
	// among themselves in wire order. The two may be mixed as the interface declares them.
	MessageFields(id mach.MsgID) []FieldInfo
}

// args writes the arguments of m in parentheses.
func (m *Message) args(w *writer) {
	fields := w.names.fields(w.host, m.ID)
	w.str("(")
	sep := ""
	dest, reply := false, false
	descs, body := 0, m.body()
declared:
	for _, f := range fields {
		w.str(sep)
		sep = ", "
		if f.Name != "" {
			w.str(f.Name).str("=")
		}
		switch f.Kind {
		case FieldDest:
			dest = true
			w.right(m.DestKind, m.Dest)
		case FieldReply:
			reply = true
			w.right(m.ReplyKind, m.Reply)
		case FieldPort, FieldMemory, FieldPorts:
			m.desc(w, descs)
			descs++
		case FieldRet:
			failed := f.Name == "" && len(body.b) == 4 && mach.Words.Uint32(body.b) != uint32(mach.KernSuccess)
			body.arg(w, f.Kind)
			if failed { // a failed reply is the code and nothing else
				break declared
			}
		default:
			body.arg(w, f.Kind)
		}
	}
	// What no field accounts for is shown all the same: a message without a row, or one that is malformed.
	for ; descs < int(m.NDesc); descs++ {
		w.str(sep)
		sep = ", "
		m.desc(w, descs)
	}
	if len(body.b) > 0 {
		w.str(sep).str("body ")
		body.hex(w)
	}
	w.str(")")
	if !dest && m.Dest != PortNull {
		w.str(" to ").right(m.DestKind, m.Dest)
	}
	if !reply && m.Reply != PortNull {
		w.str(" reply to ").right(m.ReplyKind, m.Reply)
	}
}

// desc writes descriptor i.
func (m *Message) desc(w *writer, i int) {
	switch {
	case i >= int(m.NDesc):
		w.str("missing")
	case i >= len(m.Desc):
		w.str("...")
	default:
		d := &m.Desc[i]
		switch d.Kind {
		case mach.DescPort:
			w.right(d.Disp, d.Value)
		case mach.DescPorts:
			w.dec(d.Value).str(" x ").str(d.Disp.Arrives().String())
		default:
			w.hex(d.Value).str(" bytes")
		}
	}
}

// bodyReader takes scalars from the front of a body.
type bodyReader struct {
	b   []byte
	cut bool // the body had more bytes than the event holds
}

func (m *Message) body() bodyReader {
	n := min(int(m.BodyLen), len(m.Body))
	return bodyReader{m.Body[:n], int(m.BodyLen) > n}
}

// take is the next n bytes. Without them it writes why and leaves nothing to take.
func (r *bodyReader) take(w *writer, n int) ([]byte, bool) {
	if n > len(r.b) {
		if r.cut {
			w.str("...")
		} else {
			w.str("missing")
		}
		r.b = nil
		return nil, false
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b, true
}

// arg writes the next scalar.
func (r *bodyReader) arg(w *writer, k FieldKind) {
	size := 4
	if k == FieldWord64 {
		size = 8
	}
	b, ok := r.take(w, size)
	if !ok {
		return
	}
	if k == FieldWord64 {
		w.hex(mach.Words.Uint64(b))
		return
	}
	v := mach.Words.Uint32(b)
	switch k {
	case FieldInt32:
		w.int(int64(int32(v)))
	case FieldBool:
		w.bool(v != 0)
	case FieldProt:
		w.str(mach.Prot(v).String())
	case FieldRet:
		w.str(mach.Return(v).String())
	case FieldInherit:
		w.str(mach.Inherit(v).String())
	case FieldCopyStrategy:
		w.str(mach.CopyStrategy(v).String())
	case FieldShouldReturn:
		w.str(mach.ShouldReturn(v).String())
	case FieldBehavior:
		w.str(mach.Behavior(v).String())
	case FieldSync:
		w.str(mach.SyncFlags(v).String())
	case FieldFlavor:
		w.str(mach.Flavor(v).String())
	case FieldName:
		w.str(mach.Name(v).String())
	case FieldRight:
		w.str(mach.RightCode(v).String())
	case FieldType:
		w.str(mach.TypeBits(v).String())
	case FieldMsgID:
		w.str(w.names.Message(w.host, mach.MsgID(v)))
	case FieldDisp:
		w.str(mach.Disposition(v).String())
	case FieldBytes:
		r.bytes(w, int(v))
	case FieldWords:
		r.words(w, int(v))
	default:
		w.dec(uint64(v))
	}
}

// bytes writes n inline bytes, as text if they are text.
func (r *bodyReader) bytes(w *writer, n int) {
	padded := n + -n&3
	if padded > len(r.b) {
		r.take(w, padded)
		return
	}
	b, _ := r.take(w, padded)
	if s := string(b[:n]); utf8.ValidString(s) {
		w.b = strconv.AppendQuoteToASCII(w.b, s)
		return
	}
	(&bodyReader{b: b[:n]}).hex(w)
}

// words writes n inline words.
func (r *bodyReader) words(w *writer, n int) {
	w.str("[")
	for i := range n {
		w.when(i > 0, " ")
		b, ok := r.take(w, 4)
		if !ok {
			break
		}
		w.dec(uint64(mach.Words.Uint32(b)))
	}
	w.str("]")
}

// hex writes what is left as bytes.
func (r *bodyReader) hex(w *writer) {
	w.b = appendHex(w.b, r.b)
	w.when(r.cut, "...")
	r.b = nil
}
