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

// The list of providers is changed on the data when no node runs, and what was
// done, and nothing else, is in the audit log.
func TestProviderChanges(t *testing.T) {
	data := t.TempDir()
	for _, step := range []struct {
		line string
		code int
		want string // in what it prints
	}{
		{"provider add f01234 --region eu --name Acme --most 3", 0, ""},
		{"provider set f01234 --owner acme", 0, ""},
		{"provider set f01234", 2, "say what is to be set"},
		{"provider set f01235 --owner acme", 1, "not listed"},
		{"provider add f1x", 1, "no address of a provider"},
		{"provider add f01236 --engine steam", 1, `engine "steam" is neither`},
		{"provider suspend f01234", 2, "--reason"},
		{"provider suspend f01234 --reason slow", 0, ""},
		{"provider ls", 0, "f01234   Acme  added  acme   eu"},
		{"provider ls --json", 0, `"Suspended": "slow"`},
		{"provider unsuspend f01234", 0, ""},
		{"provider unsuspend f01235", 1, "not registered"},
		{"provider rm f01234", 0, ""},
		{"provider rm f01234", 1, "not listed"},
	} {
		code, out := command(t, data, strings.Fields(step.line)...)
		if code != step.code || !strings.Contains(out, step.want) || step.want == "" && out != "" {
			t.Errorf("%s = %d %s, want %d with %q", step.line, code, out, step.code, step.want)
		}
	}
	_, out := command(t, data, "audit", "ls")
	var deeds []string
	for _, line := range strings.Split(strings.TrimSpace(out), "\n")[1:] {
		deeds = append(deeds, strings.Join(strings.Fields(line)[3:], " "))
	}
	if got, want := strings.Join(deeds, "; "), `provider.rm f01234 -; provider.unsuspend f01234 -; provider.suspend f01234 slow; `+
		`provider.set f01234 owner=acme; provider.add f01234 name="Acme" region=eu most=3`; got != want {
		t.Errorf("the log has %s, want %s", got, want)
	}
}
