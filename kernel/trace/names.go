package trace

import (
	"fmt"
	"strconv"

	"machvm/kernel/mach"
)

// Class is the sort of thing an id denotes.
type Class uint8

const (
	ClassNone Class = iota
	ClassHost
	ClassTask
	ClassThread
	ClassPort
	ClassObject
)

var classNames = []string{"none", "host", "task", "thread", "port", "object"}

func (c Class) String() string { return spell(c, "class", classNames) }

// parseClass is for the tags of event fields: "" has no class.
func parseClass(s string) Class {
	for c, name := range classNames {
		if name == s {
			return Class(c)
		}
	}
	if s != "" {
		panic(fmt.Sprintf("trace: no class is named %q", s))
	}
	return ClassNone
}

// Ids of ports that are no ports.
const (
	PortNull uint64 = 0
	PortDead uint64 = 1<<64 - 1
)

type labelKey struct {
	class Class
	id    uint64
}

type countKey struct {
	class Class
	base  string
}

// Names knows what people call things, and what messages are called. A nil *Names is legal: it knows
// nothing and gives everything its default name, such as "port#12", "thread#2" or "k0".
type Names struct {
	labels   map[labelKey]string // looked up, never ranged over
	counts   map[countKey]int
	describe func(Class, uint64) string
	messages MessageInfo
	perHost  map[uint16]MessageInfo
	version  uint64 // counts changes of labels
}

// changes counts how often a label was set or taken away.
func (n *Names) changes() uint64 {
	if n == nil {
		return 0
	}
	return n.version
}

// NewNames is an empty registry.
func NewNames() *Names {
	n := &Names{}
	n.reset()
	return n
}

func (n *Names) reset() {
	n.version++
	if n.labels == nil {
		n.labels, n.counts = map[labelKey]string{}, map[countKey]int{}
	}
	clear(n.labels)
	clear(n.counts)
}

// Label names id. The first label wins: a later one changes nothing.
func (n *Names) Label(c Class, id uint64, label string) {
	if n == nil {
		return
	}
	if _, has := n.labels[labelKey{c, id}]; !has {
		n.labels[labelKey{c, id}] = label
		n.version++
	}
}

// Number names id base#1, base#2 and so on, counting the ids that got a name this way. As with Label an id
// that has a name keeps it.
func (n *Names) Number(c Class, id uint64, base string) {
	if n == nil {
		return
	}
	if _, has := n.labels[labelKey{c, id}]; !has {
		n.counts[countKey{c, base}]++
		n.labels[labelKey{c, id}] = base + "#" + strconv.Itoa(n.counts[countKey{c, base}])
		n.version++
	}
}

// Replace names id even if it has a name.
func (n *Names) Replace(c Class, id uint64, label string) {
	if n != nil {
		n.labels[labelKey{c, id}] = label
		n.version++
	}
}

// Forget takes the label of id away.
func (n *Names) Forget(c Class, id uint64) {
	if n != nil {
		delete(n.labels, labelKey{c, id})
		n.version++
	}
}

// SetDescribe installs a function that is asked for the name of whatever has no label; "" means that it
// does not know either.
func (n *Names) SetDescribe(f func(Class, uint64) string) {
	if n != nil {
		n.describe = f
		n.version++
	}
}

// SetMessages says what messages are called: on the given hosts, or on all others if none is given.
// Numbers differ between personalities (E-26).
func (n *Names) SetMessages(info MessageInfo, hosts ...uint16) {
	if n == nil {
		return
	}
	if len(hosts) == 0 {
		n.messages = info
	}
	for _, h := range hosts {
		if n.perHost == nil {
			n.perHost = map[uint16]MessageInfo{}
		}
		n.perHost[h] = info
	}
}

// Name is the label of id, or what the describe function says, or its default name.
func (n *Names) Name(c Class, id uint64) string { return string(n.append(nil, c, id)) }

func (n *Names) append(b []byte, c Class, id uint64) []byte {
	if s, ok := n.known(c, id); ok {
		return append(b, s...)
	}
	return appendDefault(b, c, id)
}

// known is the name somebody gave to id.
func (n *Names) known(c Class, id uint64) (string, bool) {
	if n == nil {
		return "", false
	}
	if s, ok := n.labels[labelKey{c, id}]; ok {
		return s, true
	}
	if n.describe != nil {
		if s := n.describe(c, id); s != "" {
			return s, true
		}
	}
	return "", false
}

func appendDefault(b []byte, c Class, id uint64) []byte {
	switch {
	case c == ClassHost:
		return strconv.AppendUint(append(b, 'k'), id, 10)
	case c == ClassPort && id == PortNull:
		return append(b, "MACH_PORT_NULL"...)
	case c == ClassPort && id == PortDead:
		return append(b, "MACH_PORT_DEAD"...)
	case id == 0 && (c == ClassTask || c == ClassThread):
		return append(b, "kernel"...)
	case id == 0 && c == ClassObject:
		return append(b, "none"...)
	}
	b = append(append(b, c.String()...), '#')
	return strconv.AppendUint(b, id, 10)
}

// Message is what a host calls the message with the given id; "message 1234" if it has no name.
func (n *Names) Message(host uint16, id mach.MsgID) string {
	if info := n.info(host); info != nil {
		if s := info.MessageName(id); s != "" {
			return s
		}
	}
	return "message " + strconv.Itoa(int(id))
}

func (n *Names) fields(host uint16, id mach.MsgID) []FieldInfo {
	if info := n.info(host); info != nil {
		return info.MessageFields(id)
	}
	return nil
}

func (n *Names) info(host uint16) MessageInfo {
	if n == nil {
		return nil
	}
	if info, ok := n.perHost[host]; ok {
		return info
	}
	return n.messages
}
