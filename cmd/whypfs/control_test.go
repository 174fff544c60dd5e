package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestControlSocket: only its owner can connect, whatever the directory's mode
// and however long its name; a socket left over from a crash is no obstacle, and
// none stays behind.
func TestControlSocket(t *testing.T) {
	data := filepath.Join(t.TempDir(), strings.Repeat("long", 40))
	if err := os.MkdirAll(data, 0o777); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time over what a crash leaves
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- serveControl(ctx, &app{cfg: config{Data: data}, log: slog.New(slog.DiscardHandler)})
		}()
		var out, errs bytes.Buffer
		code, err := 0, errNoNode
		for wait := time.Now().Add(10 * time.Second); errors.Is(err, errNoNode) && time.Now().Before(wait); {
			code, err = forward(ctx, data, []string{"--help"}, nil, &out, &errs)
		}
		if code != 0 || err != nil || !strings.Contains(out.String(), "whypfs") {
			t.Errorf("help by the socket = %d, %v\n%s%s", code, err, out.String(), errs.String())
		}
		info, err := os.Stat(filepath.Join(data, socketName))
		if err != nil || info.Mode() != fs.ModeSocket|0o600 {
			t.Errorf("socket: %v, %v", info, err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(data); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
		if err := os.WriteFile(filepath.Join(data, socketName), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(data, socketName+".new", "x"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}
