package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// interfaceArg is one argument of a message, as data.
type interfaceArg struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Disposition string `json:"disposition,omitempty"`
	Text        string `json:"text"`
}

// interfaceRow is one message, as data.
type interfaceRow struct {
	Subsystem string           `json:"subsystem"`
	Name      string           `json:"name"`
	Kind      string           `json:"kind"`
	Server    string           `json:"server"`
	Numbers   map[string]int32 `json:"numbers"` // by message set
	Doc       string           `json:"doc"`
	Request   []interfaceArg   `json:"request"`
	Reply     []interfaceArg   `json:"reply,omitempty"`
}

func interfacesCommand(stdout io.Writer) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "interfaces [NAME ...]",
		Short: "Print every message: numbers, arguments, dispositions",
		Long:  "interfaces prints the interfaces of kernel, managers and programs from the rows that the code itself uses.\nWith names, only those messages or subsystems.",
		RunE: func(_ *cobra.Command, names []string) error {
			rows, err := selectRows(names)
			if err != nil {
				return err
			}
			switch format {
			case "text":
				return writeText(stdout, rows)
			case "markdown":
				return writeMarkdown(stdout, rows)
			case "json":
				return writeJSON(stdout, rows)
			}
			return fmt.Errorf("--format=%s: there are text, markdown and json", format)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text, markdown or json")
	return cmd
}

// selectRows is all rows, or those of the subsystems and messages named.
func selectRows(names []string) ([]*mig.Row, error) {
	var rows []*mig.Row
	found := map[string]bool{}
	for _, s := range defs.All() {
		for _, r := range s.Rows() {
			take := len(names) == 0
			for _, n := range names {
				if n == s.Name || n == r.Name {
					found[n], take = true, true
				}
			}
			if take {
				rows = append(rows, r)
			}
		}
	}
	for _, n := range names {
		if !found[n] {
			return nil, fmt.Errorf("no message and no subsystem is called %q", n)
		}
	}
	return rows, nil
}

// numbers is the number of a row in each message set, and how to write them in short.
func numbers(r *mig.Row) (by map[string]int32, short string) {
	by = map[string]int32{}
	var ids [mig.Sets]mach.MsgID
	var parts []string
	for set := range ids {
		if ids[set] = r.ID(mig.Set(set)); ids[set] != 0 {
			by[mig.Set(set).String()] = int32(ids[set])
			parts = append(parts, fmt.Sprintf("%s %d", mig.Set(set), ids[set]))
		}
	}
	if ids[0] != 0 && ids[0] == ids[1] && ids[1] == ids[2] {
		return by, fmt.Sprint(ids[0])
	}
	return by, strings.Join(parts, ", ")
}

func writeText(w io.Writer, rows []*mig.Row) error {
	var b strings.Builder
	last := (*mig.Subsystem)(nil)
	for _, r := range rows {
		if r.Subsystem != last {
			last = r.Subsystem
			fmt.Fprintf(&b, "subsystem %s %d: %s\n\n", last.Name, last.Base, last.Doc)
		}
		_, ids := numbers(r)
		fmt.Fprintf(&b, "%s %s (%s), served by %s\n", r.Kind, r.Name, ids, r.Server())
		for _, a := range r.Args(mig.Request) {
			fmt.Fprintf(&b, "    in  %s\n", a)
		}
		for _, a := range r.Args(mig.Reply) {
			fmt.Fprintf(&b, "    out %s\n", a)
		}
		for line := range strings.Lines(r.Doc()) {
			b.WriteString(strings.TrimRight("  "+line, " \n") + "\n")
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeMarkdown(w io.Writer, rows []*mig.Row) error {
	var b strings.Builder
	last := (*mig.Subsystem)(nil)
	for _, r := range rows {
		if r.Subsystem != last {
			last = r.Subsystem
			fmt.Fprintf(&b, "## %s (base %d)\n\n%s\n\n", last.Name, last.Base, last.Doc)
		}
		_, ids := numbers(r)
		fmt.Fprintf(&b, "### %s\n\n%s, %s, served by %s\n\n%s\n", r.Name, r.Kind, ids, r.Server(), r.Doc())
		b.WriteString("| | argument |\n|---|---|\n")
		for _, a := range r.Args(mig.Request) {
			fmt.Fprintf(&b, "| in | `%s` |\n", strings.ReplaceAll(a.String(), "|", "\\|"))
		}
		for _, a := range r.Args(mig.Reply) {
			fmt.Fprintf(&b, "| out | `%s` |\n", strings.ReplaceAll(a.String(), "|", "\\|"))
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeJSON(w io.Writer, rows []*mig.Row) error {
	var out []interfaceRow
	for _, r := range rows {
		by, _ := numbers(r)
		out = append(out, interfaceRow{Subsystem: r.Subsystem.Name, Name: r.Name, Kind: r.Kind.String(), Server: r.Server(),
			Numbers: by, Doc: r.Doc(), Request: interfaceArgs(r.Args(mig.Request)), Reply: interfaceArgs(r.Args(mig.Reply))})
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(out)
}

func interfaceArgs(args []mig.Arg) []interfaceArg {
	var out []interfaceArg
	for _, a := range args {
		i := interfaceArg{Name: a.Name, Type: a.TypeName(), Text: a.String()}
		if a.Disposition[mig.OSF] != mach.DispNone {
			i.Disposition = a.Disposition[mig.OSF].String()
		}
		out = append(out, i)
	}
	return out
}
