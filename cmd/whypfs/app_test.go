package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// command runs a command line against a data directory without a node.
func command(t *testing.T, data string, args ...string) (code int, out string) {
	t.Helper()
	var b bytes.Buffer
	old := os.Args
	os.Args = append([]string{"whypfs"}, append(args, "--data", data)...)
	defer func() { os.Args = old }()
	code = execute(t.Context(), &cli{}, os.Args[1:], &b, &b)
	return code, b.String()
}

// TestBlocksWithoutMetadata: lost metadata must not become empty ones, whose
// sweep would remove every block.
func TestBlocksWithoutMetadata(t *testing.T) {
	data := t.TempDir()
	segment := filepath.Join(data, "blocks", "00000000.car")
	if err := os.MkdirAll(filepath.Dir(segment), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(segment, []byte("blocks"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out := command(t, data, "user", "ls")
	if code != 1 || !strings.Contains(out, "meta.db") {
		t.Errorf("exit %d, %q; want 1 and a message that names it", code, out)
	}
	for _, path := range metaPaths {
		if _, err := os.Stat(filepath.Join(data, path)); !os.IsNotExist(err) {
			t.Errorf("%s was made all the same (%v)", path, err)
		}
	}
}

// TestOffline: commands work on the data itself when no node runs.
func TestOffline(t *testing.T) {
	data := t.TempDir()
	for _, tc := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{"setup", "--username", "admin", "--password", "correcthorse1"}, "Auth Token: EST", 0},
		{[]string{"setup", "--username", "bad name", "--password", "correcthorse1"}, "--username", 2},
		{[]string{"setup", "--username", "other", "--password", "short"}, "password", 1},
		{[]string{"user", "add", "alice"}, "Auth Token: EST", 0},
		{[]string{"user", "add", "ALICE"}, "taken", 1},
		{[]string{"key", "add", "--user", "alice"}, "AWS_SECRET_ACCESS_KEY=", 0},
		{[]string{"key", "add", "--user", "nobody"}, "no such user", 1},
		{[]string{"user", "ls", "--json"}, `"alice"`, 0},
		{[]string{"user", "suspend", "alice"}, "--reason", 2},
		{[]string{"user", "suspend", "alice", "--reason", "does not pay"}, "", 0},
		{[]string{"user", "ls"}, "does not pay", 0},
		{[]string{"user", "unsuspend", "alice"}, "", 0},
		{[]string{"user", "unsuspend", "nobody"}, "no such user", 1},
		{[]string{"user", "passwd", "alice", "--password", "correcthorse1"}, "", 0},
		{[]string{"user", "passwd", "alice", "--password", "short"}, "password", 1},
		{[]string{"user", "level", "alice", "upload"}, "", 0},
		{[]string{"user", "level", "alice", "king"}, "king", 2},
		{[]string{"user", "quota", "alice"}, "--bytes", 2},
		{[]string{"user", "quota", "alice", "--bytes", "3MiB", "--default"}, "--bytes", 2},
		{[]string{"user", "quota", "alice", "--bytes", "3MiB"}, "", 0},
		{[]string{"user", "quota", "alice", "--objects", "12345"}, "", 0},
		{[]string{"user", "quota", "alice", "--objects", "-1"}, "quota", 1},
		{[]string{"user", "ls"}, "12345        3.0 MiB", 0},
		{[]string{"user", "quota", "alice", "--default"}, "", 0},
		{[]string{"user", "ls"}, "no limit", 0},
		{[]string{"user", "recount"}, "", 0},
		{[]string{"token", "new", "alice", "--label", "cron", "--lifetime", "1h"}, "Auth Token: EST", 0},
		{[]string{"token", "new", "alice", "--level", "admin"}, "level", 1},
		{[]string{"token", "new", "alice", "--level", "king"}, "--level", 2},
		{[]string{"token", "ls", "alice"}, "cron", 0},
		{[]string{"token", "revoke", "alice", "nothing"}, "no such token", 1},
		{[]string{"invite", "new", "--code", "welcome"}, "welcome", 0},
		{[]string{"invite", "new", "--code", "welcome"}, "taken", 1},
		{[]string{"invite", "ls"}, "welcome", 0},
		{[]string{"invite", "rm", "welcome"}, "", 0},
		{[]string{"audit", "ls", "--action", "user.suspend"}, "does not pay", 0},
		{[]string{"audit", "ls", "--json"}, `"invite.delete"`, 0},
		{[]string{"bucket", "ls"}, "REPLICATION", 0},
		{[]string{"bucket", "policy", "none"}, "no such bucket", 1},
		{[]string{"zone", "ls", "--json"}, "[]", 0},
		{[]string{"deal", "ls"}, "PROVIDER", 0},
		{[]string{"deal", "wallet"}, "f1", 0},
		{[]string{"job", "ls"}, "REASON", 0},
		{[]string{"job", "run", "nothing"}, `"nothing"`, 2},
		{[]string{"gc"}, "removed 0 blocks", 0},
		{[]string{"name", "publish", "--key", "site", "/ipfs/bafkqaaa"}, "k51", 0},
		{[]string{"name", "publish", "--key", "site", "bafkqaaa"}, "publish name", 1},
		{[]string{"name", "ls"}, "/ipfs/bafkqaaa", 0},
		{[]string{"name", "rm", "site"}, "", 0},
		{[]string{"name", "rm", "site"}, "not", 1},
		{[]string{"cache", "add", os.DevNull}, "cannot be imported", 1},
		{[]string{"peer", "ls"}, "no node is running", 1},
		{[]string{"sandbox", "advance", "10"}, "up --sandbox", 1},
	} {
		code, out := command(t, data, tc.args...)
		if code != tc.code || !strings.Contains(out, tc.want) {
			t.Errorf("whypfs %s: exit %d, %q; want %d and %q", strings.Join(tc.args, " "), code, out, tc.code, tc.want)
		}
	}
}
