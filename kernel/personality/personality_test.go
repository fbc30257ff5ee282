package personality

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"machvm/kernel/mach"

	"github.com/stretchr/testify/require"
)

// expected is the published table: field, then osf-manual, osf-source, cmu-3.0, gnumach.
const expected = `
TermWindow              queue               reject              reject                reject
MapWaitsForReady        true                true                false                 false
DropPagesOnManagerDeath false               false               false                 false
TemporaryCache          never               return              discard               discard
SupplyPartialPage       drop                reject              reject                reject
AcceptUnrequestedSupply false               true                true                  true
DestroyedFaultCode      KERN_MEMORY_FAILURE KERN_MEMORY_ERROR   KERN_MEMORY_ERROR     KERN_MEMORY_ERROR
LockCompletedLength     given               rounded             given                 given
DeadObjectMapsZero      false               true                true                  true
DataErrorWakes          all                 first               first                 first
ErrorPassThrough        system              max                 never                 never
AllowStrategyChange     false               true                true                  true
KernelPortQlimit        5                   5                   5                     5
TerminateWithName       false               false               true                  true
MessageSet              osf                 osf                 cmu                   gnu
ObjectCacheMax          500                 500                 100                   -1
PageoutCluster          1                   1                   1                     1
NSRequestOnMove         cancel              keep                keep                  keep
UnavailablePrefill      false               true                false                 false
ForeignPortCode         KERN_INVALID_OBJECT KERN_INVALID_OBJECT KERN_INVALID_ARGUMENT KERN_INVALID_ARGUMENT
CopyCall                false               false               true                  true
ClusterPagein           true                true                false                 false
AdvisoryPageout         false               false               false                 false
MultiSet                true                false               false                 false
DeallocUnknownOK        true                false               false                 false
PlainPortsNoNMS         true                false               false                 false
SendToDyingPort         success             success             success               success
KeepRightsOnInvalidData false               true                true                  true
RcvCopyField            copy                placement           copy                  copy
ZeroCopyEdges           true                false               false                 false
MsgAccepted             false               false               true                  true
TooLargeTrailer         empty               requested           requested             requested
CacheDeactivates        true                true                true                  false
ProtectSkipsHoles       false               false               true                  true
RegionEndCode           KERN_INVALID_ADDRESS KERN_INVALID_ADDRESS KERN_NO_SPACE       KERN_NO_SPACE
WireRangeCodes          osf                 osf                 cmu                   gnu
WiringsNest             true                true                true                  false
ZeroSizeRounds          false               true                true                  true
WrapClamps              false               true                true                  true
Msync                   full                full                absent                fails
EntryCoalescing         forward             forward             forward               both
BypassWithPager         true                true                false                 false
FreeUnmappedPages       true                false               false                 true
DoublePaging            false               false               true                  true
AttributeRangeCode      KERN_INVALID_ADDRESS KERN_INVALID_ADDRESS KERN_INVALID_ARGUMENT KERN_INVALID_ARGUMENT
OSFReserveQuirk         false               true                false                 false
`

func TestPresetsAreTheTable(t *testing.T) {
	presets := []Personality{OSFManual(), OSFSource(), CMU30(), GNUMach()}
	lines := strings.Split(strings.TrimSpace(expected), "\n")
	require.Len(t, lines, len(Fields()))
	for i, line := range lines {
		words := strings.Fields(line)
		require.Len(t, words, 5)
		require.Equal(t, words[0], Fields()[i].Name)
		for j, p := range presets {
			got, err := p.Get(words[0])
			require.NoError(t, err)
			require.Equal(t, words[1+j], got, "%s of %s", words[0], p.Preset)
		}
	}
}

func TestDefaultDiffersInFiveFields(t *testing.T) {
	require.Equal(t, []Difference{
		{"AcceptUnrequestedSupply", "false", "true"},
		{"NSRequestOnMove", "cancel", "keep"},
		{"DeallocUnknownOK", "true", "false"},
		{"PlainPortsNoNMS", "true", "false"},
		{"KeepRightsOnInvalidData", "false", "true"},
	}, OSFManual().Diff(Mach()))
	require.Equal(t, "mach", Names()[0])
}

