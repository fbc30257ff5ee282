package personality

import (
	"fmt"
	"strings"

	"machvm/kernel/mach"
)

// presets in the order of Names; the first is the default.
var presets = []struct {
	name string
	make func() Personality
}{
	{"mach", Mach}, {"osf-manual", OSFManual}, {"osf-source", OSFSource}, {"cmu-3.0", CMU30}, {"gnumach", GNUMach},
}

// Names lists the presets, the default first.
func Names() []string {
	names := make([]string, len(presets))
	for i, p := range presets {
		names[i] = p.name
	}
	return names
}

// ByName is the preset with the given name. It fails for a name that is none of Names.
func ByName(name string) (Personality, error) {
	for _, p := range presets {
		if p.name == name {
			return p.make(), nil
		}
	}
	return Personality{}, fmt.Errorf("personality: no preset %q; there are %s", name, strings.Join(Names(), ", "))
}

// Mach is the default: OSFManual, except where every kernel and every existing Mach program agree against a
// sentence of the manual.
func Mach() Personality {
	p := OSFManual()
	p.Preset = "mach"
	p.NSRequestOnMove = MoveKeep     // all four kernels
	p.DeallocUnknownOK = false       // success would hide double releases
	p.PlainPortsNoNMS = false        // every Mach program asks for no-senders on such ports
	p.KeepRightsOnInvalidData = true // all kernels
	p.AcceptUnrequestedSupply = true // managers read ahead and rely on it
	return p
}

// OSFManual is the OSF MK manual and, where it is silent, OSF MK source. Rules hold as written under it.
func OSFManual() Personality {
	return Personality{
		Preset: "osf-manual",

		TermWindow:              TermQueue,
		MapWaitsForReady:        true,
		DropPagesOnManagerDeath: false,
		TemporaryCache:          TemporaryNever,
		SupplyPartialPage:       PartialDrop,
		AcceptUnrequestedSupply: false,
		DestroyedFaultCode:      mach.KernMemoryFailure,
		LockCompletedLength:     LengthGiven,
		DeadObjectMapsZero:      false,
		DataErrorWakes:          WakesAll,
		ErrorPassThrough:        PassSystem,
		AllowStrategyChange:     false,
		KernelPortQlimit:        mach.QlimitDefault,
		TerminateWithName:       false,
		MessageSet:              OSF,
		ObjectCacheMax:          500,
		PageoutCluster:          1,
		NSRequestOnMove:         MoveCancel,
		UnavailablePrefill:      false,
		ForeignPortCode:         mach.KernInvalidObject,
		CopyCall:                false,
		ClusterPagein:           true,
		AdvisoryPageout:         false,

		MultiSet:                true,
		DeallocUnknownOK:        true,
		PlainPortsNoNMS:         true,
		SendToDyingPort:         DyingSuccess,
		KeepRightsOnInvalidData: false,
		RcvCopyField:            FieldCopy,
		ZeroCopyEdges:           true,
		MsgAccepted:             false,
		TooLargeTrailer:         TrailerEmpty,

		CacheDeactivates:   true,
		ProtectSkipsHoles:  false,
		RegionEndCode:      mach.KernInvalidAddress,
		WireRangeCodes:     WireOSF,
		WiringsNest:        true,
		ZeroSizeRounds:     false,
		WrapClamps:         false,
		Msync:              MsyncFull,
		EntryCoalescing:    CoalesceForward,
		BypassWithPager:    true,
		FreeUnmappedPages:  true,
		DoublePaging:       false,
		AttributeRangeCode: mach.KernInvalidAddress,
		OSFReserveQuirk:    false,
	}
}

// OSFSource is the habits of OSF MK source, its defects excepted.
func OSFSource() Personality {
	p := kernels()
	p.Preset = "osf-source"
	p.TemporaryCache = TemporaryReturn
	p.LockCompletedLength = LengthRounded
	p.ErrorPassThrough = PassMax
	p.UnavailablePrefill = true
	p.RcvCopyField = FieldPlacement
	p.OSFReserveQuirk = true
	return p
}

// CMU30 is the habits of CMU Mach 3.0.
func CMU30() Personality {
	p := kernels()
	p.Preset = "cmu-3.0"
	p.beforeOSF()
	p.MessageSet = CMU
	p.ObjectCacheMax = 100
	p.WireRangeCodes = WireCMU
	p.Msync = MsyncAbsent
	return p
}

// GNUMach is the habits of GNU Mach.
func GNUMach() Personality {
	p := kernels()
	p.Preset = "gnumach"
	p.beforeOSF()
	p.MessageSet = GNU
	p.ObjectCacheMax = -1
	p.CacheDeactivates = false
	p.WireRangeCodes = WireGNU
	p.WiringsNest = false
	p.Msync = MsyncFails
	p.EntryCoalescing = CoalesceBoth
	p.FreeUnmappedPages = true
	return p
}

// kernels is what all three kernels do otherwise than the OSF manual says.
func kernels() Personality {
	p := OSFManual()
	p.TermWindow = TermReject
	p.SupplyPartialPage = PartialReject
	p.AcceptUnrequestedSupply = true
	p.DestroyedFaultCode = mach.KernMemoryError
	p.DeadObjectMapsZero = true
	p.DataErrorWakes = WakesFirst
	p.AllowStrategyChange = true
	p.NSRequestOnMove = MoveKeep
	p.MultiSet = false
	p.DeallocUnknownOK = false
	p.PlainPortsNoNMS = false
	p.KeepRightsOnInvalidData = true
	p.ZeroCopyEdges = false
	p.TooLargeTrailer = TrailerRequested
	p.ZeroSizeRounds = true
	p.WrapClamps = true
	p.FreeUnmappedPages = false
	return p
}

// beforeOSF sets what CMU Mach 3.0 and GNU Mach share against OSF MK.
func (p *Personality) beforeOSF() {
	p.MapWaitsForReady = false
	p.TemporaryCache = TemporaryDiscard
	p.ErrorPassThrough = PassNever
	p.TerminateWithName = true
	p.ForeignPortCode = mach.KernInvalidArgument
	p.CopyCall = true
	p.ClusterPagein = false
	p.MsgAccepted = true
	p.ProtectSkipsHoles = true
	p.RegionEndCode = mach.KernNoSpace
	p.BypassWithPager = false
	p.DoublePaging = true
	p.AttributeRangeCode = mach.KernInvalidArgument
}
