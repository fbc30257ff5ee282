package personality

import (
	"fmt"
	"slices"
	"strconv"

	"machvm/kernel/mach"
)

// Field describes one field of Personality.
type Field struct {
	Name     string
	Question string   // what the field decides
	Values   []string // its spellings; a range of numbers is one entry, such as "1..16"
	Rules    []string // conformance rules whose outcome depends on it
	IDs      []string // the disagreements it settles
}

// Fields lists all fields in the order of the struct. The slices belong to the table: do not change them.
func Fields() []Field {
	out := make([]Field, len(rows))
	for i, r := range rows {
		out[i] = r.Field
	}
	return out
}

// FieldNamed is the field with the given name.
func FieldNamed(name string) (Field, bool) {
	for _, r := range rows {
		if r.Name == name {
			return r.Field, true
		}
	}
	return Field{}, false
}

// Get is the value of the field with the given name as text. It fails for a name that no field has.
func (p Personality) Get(name string) (string, error) {
	r, err := rowNamed(name)
	if err != nil {
		return "", err
	}
	return r.at(&p).String(), nil
}

// Set gives the field with the given name the value spelled value: true or false, a number, a word of
// Field.Values, or a code such as KERN_MEMORY_ERROR. It fails, and changes nothing, for an unknown name or
// value. Only Validate sees whether fields fit together.
func (p *Personality) Set(name, value string) error {
	r, err := rowNamed(name)
	if err != nil {
		return err
	}
	if err := r.at(p).Parse(value); err != nil {
		return fmt.Errorf("personality: %s: %w", name, err)
	}
	return nil
}

func rowNamed(name string) (*row, error) {
	for i := range rows {
		if rows[i].Name == name {
			return &rows[i], nil
		}
	}
	return nil, fmt.Errorf("personality: no field is named %q", name)
}

// value is a field in place. Parse accepts what String returns as long as it is legal.
type value interface {
	String() string
	Parse(string) error
}

// row is a Field and where to find it.
type row struct {
	Field
	at func(*Personality) value
}

type boolean bool

func (b *boolean) String() string { return strconv.FormatBool(bool(*b)) }

func (b *boolean) Parse(s string) error {
	switch s {
	case "true":
		*b = true
	case "false":
		*b = false
	default:
		return oneOf(s, yesNo)
	}
	return nil
}

type number struct {
	n        *int
	min, max int
}

func (v number) String() string { return strconv.Itoa(*v.n) }

func (v number) Parse(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil {
		return fmt.Errorf("%q is not a number", s)
	}
	if n < v.min || n > v.max {
		return fmt.Errorf("%d is not between %d and %d", n, v.min, v.max)
	}
	*v.n = n
	return nil
}

type code struct {
	r     *mach.Return
	legal []string
}

func (v code) String() string { return v.r.String() }

func (v code) Parse(s string) error {
	r, ok := mach.ParseReturn(s)
	if !ok || !slices.Contains(v.legal, s) {
		return oneOf(s, v.legal)
	}
	*v.r = r
	return nil
}

// Upper bounds of the numbers. A million cached objects and a return of 1024 pages are more than any kernel
// had.
const (
	qlimitMax  = mach.QlimitMax
	cacheMax   = 1 << 20
	clusterMax = 1 << 10
)

var (
	yesNo          = []string{"true", "false"}
	destroyedCodes = []string{"KERN_MEMORY_FAILURE", "KERN_MEMORY_ERROR"}
	foreignCodes   = []string{"KERN_INVALID_OBJECT", "KERN_INVALID_ARGUMENT"}
	regionEndCodes = []string{"KERN_INVALID_ADDRESS", "KERN_NO_SPACE"}
	attributeCodes = []string{"KERN_INVALID_ADDRESS", "KERN_INVALID_ARGUMENT"}
	qlimitRange    = []string{"1.." + strconv.Itoa(qlimitMax)}
	objectsRange   = []string{"-1.." + strconv.Itoa(cacheMax)}
	pageoutRange   = []string{"1.." + strconv.Itoa(clusterMax)}
)