func TestNames(t *testing.T) {
	require.Equal(t, []string{"mach", "osf-manual", "osf-source", "cmu-3.0", "gnumach"}, Names())
	for _, name := range Names() {
		p, err := ByName(name)
		require.NoError(t, err)
		require.Equal(t, name, p.Preset)
		require.Equal(t, name, p.String())
		require.NoError(t, p.Validate())
	}
	_, err := ByName("plan9")
	require.EqualError(t, err,
		`personality: no preset "plan9"; there are mach, osf-manual, osf-source, cmu-3.0, gnumach`)
}

// Every field of the struct has one row, in the same order, and the row reaches that field.
func TestTableCoversTheStruct(t *testing.T) {
	typ := reflect.TypeFor[Personality]()
	require.Equal(t, "Preset", typ.Field(0).Name)
	require.Equal(t, typ.NumField()-1, len(rows))
	for i := range rows {
		name := rows[i].Name
		require.Equal(t, typ.Field(i+1).Name, name)
		p, q := Mach(), Mach()
		old, err := p.Get(name)
		require.NoError(t, err)
		for _, v := range legal(rows[i].Field) {
			require.NoError(t, p.Set(name, v), "%s=%s", name, v)
			if v != old {
				require.Len(t, p.Diff(q), 1, "%s=%s changes one field", name, v)
				require.NotEqual(t, p, q)
				require.NotEqual(t, reflect.ValueOf(q).Field(i+1).Interface(), reflect.ValueOf(p).Field(i+1).Interface())
			}
			got, err := p.Get(name)
			require.NoError(t, err)
			require.Equal(t, v, got)
		}
	}
}

// legal lists values of a field to try: for a range its ends.
func legal(f Field) []string {
	if low, high, ok := strings.Cut(f.Values[0], ".."); ok {
		return []string{low, high}
	}
	return f.Values
}

func TestTableIsWellFormed(t *testing.T) {
	rule := regexp.MustCompile(`^(EMM|IPC|VM)-\d{3}$`)
	id := regexp.MustCompile(`^(E|ID|VD)-\d\d$`)
	seen := map[string]string{}
	for _, f := range Fields() {
		require.True(t, strings.HasSuffix(f.Question, "?") || strings.HasSuffix(f.Question, "?)") ||
			strings.Contains(f.Question, "? ("), f.Name)
		require.GreaterOrEqual(t, len(legal(f)), 2, f.Name)
		require.NotEmpty(t, f.IDs, f.Name)
		for _, s := range f.IDs {
			require.Regexp(t, id, s)
			require.Empty(t, seen[s], "%s settles two fields", s)
			seen[s] = f.Name
		}
		for _, s := range f.Rules {
			require.Regexp(t, rule, s)
		}
		got, ok := FieldNamed(f.Name)
		require.True(t, ok)
		require.Equal(t, f, got)
	}
	_, ok := FieldNamed("Preset")
	require.False(t, ok)
}

func TestSetRefuses(t *testing.T) {
	p := Mach()
	for _, c := range [][3]string{
		{"TermWindow", "perhaps", `personality: TermWindow: "perhaps" is none of queue, reject`},
		{"CopyCall", "yes", `personality: CopyCall: "yes" is none of true, false`},
		{"ObjectCacheMax", "-2", `personality: ObjectCacheMax: -2 is not between -1 and 1048576`},
		{"ObjectCacheMax", "many", `personality: ObjectCacheMax: "many" is not a number`},
		{"KernelPortQlimit", "17", `personality: KernelPortQlimit: 17 is not between 1 and 16`},
		{"DestroyedFaultCode", "KERN_SUCCESS",
			`personality: DestroyedFaultCode: "KERN_SUCCESS" is none of KERN_MEMORY_FAILURE, KERN_MEMORY_ERROR`},
		{"RegionEndCode", "nonsense",
			`personality: RegionEndCode: "nonsense" is none of KERN_INVALID_ADDRESS, KERN_NO_SPACE`},
		{"Weather", "fine", `personality: no field is named "Weather"`},
	} {
		require.EqualError(t, p.Set(c[0], c[1]), c[2])
	}
	require.Equal(t, Mach(), p, "a refused value changes nothing")
	_, err := p.Get("Weather")
	require.EqualError(t, err, `personality: no field is named "Weather"`)
}

