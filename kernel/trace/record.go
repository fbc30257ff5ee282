package trace

import (
	"fmt"
	"reflect"
	"unsafe"

	"machvm/kernel/mach"
)

// payloadWords is the room for an event in a record, in 64-bit words. The largest event is Message.
const payloadWords = 24

// Record is an event as it is kept: stamped, and packed without a pointer.
type Record struct {
	Seq    uint64    // position in the trace, from 1
	Time   mach.Time // virtual time
	Thread uint32    // in whose context it happened; 0: the kernel's own
	Host   uint16
	Kind   Kind
	// payload holds the event; the words behind it are left over from earlier events of the slot.
	payload [payloadWords]uint64
}

// kindInfo is what the package knows about a kind.
type kindInfo struct {
	name  string
	event func(*Record) Event
	view  func(*Record) reflect.Value // the event in place, settable
	plan  []attrPlan
}

// at is r's payload taken as an E. Safe because describe has checked that an E fits and holds no pointer,
// and payload words are aligned for every number.
func at[E Event](r *Record) *E { return (*E)(unsafe.Pointer(&r.payload)) }

// number is the planned field of r's event, sign-extended.
func (r *Record) number(p *attrPlan) uint64 {
	at := unsafe.Add(unsafe.Pointer(&r.payload), p.offset)
	switch p.kind {
	case reflect.Bool, reflect.Uint8:
		return uint64(*(*uint8)(at))
	case reflect.Uint16:
		return uint64(*(*uint16)(at))
	case reflect.Uint32:
		return uint64(*(*uint32)(at))
	case reflect.Int8:
		return uint64(*(*int8)(at))
	case reflect.Int16:
		return uint64(*(*int16)(at))
	case reflect.Int32:
		return uint64(*(*int32)(at))
	}
	return *(*uint64)(at)
}

// bytes is the planned field of r's event, an array of bytes.
func (r *Record) bytes(p *attrPlan) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(&r.payload), p.offset)), p.typ.Len())
}

// describe makes the table row of E. It panics if an E does not fit a record or holds anything but numbers.
func describe[E Event](name string) kindInfo {
	t := reflect.TypeFor[E]()
	if size := t.Size(); size > unsafe.Sizeof(Record{}.payload) {
		panic(fmt.Sprintf("trace: %v has %d bytes and does not fit a record", t, size))
	}
	mustBePlain(t, t.String())
	return kindInfo{
		name:  name,
		event: func(r *Record) Event { return *at[E](r) },
		view:  func(r *Record) reflect.Value { return reflect.ValueOf(at[E](r)).Elem() },
		plan:  planOf(t),
	}
}

func mustBePlain(t reflect.Type, path string) {
	switch k := t.Kind(); {
	case k == reflect.Struct:
		for i := range t.NumField() {
			mustBePlain(t.Field(i).Type, path+"."+t.Field(i).Name)
		}
	case k == reflect.Array:
		mustBePlain(t.Elem(), path+"[]")
	case k == reflect.Bool, k >= reflect.Int8 && k <= reflect.Int64, k >= reflect.Uint8 && k <= reflect.Uint64:
	default:
		panic(fmt.Sprintf("trace: %s is a %v; events hold numbers of a fixed size only", path, k))
	}
}

// Event is the event of the record. It panics if the record's kind is none of Kinds.
func (r *Record) Event() Event { return kinds[r.Kind].event(r) }

// As is the event of r if it is an E. Unlike Event it allocates nothing.
func As[E Event](r *Record) (e E, ok bool) {
	if r.Kind != e.Kind() {
		return e, false
	}
	return *at[E](r), true
}

// Equal reports whether r and o record the same event at the same place.
func (r *Record) Equal(o *Record) bool {
	return r.Seq == o.Seq && r.Time == o.Time && r.Thread == o.Thread && r.Host == o.Host && r.Kind == o.Kind &&
		r.Event() == o.Event()
}
