package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"machvm/cmd/machvm/anchor"
	"machvm/test/scenario"
)

// exitError ends the command with a code of the one table. What there is to say has been said.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func main() {
	if is, err := anchor.Handler(); is {
		if err != nil {
			fmt.Fprintf(os.Stderr, "machvm: %v\n", err)
			os.Exit(scenario.ExitFail)
		}
		return
	}
	os.Exit(execute(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// execute runs the command line and returns the exit code.
func execute(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:   "machvm",
		Short: "A Mach kernel's virtual memory and external pager protocol, in one process",
		Long: "machvm runs scenarios against a simulated Mach kernel: tasks, memory managers and messages,\n" +
			"deterministic and line by line.\n\nExit codes of every command:\n\n" + scenario.ExitCodes,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetArgs(args)
	root.AddCommand(
		runCommand(stdout, stderr),
		exploreCommand(stdout, stderr),
		replayCommand(stdout),
		monitorCommand(stdout),
		coverageCommand(stdout),
		gradeCommand(stdout),
		stepCommand(stdin, stdout),
		diffCommand(stdout),
		traceCommand(stdout),
		benchCommand(stdout, stderr),
		figuresCommand(stdout), interfacesCommand(stdout),
	)
	err := root.Execute()
	var exit exitError
	switch {
	case err == nil:
		return scenario.ExitPass
	case errors.As(err, &exit):
		return int(exit)
	}
	fmt.Fprintf(stderr, "machvm: %v\n", err)
	return scenario.ExitUsage
}
