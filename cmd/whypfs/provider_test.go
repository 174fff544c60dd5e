package main

import (
	"strings"
	"testing"
)

// The commands that docs/providers.md names are there, with their flags.
func TestProviderCommands(t *testing.T) {
	root := (&cli{}).command()
	for words, flags := range map[string]string{
		"deal candidates PIECE":                 "json",
		"deal providers":                        "json",
		"provider ls":                           "json",
		"provider add ADDRESS":                  "name region owner engine http most",
		"provider set ADDRESS":                  "name region owner engine http most",
		"provider rm ADDRESS":                   "",
		"provider suspend ADDRESS --reason WHY": "reason",
		"provider unsuspend ADDRESS":            "",
		"bucket policy NAME":                    "owners regions share block allow",
		"up":                                    "provider deals-per-piece deal-recheck sample-every",
	} {
		cmd, _, err := root.Find(strings.Fields(words))
		if err != nil || !strings.HasSuffix(words, cmd.Use) {
			t.Errorf("%q is no command: %v", words, err)
			continue
		}
		for _, name := range strings.Fields(flags) {
			if cmd.Flags().Lookup(name) == nil {
				t.Errorf("%q has no flag --%s", words, name)
			}
		}
	}
}
