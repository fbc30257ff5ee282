package trace

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
)

// Reader reads what JSON wrote, so that a saved trace can be shown or checked again.
type Reader struct {
	in    *bufio.Scanner
	line  int
	names *Names
}

// maxLine bounds a line; what JSON writes is far shorter.
const maxLine = 1 << 20

// NewReader reads from r. It fails if r does not begin as a trace does.
func NewReader(r io.Reader) (*Reader, error) {
	d := &Reader{in: bufio.NewScanner(r), names: NewNames()}
	d.in.Buffer(nil, maxLine)
	line, err := d.next()
	if err == io.EOF {
		return nil, errors.New("trace: the file is empty")
	}
	if err != nil {
		return nil, err
	}
	var head struct {
		Trace   string
		Version int
	}
	if err := json.Unmarshal(line, &head); err != nil || head.Trace != "machvm" {
		return nil, errors.New("trace line 1: not the beginning of a trace")
	}
	if head.Version != JSONVersion {
		return nil, fmt.Errorf("trace line 1: version %d is not %d", head.Version, JSONVersion)
	}
	return d, nil
}

// Names holds the names that the records read so far had when they were written. The caller sets the names
// of messages (SetMessages) if arguments are to be shown.
func (d *Reader) Names() *Names { return d.names }

// Next is the next record; io.EOF after the last. Other errors name the line.
func (d *Reader) Next() (*Record, error) {
	line, err := d.next()
	if err != nil {
		return nil, err
	}
	r := &Record{}
	if err := d.decode(line, r); err != nil {
		return nil, fmt.Errorf("trace line %d: %w", d.line, err)
	}
	return r, nil
}

func (d *Reader) next() ([]byte, error) {
	for d.in.Scan() {
		d.line++
		if line := bytes.TrimSpace(d.in.Bytes()); len(line) > 0 {
			return line, nil
		}
	}
	if err := d.in.Err(); err != nil {
		return nil, fmt.Errorf("trace line %d: %w", d.line+1, err)
	}
	return nil, io.EOF
}

// object is a line of JSON, field by field. What has been read is taken out.
type object map[string]json.RawMessage

func (d *Reader) decode(line []byte, r *Record) error {
	o := object{}
	if err := json.Unmarshal(line, &o); err != nil {
		return err
	}
	var kind string
	if err := o.read("kind", &kind); err != nil {
		return err
	}
	var err error
	if r.Kind, err = ParseKind(kind); err != nil {
		return err
	}
	err = errors.Join(o.read("seq", &r.Seq), o.read("time", (*uint64)(&r.Time)), o.read("host", &r.Host),
		o.read("thread", &r.Thread))
	if err != nil {
		return err
	}
	d.learn(o, "host", ClassHost, uint64(r.Host))
	d.learn(o, "thread", ClassThread, uint64(r.Thread))
	k := &kinds[r.Kind]
	event := k.view(r)
	for i := range k.plan {
		p := &k.plan[i]
		if p.optional && o[p.key] == nil {
			continue
		}
		v := p.value(event)
		if err := o.set(p, v); err != nil {
			return err
		}
		if p.class != ClassNone {
			d.learn(o, p.key, p.class, v.Uint())
		}
	}
	return nil
}

// learn keeps the name under key_name, unless it is what id is called anyway.
func (d *Reader) learn(o object, key string, c Class, id uint64) {
	var name string
	if o.read(key+"_name", &name) == nil && name != string(appendDefault(nil, c, id)) {
		d.names.Replace(c, id, name)
	}
}

func (o object) read(key string, into any) error {
	raw, ok := o[key]
	if !ok {
		return fmt.Errorf("the field %q is missing", key)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("the field %q: %w", key, err)
	}
	return nil
}

// set stores the planned field of o in v.
func (o object) set(p *attrPlan, v reflect.Value) error {
	if p.form != formText && p.form != formBytes {
		// Named number types are read as the numbers they are, whatever methods they have.
		plain := reflect.New(numberTypes[v.Kind()])
		if err := o.read(p.key, plain.Interface()); err != nil {
			return err
		}
		v.Set(plain.Elem().Convert(v.Type()))
		return nil
	}
	var text string
	if err := o.read(p.key, &text); err != nil {
		return err
	}
	b := []byte(text)
	if p.form == formBytes {
		var err error
		if b, err = hex.DecodeString(text); err != nil {
			return fmt.Errorf("the field %q: %w", p.key, err)
		}
	}
	if len(b) > v.Len() {
		return fmt.Errorf("the field %q has %d bytes and not at most %d", p.key, len(b), v.Len())
	}
	reflect.Copy(v, reflect.ValueOf(b))
	return nil
}

var numberTypes = map[reflect.Kind]reflect.Type{
	reflect.Bool: reflect.TypeFor[bool](),
	reflect.Int8: reflect.TypeFor[int8](), reflect.Int16: reflect.TypeFor[int16](),
	reflect.Int32: reflect.TypeFor[int32](), reflect.Int64: reflect.TypeFor[int64](),
	reflect.Uint8: reflect.TypeFor[uint8](), reflect.Uint16: reflect.TypeFor[uint16](),
	reflect.Uint32: reflect.TypeFor[uint32](), reflect.Uint64: reflect.TypeFor[uint64](),
}
