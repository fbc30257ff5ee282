package monitor

import (
	"slices"
	"strings"
)

// watchedBy says which check watches which rules. A rule that is not here is not claimed to be watched: it speaks
// of what happens inside a manager, of a duty without an end, or of what no message shows.
var watchedBy = []struct{ check, rules string }{
	{"messages in queues", `
		EMM-001 EMM-003 EMM-015 EMM-020 EMM-022 EMM-023 EMM-049 EMM-050 EMM-051 EMM-052 EMM-053 EMM-114
		EMM-212 EMM-214 EMM-215 EMM-216 EMM-217 EMM-219`},
	{"rights and references", `
		EMM-008 EMM-009 EMM-010 EMM-011 EMM-105 EMM-110`},
	{"calls and completions", `
		EMM-014 EMM-017 EMM-021 EMM-029 EMM-083 EMM-130 EMM-170 EMM-191 EMM-208 EMM-218 EMM-220`},
	{"life cycle of associations", `
		EMM-002 EMM-004 EMM-006 EMM-007 EMM-012 EMM-013 EMM-018 EMM-019 EMM-024 EMM-025 EMM-027 EMM-028
		EMM-030 EMM-033 EMM-035 EMM-043 EMM-044 EMM-045 EMM-046 EMM-047 EMM-064 EMM-066 EMM-071 EMM-073
		EMM-074 EMM-075 EMM-077 EMM-082 EMM-084 EMM-085 EMM-086 EMM-087 EMM-088 EMM-091 EMM-097 EMM-098
		EMM-099 EMM-100 EMM-101 EMM-102 EMM-104 EMM-109 EMM-222 EMM-238`},
	{"requests and returns", `
		EMM-032 EMM-054 EMM-055 EMM-056 EMM-057 EMM-058 EMM-059 EMM-060 EMM-061 EMM-062 EMM-078 EMM-115
		EMM-118 EMM-119 EMM-120 EMM-122 EMM-136 EMM-137 EMM-139 EMM-149 EMM-150 EMM-151 EMM-152 EMM-154
		EMM-155 EMM-158 EMM-166 EMM-168 EMM-175 EMM-179 EMM-180 EMM-181 EMM-182 EMM-184 EMM-189 EMM-190
		EMM-226 EMM-234`},
	{"supplies and other answers", `
		EMM-121 EMM-124 EMM-125 EMM-126 EMM-127 EMM-128 EMM-129 EMM-131 EMM-132 EMM-133 EMM-141 EMM-142
		EMM-178 EMM-241`},
	{"locks", `
		EMM-160 EMM-161 EMM-162 EMM-163 EMM-164 EMM-165 EMM-167 EMM-169 EMM-171 EMM-172 EMM-173 EMM-174
		EMM-176 EMM-177 EMM-187`},
	{"attributes", `
		EMM-034 EMM-079 EMM-080 EMM-081 EMM-192 EMM-193 EMM-194 EMM-195 EMM-196 EMM-197 EMM-198 EMM-199
		EMM-200 EMM-201`},
	{"synchronize and the default manager", `
		EMM-113 EMM-205 EMM-206 EMM-207 EMM-209 EMM-221 EMM-228 EMM-229 EMM-230`},
	{"mappings and faults", `
		EMM-026 EMM-031 EMM-036 EMM-037 EMM-039 EMM-041 EMM-042 EMM-070 EMM-092 EMM-093 EMM-094 EMM-095
		EMM-103 EMM-106 EMM-107 EMM-108 EMM-112 EMM-116 EMM-117 EMM-138 EMM-143 EMM-144 EMM-145 EMM-146
		EMM-183 EMM-245 EMM-250`},
	{"waits inside the kernel", `
		EMM-016 EMM-072 EMM-096 EMM-188`},
}

// watched is the name of the check for each rule that has one.
var watched = watchIndex()

func watchIndex() map[string]string {
	all := map[string]string{}
	for _, w := range watchedBy {
		for _, id := range strings.Fields(w.rules) {
			if _, ok := ByID(id); !ok {
				panic("monitor: a check watches " + id + ", which is no rule")
			}
			all[id] = w.check
		}
	}
	return all
}

// WatchedRule is a rule with the name of the check that watches it.
type WatchedRule struct {
	Rule
	Check string
}

// Watched lists the rules that a monitor watches, in order of id.
func Watched() (out []WatchedRule) {
	for _, r := range table {
		if check, ok := watched[r.ID]; ok {
			out = append(out, WatchedRule{r, check})
		}
	}
	return out
}

// Checks lists the names of the checks.
func Checks() (out []string) {
	for _, w := range watchedBy {
		if !slices.Contains(out, w.check) {
			out = append(out, w.check)
		}
	}
	return out
}