func TestParseReadsWhatStringWrites(t *testing.T) {
	for _, name := range Names() {
		p, err := ByName(name)
		require.NoError(t, err)
		require.NoError(t, p.Set("TermWindow", "reject"))
		require.NoError(t, p.Set("DestroyedFaultCode", "KERN_MEMORY_ERROR"))
		require.NoError(t, p.Set("ObjectCacheMax", "3"))
		back, err := Parse(p.String())
		require.NoError(t, err)
		require.Equal(t, p, back)
	}
	for _, bad := range []string{"", "plan9", "mach Nothing=1", "mach TermWindow=never"} {
		_, err := Parse(bad)
		require.Error(t, err, bad)
	}
}

func TestString(t *testing.T) {
	p := Mach()
	require.NoError(t, p.Set("TermWindow", "reject"))
	p.ObjectCacheMax = 3
	require.Equal(t, "mach TermWindow=reject ObjectCacheMax=3", p.String())
	require.Equal(t, `personality of unknown preset ""`, Personality{}.String())
	require.Equal(t, "invalid(9)", TermWindow(9).String())
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		base   Personality
		change func(*Personality)
		want   string // "" if legal
	}{
		{Mach(), func(p *Personality) { p.TerminateWithName = true }, ""},
		{Mach(), func(p *Personality) { p.Msync = MsyncAbsent }, ""},
		{Mach(), func(p *Personality) { p.Msync = MsyncFails }, ""},
		{GNUMach(), func(p *Personality) { p.CopyCall = false }, ""},
		{Mach(), func(p *Personality) { p.AdvisoryPageout = true }, ""},
		{Mach(), func(p *Personality) { p.CopyCall = true },
			"CopyCall=true needs memory_object_copy, which has no number in the message set osf"},
		{CMU30(), func(p *Personality) { p.Msync = MsyncFull },
			"Msync=full needs memory_object_synchronize, which has no number in the message set cmu"},
		{GNUMach(), func(p *Personality) { p.Msync = MsyncFull },
			"Msync=full needs memory_object_synchronize, which has no number in the message set gnu"},
		{CMU30(), func(p *Personality) { p.Msync = MsyncFails },
			"Msync=fails needs vm_msync, which has no number in the message set cmu"},
		{CMU30(), func(p *Personality) { p.AdvisoryPageout = true },
			"AdvisoryPageout=true needs memory_object_discard_request, which has no number in the message set cmu"},
		{Mach(), func(p *Personality) { p.TermWindow = 9 }, `TermWindow: "invalid(9)" is none of queue, reject`},
		{Mach(), func(p *Personality) { p.KernelPortQlimit = 0 }, "KernelPortQlimit: 0 is not between 1 and 16"},
		{Mach(), func(p *Personality) { p.ForeignPortCode = mach.KernSuccess },
			`ForeignPortCode: "KERN_SUCCESS" is none of KERN_INVALID_OBJECT, KERN_INVALID_ARGUMENT`},
	} {
		c.change(&c.base)
		if c.want == "" {
			require.NoError(t, c.base.Validate(), c.base)
		} else {
			require.EqualError(t, c.base.Validate(), "personality: "+c.want)
		}
	}
	require.ErrorContains(t, Personality{}.Validate(), `no preset is named ""`, "the zero value is no personality")
}
