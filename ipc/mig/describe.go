package mig

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"reflect"
	"strings"

	"machvm/kernel/mach"
)

// Doc is the prose of a row: the doc comment of the request's struct, read from the subsystem's source.
// It is "" if there is none. Meant for printed references; every call parses the source again.
func (r *Row) Doc() string {
	want := baseName(r.shapes[Request].proto)
	if r.Subsystem.src == nil {
		return ""
	}
	files, _ := fs.Glob(r.Subsystem.src, "*.go")
	for _, name := range files {
		text, err := fs.ReadFile(r.Subsystem.src, name)
		if err != nil {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			continue
		}
		if doc := typeDoc(file, want); doc != "" {
			return doc
		}
	}
	return ""
}

func typeDoc(file *ast.File, name string) string {
	for _, decl := range file.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range d.Specs {
			if t, ok := spec.(*ast.TypeSpec); ok && t.Name.Name == name {
				if t.Doc != nil {
					return t.Doc.Text()
				}
				return d.Doc.Text()
			}
		}
	}
	return ""
}

// String is the argument as a .defs file would list it.
func (a Arg) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", a.Name, a.TypeName())
	if a.Disposition[OSF] != mach.DispNone {
		fmt.Fprintf(&b, " = %s", a.Disposition[OSF])
		if d := a.Disposition[CMU]; d != a.Disposition[OSF] {
			fmt.Fprintf(&b, " (cmu, gnu: %s)", d)
		}
	}
	if a.Poly {
		b.WriteString(" | polymorphic")
	}
	if a.Strict {
		fmt.Fprintf(&b, ", arriving as %s", a.Disposition[OSF].Arrives())
	}
	if a.Max > 0 {
		fmt.Fprintf(&b, "[*:%d]", a.Max)
	}
	if a.Deallocate {
		b.WriteString(", dealloc")
	}
	if a.companion >= 0 && !a.Poly {
		b.WriteString(", dealloc[]")
	}
	if a.Option != "" {
		fmt.Fprintf(&b, ", only with %s", a.Option)
	}
	return b.String()
}

// TypeName is the type of the argument in plain words.
func (a Arg) TypeName() string {
	switch a.Kind {
	case ArgDest:
		return a.Server + " port"
	case ArgPort, ArgPorts, ArgMemory:
		return a.Kind.String()
	}
	return a.Type.String()
}

// Text is the value of an inline argument at the beginning of a body, and the bytes behind it. For other
// arguments, and where the body is too short, the text is "".
func (a Arg) Text(body []byte) (text string, rest []byte) {
	switch {
	case a.Kind == ArgWord && len(body) >= 4:
		return value(a.Type, uint64(mach.Words.Uint32(body))), body[4:]
	case a.Kind == ArgWide && len(body) >= 8:
		return value(a.Type, mach.Words.Uint64(body)), body[8:]
	case a.Kind == ArgBytes && len(body) >= 4:
		n := uint64(mach.Words.Uint32(body))
		if size := (n + 3) &^ 3; size <= uint64(len(body)-4) {
			return fmt.Sprintf("%q", body[4:4+n]), body[4+size:]
		}
	case (a.Kind == ArgWords || a.Kind == ArgWides) && len(body) >= 4:
		item, n := Arg{Kind: ArgWord, Type: a.Type.Elem()}, uint64(mach.Words.Uint32(body))
		if a.Kind == ArgWides {
			item.Kind = ArgWide
		}
		if n <= uint64(len(body)-4)/uint64(item.Type.Size()) {
			words, rest := make([]string, n), body[4:]
			for i := range words {
				words[i], rest = item.Text(rest)
			}
			return "[" + strings.Join(words, " ") + "]", rest
		}
	}
	return "", body
}

// value prints w as a value of type t does, by its String method if it has one.
func value(t reflect.Type, w uint64) string {
	v := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.Bool:
		v.SetBool(w != 0)
	case reflect.Int32:
		v.SetInt(int64(int32(w)))
	case reflect.Int64:
		v.SetInt(int64(w))
	case reflect.Uint8:
		v.SetUint(min(w, 0xff))
	default:
		v.SetUint(w)
	}
	return fmt.Sprint(v.Interface())
}
