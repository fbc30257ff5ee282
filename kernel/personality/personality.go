package personality

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"machvm/kernel/mach"
)

// Personality is the habits of one host. It is a plain value: copy it, compare it with ==. The table behind
// Fields says what each field asks and which rules depend on it. The zero value is not a personality;
// start from a preset.
type Personality struct {
	// Preset is the name of the preset the value started as; changing a field does not change it.
	Preset string

	// The pager protocol.

	TermWindow              TermWindow
	MapWaitsForReady        bool
	DropPagesOnManagerDeath bool
	TemporaryCache          TemporaryCache
	SupplyPartialPage       SupplyPartial
	AcceptUnrequestedSupply bool
	DestroyedFaultCode      mach.Return
	LockCompletedLength     LockLength
	DeadObjectMapsZero      bool
	DataErrorWakes          ErrorWakes
	ErrorPassThrough        ErrorPass
	AllowStrategyChange     bool
	KernelPortQlimit        int // messages
	TerminateWithName       bool
	MessageSet              MessageSet
	ObjectCacheMax          int // objects; -1: no limit, but an object without resident pages is not kept
	PageoutCluster          int // pages
	NSRequestOnMove         MoveRequest
	UnavailablePrefill      bool
	ForeignPortCode         mach.Return
	CopyCall                bool
	ClusterPagein           bool
	AdvisoryPageout         bool

	// Ports and messages.

	MultiSet                bool
	DeallocUnknownOK        bool
	PlainPortsNoNMS         bool
	SendToDyingPort         DyingSend
	KeepRightsOnInvalidData bool
	RcvCopyField            CopyField
	ZeroCopyEdges           bool
	MsgAccepted             bool
	TooLargeTrailer         TooLarge

	// Address spaces and memory.

	CacheDeactivates   bool
	ProtectSkipsHoles  bool
	RegionEndCode      mach.Return
	WireRangeCodes     WireCodes
	WiringsNest        bool
	ZeroSizeRounds     bool
	WrapClamps         bool
	Msync              Msync
	EntryCoalescing    Coalescing
	BypassWithPager    bool
	FreeUnmappedPages  bool
	DoublePaging       bool
	AttributeRangeCode mach.Return
	OSFReserveQuirk    bool
}

// Difference is one field in which two personalities differ.
type Difference struct {
	Field       string
	Left, Right string
}

// Diff lists the fields in which p and q differ, in the order of the table. The preset's name is not one of them.
func (p Personality) Diff(q Personality) []Difference {
	var out []Difference
	for _, r := range rows {
		if left, right := r.at(&p).String(), r.at(&q).String(); left != right {
			out = append(out, Difference{r.Name, left, right})
		}
	}
	return out
}

// String is the name of the preset with the fields that differ from it: "mach TermWindow=reject".
func (p Personality) String() string {
	base, err := ByName(p.Preset)
	if err != nil {
		return fmt.Sprintf("personality of unknown preset %q", p.Preset)
	}
	var b strings.Builder
	b.WriteString(p.Preset)
	for _, d := range base.Diff(p) {
		fmt.Fprintf(&b, " %s=%s", d.Field, d.Right)
	}
	return b.String()
}

// Parse reads what String writes: the name of a preset and fields that differ from it, each as Field=value. It
// fails for a name or a value that there is not.
func Parse(s string) (Personality, error) {
	words := strings.Fields(s)
	if len(words) == 0 {
		return Personality{}, errors.New("personality: no preset is named")
	}
	p, err := ByName(words[0])
	for _, w := range words[1:] {
		if err != nil {
			break
		}
		field, value, _ := strings.Cut(w, "=")
		err = p.Set(field, value)
	}
	return p, err
}

// Validate refuses a personality that no host can have: one that started from no preset, with a field out
// of its range, or with a message that has no number in the host's message set. The error names every
// offending field.
func (p Personality) Validate() error {
	var errs []error
	if !slices.Contains(Names(), p.Preset) {
		errs = append(errs, fmt.Errorf("no preset is named %q", p.Preset))
	}
	for _, r := range rows {
		v := r.at(&p)
		if err := v.Parse(v.String()); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.Name, err))
		}
	}
	needs := func(is bool, field, message string, sets ...MessageSet) {
		for _, s := range sets {
			is = is && s != p.MessageSet
		}
		if is {
			errs = append(errs, fmt.Errorf("%s needs %s, which has no number in the message set %s",
				field, message, p.MessageSet))
		}
	}
	needs(p.Msync == MsyncFull, "Msync=full", "memory_object_synchronize", OSF)
	needs(p.Msync == MsyncFails, "Msync=fails", "vm_msync", OSF, GNU)
	needs(p.CopyCall, "CopyCall=true", "memory_object_copy", CMU, GNU)
	needs(p.AdvisoryPageout, "AdvisoryPageout=true", "memory_object_discard_request", OSF)
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("personality: %w", err)
	}
	return nil
}
