package scenario

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// goldenPath is where the golden transcript of a script lies: name.golden beside name.star.
func goldenPath(script string) string { return strings.TrimSuffix(script, ".star") + ".golden" }

// checkGolden compares a transcript with the stored one, or stores it when update is set. What does not
// match is a failure that says where; a transcript that cannot be written is an error.
func checkGolden(script, transcript string, update bool) (*Failure, error) {
	path := goldenPath(script)
	if update {
		return nil, os.WriteFile(path, []byte(transcript), 0o644)
	}
	want, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Failure{Kind: GoldenMismatch, At: path, Text: "there is no golden transcript; --update writes it"}, nil
	}
	if err != nil {
		return nil, err
	}
	if diff := firstDifference(string(want), transcript); diff != "" {
		return &Failure{Kind: GoldenMismatch, At: path, Text: "the transcript differs; --update accepts it\n" + diff}, nil
	}
	return nil, nil
}

// firstDifference shows where two texts part, with the lines around; "" if they are equal.
func firstDifference(want, got string) string {
	if want == got {
		return ""
	}
	const before, after = 2, 3
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	i := 0
	for i < len(w) && i < len(g) && w[i] == g[i] {
		i++
	}
	var b strings.Builder
	fmt.Fprintf(&b, "first difference at line %d:\n", i+1)
	for j := max(0, i-before); j < i; j++ {
		fmt.Fprintf(&b, "      %s\n", w[j])
	}
	side := func(mark string, lines []string) {
		for j := i; j < min(len(lines), i+after); j++ {
			fmt.Fprintf(&b, "  %s   %s\n", mark, lines[j])
		}
	}
	side("-", w)
	side("+", g)
	return strings.TrimRight(b.String(), "\n")
}
