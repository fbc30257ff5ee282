package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDiffAlike: one personality twice is no difference, whichever preset the script names.
func TestDiffAlike(t *testing.T) {
	for _, level := range []string{"--full=false", "--full=true"} {
		code, stdout, stderr := command("diff", level, "gnumach", "gnumach", scripts+"last_unmap.star")
		require.Zero(t, code, stderr)
		require.Contains(t, stdout, "gnumach and gnumach are alike, ")
	}
}

// TestDiffNamesTheHabit: the first line in which the runs part is shown with what both do there, and so is the one
// field that parts them at that line.
func TestDiffNamesTheHabit(t *testing.T) {
	code, stdout, stderr := command("diff", "osf-manual", "cmu-3.0", scripts+"manager_death.star")
	require.Equal(t, 1, code, stderr)
	at := regexp.MustCompile(`part at line (\d+)\n`).FindStringSubmatch(stdout)
	require.NotNil(t, at, stdout)
	require.Regexp(t, `(?m)^- +`+at[1]+` k0 kernel   -> memory_object_init\(memory_object=object, memory_control=object.control#1, memory_object_page_size=0x1000\)$`, stdout)
	require.Regexp(t, `(?m)^\+ +`+at[1]+` k0 kernel   -> memory_object_init\(.*memory_object_name=`, stdout)
	before, after, ok := strings.Cut(stdout, "Other habits that change this run, each alone\n")
	require.True(t, ok, stdout)
	require.Contains(t, before, "They part there by\n  TerminateWithName: false -> true  (E-25 ID-20 VD-01)")
	require.Equal(t, 1, strings.Count(before[strings.Index(before, "They part"):], " -> "), "one field is to blame")
	require.Contains(t, after, "MapWaitsForReady: true -> false")
	require.Contains(t, after, "DestroyedFaultCode: KERN_MEMORY_FAILURE -> KERN_MEMORY_ERROR")
	require.Contains(t, after, "Not tried alone, since no host can have it without others\n  MessageSet: osf -> cmu")
	require.Contains(t, stdout, "- osf-manual: PASS manager_death.star\n+ cmu-3.0: FAIL manager_death.star\n")
}

func TestDiffMistakes(t *testing.T) {
	for args, says := range map[string]string{
		"diff mach nobody " + scripts + "last_unmap.star":               "nobody",
		"diff nobody mach " + scripts + "last_unmap.star":               "nobody",
		"diff mach gnumach nowhere.star":                                "nowhere.star",
		"diff mach gnumach " + scripts + "bad/syntax.star":              "syntax.star:4",
		"diff mach gnumach":                                             "accepts 3 arg(s)",
		"diff --context=-1 mach gnumach " + scripts + "last_unmap.star": "--context=-1",
	} {
		code, stdout, stderr := command(strings.Fields(args)...)
		require.Equal(t, 2, code, args)
		require.Contains(t, stdout+stderr, says, args)
	}
}
