package choice

import (
	"fmt"
	"strconv"
	"strings"
)

// Version is the version of the text form of schedules.
const Version = 1

// Step is one choice that was made.
type Step struct {
	Kind  Kind
	Name  string // the point
	Index int    // what was chosen
	Width int    // of how many
	Label string // name of what was chosen; "" if unknown, which a replay does not compare
}

// String is the line of the step in a schedule: kind, point, index/width, label.
func (s Step) String() string { return string(s.append(nil)) }

func (s Step) append(b []byte) []byte {
	b = append(b, s.Kind.String()...)
	b = append(b, ' ')
	b = appendWord(b, s.Name)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(s.Index), 10)
	b = append(b, '/')
	b = strconv.AppendInt(b, int64(s.Width), 10)
	if s.Label != "" {
		b = append(b, ' ')
		b = appendRest(b, s.Label)
	}
	return b
}

// Schedule is every choice of a run, with what is needed to find the scenario again.
type Schedule struct {
	Scenario string // name of the scenario, usually its file
	Hash     string // of the scenario's text, so that a replay of something else is noticed
	Seed     uint64 // of the strategy that found the schedule; information only
	Faults   string // that the run may have; see sched.Faults
	Steps    []Step
}

// String is the text form, which Parse reads:
//
//	machvm schedule 1
//	scenario terminate-race.star
//	hash 5f0c
//	seed 7
//
//	thread block 1/3 pager
//	preempt T1-broken 1/2 main
//
// Header lines may be missing. A line that starts with # is a comment. Words with spaces, quotes or
// unprintable characters are quoted as in Go.
func (s *Schedule) String() string {
	b := fmt.Appendf(nil, "machvm schedule %d\n", Version)
	if s.Scenario != "" {
		b = append(appendRest(append(b, "scenario "...), s.Scenario), '\n')
	}
	if s.Hash != "" {
		b = append(appendRest(append(b, "hash "...), s.Hash), '\n')
	}
	if s.Seed != 0 {
		b = fmt.Appendf(b, "seed %d\n", s.Seed)
	}
	if s.Faults != "" {
		b = append(appendRest(append(b, "faults "...), s.Faults), '\n')
	}
	if len(s.Steps) > 0 {
		b = append(b, '\n')
	}
	for _, step := range s.Steps {
		b = append(step.append(b), '\n')
	}
	return string(b)
}

// Trim drops the steps at the end that chose the first option: a replay takes it anyway after the last step.
func (s *Schedule) Trim() {
	n := len(s.Steps)
	for n > 0 && s.Steps[n-1].Index == 0 {
		n--
	}
	s.Steps = s.Steps[:n]
}

// Parse reads the text form of a schedule. Its errors name the line.
func Parse(text string) (*Schedule, error) {
	s, version := &Schedule{}, false
	for n := 1; text != ""; n++ {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		var err error
		if version {
			err = s.parseLine(line)
		} else {
			version, err = true, parseVersion(line)
		}
		if err != nil {
			return nil, fmt.Errorf("schedule line %d: %w", n, err)
		}
	}
	if !version {
		return nil, fmt.Errorf("schedule: no line %q", "machvm schedule "+strconv.Itoa(Version))
	}
	return s, nil
}

func parseVersion(line string) error {
	v, ok := strings.CutPrefix(line, "machvm schedule ")
	if !ok {
		return fmt.Errorf("want %q, have %q", "machvm schedule "+strconv.Itoa(Version), line)
	}
	if n, err := strconv.Atoi(strings.TrimSpace(v)); err != nil || n != Version {
		return fmt.Errorf("version %q is not %d", v, Version)
	}
	return nil
}

func (s *Schedule) parseLine(line string) (err error) {
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch word {
	case "scenario":
		s.Scenario, err = parseRest(rest)
	case "hash":
		s.Hash, err = parseRest(rest)
	case "faults":
		s.Faults, err = parseRest(rest)
	case "seed":
		s.Seed, err = strconv.ParseUint(rest, 10, 64)
	default:
		var step Step
		if step, err = parseStep(word, rest); err == nil {
			s.Steps = append(s.Steps, step)
		}
	}
	return err
}

func parseStep(kind, rest string) (s Step, err error) {
	if s.Kind, err = ParseKind(kind); err != nil {
		return s, err
	}
	if s.Kind == KindAny {
		return s, fmt.Errorf("a step has a kind of its own, not %q", kind)
	}
	if s.Name, rest, err = cutWord(rest); err != nil {
		return s, err
	}
	pick, rest, _ := strings.Cut(rest, " ")
	index, width, ok := strings.Cut(pick, "/")
	if !ok {
		return s, fmt.Errorf("want index/width, have %q", pick)
	}
	if s.Index, err = strconv.Atoi(index); err != nil {
		return s, fmt.Errorf("index: %w", err)
	}
	if s.Width, err = strconv.Atoi(width); err != nil {
		return s, fmt.Errorf("width: %w", err)
	}
	if s.Width < 2 || s.Index < 0 || s.Index >= s.Width {
		return s, fmt.Errorf("no choice: %s", pick)
	}
	s.Label, err = parseRest(strings.TrimSpace(rest))
	return s, err
}

// plain reports whether s reads back as itself without quotes.
func plain(s string, spaces bool) bool {
	if s == "" || s[0] == '"' || s[0] == '#' || s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	for _, r := range s {
		if r == ' ' && !spaces || r == '\uFFFD' || !strconv.IsPrint(r) {
			return false
		}
	}
	return true
}

func appendWord(b []byte, s string) []byte { return appendText(b, s, plain(s, false)) }
func appendRest(b []byte, s string) []byte { return appendText(b, s, plain(s, true)) }

func appendText(b []byte, s string, plain bool) []byte {
	if plain {
		return append(b, s...)
	}
	return strconv.AppendQuote(b, s)
}

func cutWord(s string) (word, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		if word, rest, _ = strings.Cut(s, " "); word == "" {
			return "", "", fmt.Errorf("the name of the point is missing")
		}
		return word, strings.TrimSpace(rest), nil
	}
	quoted, err := strconv.QuotedPrefix(s)
	if err != nil {
		return "", "", fmt.Errorf("bad quotes in %s", s)
	}
	word, err = strconv.Unquote(quoted)
	return word, strings.TrimSpace(s[len(quoted):]), err
}

func parseRest(s string) (string, error) {
	if !strings.HasPrefix(s, `"`) {
		return s, nil
	}
	t, err := strconv.Unquote(s)
	if err != nil {
		return "", fmt.Errorf("bad quotes in %s", s)
	}
	return t, nil
}
