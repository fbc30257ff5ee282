package pagers

import "fmt"

// NetmemState is who has the page of a Netmem object.
type NetmemState uint8

const (
	NetmemNone        NetmemState = iota // there is no page yet
	NetmemServerWrite                    // the pager alone
	NetmemRead                           // pager and kernel, nobody may write
	NetmemKernelWrite                    // the kernel, which may write
	NetmemFlushing                       // the kernel was asked to give it back
	NetmemCleaning                       // the kernel was asked to write it back and to write no more
)

func (s NetmemState) String() string {
	names := [...]string{"NONE", "SERVER_WRITE", "READ", "KERNEL_WRITE", "FLUSHING", "CLEANING"}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// NetmemArc is a transition. Those with an id are drawn in the guide's figure 3; the others are in its code only.
type NetmemArc struct {
	ID    string
	From  NetmemState
	Label string
	To    NetmemState
}

var netmemArcs = []NetmemArc{
	{"SWG-3.1", NetmemNone, "I", NetmemServerWrite},
	{"SWG-3.2", NetmemNone, "I", NetmemKernelWrite},
	{"SWG-3.3", NetmemServerWrite, "Sr", NetmemRead},
	{"SWG-3.4", NetmemServerWrite, "Sw", NetmemKernelWrite},
	{"SWG-3.5", NetmemRead, "U", NetmemKernelWrite},
	{"SWG-3.6", NetmemRead, "F", NetmemFlushing},
	{"SWG-3.7", NetmemKernelWrite, "F", NetmemFlushing},
	{"SWG-3.8", NetmemKernelWrite, "C", NetmemCleaning},
	{"SWG-3.9", NetmemCleaning, "OK", NetmemRead},
	{"SWG-3.10", NetmemFlushing, "OK", NetmemServerWrite},

	// The kernel evicts the page, or drops it unmodified and asks again.
	{"", NetmemKernelWrite, "data_return", NetmemServerWrite},
	{"", NetmemRead, "Sr", NetmemRead},
	{"", NetmemRead, "Sw", NetmemKernelWrite},
	{"", NetmemKernelWrite, "Sr", NetmemRead},
	{"", NetmemKernelWrite, "Sw", NetmemKernelWrite},
	// The association ends. Where there is no page there is none afterwards.
	{"", NetmemNone, "terminate", NetmemNone},
	{"", NetmemServerWrite, "terminate", NetmemServerWrite},
	{"", NetmemRead, "terminate", NetmemServerWrite},
	{"", NetmemKernelWrite, "terminate", NetmemServerWrite},
	{"", NetmemFlushing, "terminate", NetmemServerWrite},
	{"", NetmemCleaning, "terminate", NetmemServerWrite},
}

// NetmemArcs is the state machine of a Netmem object.
func NetmemArcs() []NetmemArc { return append([]NetmemArc(nil), netmemArcs...) }

// Taken lists the arcs with an id that objects of the pager have taken, in the order of the figure.
func (n *Netmem) Taken() []string {
	var ids []string
	for _, a := range netmemArcs {
		if a.ID != "" && n.taken[a.ID] > 0 {
			ids = append(ids, a.ID)
		}
	}
	return ids
}

// move takes the arc with the given label. There is none but those of the table.
func (n *Netmem) move(o *netmem, label string, to NetmemState) {
	if label == "terminate" && o.state == NetmemNone {
		to = NetmemNone
	}
	for _, a := range netmemArcs {
		if a.From == o.state && a.Label == label && a.To == to {
			o.state = to
			n.taken[a.ID]++
			return
		}
	}
	panic(fmt.Sprintf("netmem: there is no arc %s from %v to %v", label, o.state, to))
}
