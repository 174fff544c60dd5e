package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// Whoever reaches a node's socket has it read no files for him, and send them nowhere.
func TestRemoteNotInNode(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	for _, args := range [][]string{
		{"login", "http://127.0.0.1:1", "EST"}, {"logout"}, {"host", "ls"}, {"put", "/etc/passwd"}, {"sync", "/etc"},
		{"get", "1"}, {"ls"}, {"share", "1"}, {"status"}, {"rm", "1"},
	} {
		var out, errs bytes.Buffer
		code := execute(t.Context(), &cli{live: new(app)}, args, &out, &errs)
		if code != 2 || !strings.Contains(errs.String(), "does not run inside a node") {
			t.Errorf("%v on the socket: exit code %d, %s%s", args, code, &out, &errs)
		}
	}
}

// The help tells the two kinds of commands apart, and leaves none out.
func TestCommandGroups(t *testing.T) {
	kinds := map[string]int{}
	for _, cmd := range new(cli).command().Commands() {
		kinds[cmd.GroupID]++
		if remote := cmd.GroupID == groupRemote; remote != (cmd.Name() != "host" && cmd.Flags().Lookup("host") != nil || cmd.Name() == "host") {
			t.Errorf("%s is in group %q", cmd.Name(), cmd.GroupID)
		}
	}
	if kinds[groupRemote] != 10 || kinds[groupNode] < 20 || len(kinds) != 2 {
		t.Errorf("groups %v", kinds)
	}
}

func TestBar(t *testing.T) {
	b := newBar(new(bytes.Buffer), "on")
	b.phase("upload")
	b.grow(4 << 20)
	b.done = 1 << 20
	if got, want := b.line(2*time.Second), "upload [======                  ]  25%  1.0 MiB of 4.0 MiB  512 KiB/s  6s"; got != want {
		t.Errorf("line = %q, want %q", got, want)
	}
	b.done = 5 << 20 // a file has grown
	if got := b.line(2 * time.Second); !strings.Contains(got, "100%  4.0 MiB of 4.0 MiB") {
		t.Errorf("line = %q", got)
	}
	b.phase("read")
	b.done = 1 << 20
	if got, want := b.line(time.Second), "read 1.0 MiB  1.0 MiB/s"; got != want {
		t.Errorf("line = %q, want %q", got, want)
	}
	var off bytes.Buffer
	quiet := newBar(&off, "auto")
	quiet.add(1)
	if quiet.end(); off.Len() != 0 {
		t.Errorf("a bar that goes into no terminal writes %q", off.String())
	}
	quiet.say("x\n")
	if off.String() != "x\n" {
		t.Errorf("a message beside it: %q", off.String())
	}
}
