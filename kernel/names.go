package kernel

import (
	"reflect"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// messageInfo tells the trace what the messages of one numbering are called and what they carry.
type messageInfo map[mach.MsgID]namedMessage

type namedMessage struct {
	name   string
	fields []trace.FieldInfo
}

// MessageName is the historic name of a message, with "_reply" behind it for a reply.
func (m messageInfo) MessageName(id mach.MsgID) string { return m[id].name }

// MessageFields is the arguments of a message.
func (m messageInfo) MessageFields(id mach.MsgID) []trace.FieldInfo { return m[id].fields }

// messageNames is by form. It is built when the program starts.
var messageNames = map[mig.Form]messageInfo{}

func init() {
	for set := range mig.Set(mig.Sets) {
		for _, withName := range []bool{false, true} {
			form := mig.Form{Set: set, WithName: withName}
			messageNames[form] = newMessageInfo(form)
		}
	}
}

func newMessageInfo(form mig.Form) messageInfo {
	rows := defs.Registry(form.Set)
	m := messageInfo{}
	for _, row := range rows.Rows() {
		if id := row.ReplyID(form.Set); id != 0 {
			ret := trace.FieldInfo{Kind: trace.FieldRet}
			m[id] = namedMessage{rows.MessageName(id), append([]trace.FieldInfo{ret}, fields(row.Args(mig.Reply), form)...)}
		}
	}
	// A number that is both a reply's and a request's means the request.
	for _, row := range rows.Rows() {
		m[row.ID(form.Set)] = namedMessage{row.Name, fields(row.Args(mig.Request), form)}
	}
	return m
}

func fields(args []mig.Arg, form mig.Form) []trace.FieldInfo {
	var fs []trace.FieldInfo
	for i := range args {
		if args[i].Option != "" && !form.WithName {
			continue
		}
		if k, ok := fieldKind(&args[i]); ok {
			fs = append(fs, trace.FieldInfo{Name: args[i].Name, Kind: k})
		}
	}
	return fs
}

// wordKinds is how words of a type of their own are written.
var wordKinds = map[reflect.Type]trace.FieldKind{
	reflect.TypeFor[bool]():              trace.FieldBool,
	reflect.TypeFor[int32]():             trace.FieldInt32,
	reflect.TypeFor[mach.Prot]():         trace.FieldProt,
	reflect.TypeFor[mach.Return]():       trace.FieldRet,
	reflect.TypeFor[mach.Inherit]():      trace.FieldInherit,
	reflect.TypeFor[mach.CopyStrategy](): trace.FieldCopyStrategy,
	reflect.TypeFor[mach.ShouldReturn](): trace.FieldShouldReturn,
	reflect.TypeFor[mach.Behavior]():     trace.FieldBehavior,
	reflect.TypeFor[mach.SyncFlags]():    trace.FieldSync,
	reflect.TypeFor[mach.Flavor]():       trace.FieldFlavor,
	reflect.TypeFor[mach.Name]():         trace.FieldName,
	reflect.TypeFor[mach.RightCode]():    trace.FieldRight,
	reflect.TypeFor[mach.TypeBits]():     trace.FieldType,
	reflect.TypeFor[mach.MsgID]():        trace.FieldMsgID,
	reflect.TypeFor[mach.Disposition]():  trace.FieldDisp,
}

// fieldKind is how the trace writes an argument; false for what is not in the message itself.
func fieldKind(a *mig.Arg) (trace.FieldKind, bool) {
	switch a.Kind {
	case mig.ArgDest:
		return trace.FieldDest, true
	case mig.ArgPort:
		return trace.FieldPort, true
	case mig.ArgPorts:
		return trace.FieldPorts, true
	case mig.ArgMemory:
		return trace.FieldMemory, true
	case mig.ArgWord:
		if k, ok := wordKinds[a.Type]; ok {
			return k, true
		}
		return trace.FieldWord32, true
	case mig.ArgWide:
		return trace.FieldWord64, true
	case mig.ArgBytes:
		return trace.FieldBytes, true
	case mig.ArgWords:
		return trace.FieldWords, true
	}
	return 0, false
}

// MessageNames says what messages in a form are called, for whoever shows a saved trace.
func MessageNames(form mig.Form) trace.MessageInfo { return messageNames[form] }
