package loglevel_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/internal/loglevel"
)

// The levels of parts, of the whole, and of what stands in no part.
func TestLevels(t *testing.T) {
	var out bytes.Buffer
	levels := loglevel.New("pkg", slog.LevelInfo)
	// Its own level would keep debug messages out.
	log := slog.New(levels.Handler(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelError})))
	a, b := log.With("pkg", "a").With("x", 1), log.With("pkg", "b")
	grouped := log.WithGroup("g").With("pkg", "c")
	written := func() string {
		for name, l := range map[string]*slog.Logger{"whole": log, "a": a, "b": b, "grouped": grouped} {
			l.Debug(name + "-debug")
			l.Info(name + "-info")
			l.Error(name + "-error")
		}
		text := out.String()
		out.Reset()
		var found []string
		for _, name := range []string{"whole", "a", "b", "grouped"} {
			for _, level := range []string{"debug", "info", "error"} {
				if strings.Contains(text, "msg="+name+"-"+level+" ") || strings.Contains(text, "msg="+name+"-"+level+"\n") {
					found = append(found, name+"-"+level)
				}
			}
		}
		return strings.Join(found, " ")
	}
	for _, step := range []struct{ part, level, fault, want string }{
		{"a", "debug", "", "whole-info whole-error a-debug a-info a-error b-info b-error grouped-info grouped-error"},
		{"", "error", "", "whole-error a-error b-error grouped-error"},
		{"b", "INFO", "", "whole-error a-error b-info b-error grouped-error"},
		{"*", "debug", "", "whole-debug whole-info whole-error a-debug a-info a-error b-debug b-info b-error grouped-debug grouped-info grouped-error"},
		{"a", "error", "", "whole-debug whole-info whole-error a-error b-debug b-info b-error grouped-debug grouped-info grouped-error"},
		{"c", "debug", `"c" is no part of the log; there are a, b`, "whole-debug whole-info whole-error a-error b-debug b-info b-error grouped-debug grouped-info grouped-error"},
		{"a", "loud", `"loud" is not debug, info, warn or error`, "whole-debug whole-info whole-error a-error b-debug b-info b-error grouped-debug grouped-info grouped-error"},
	} {
		fault := ""
		if err := levels.Set(step.part, step.level); err != nil {
			fault = err.Error()
		}
		if fault != step.fault {
			t.Errorf("Set(%q, %q) = %q, want %q", step.part, step.level, fault, step.fault)
		}
		if got := written(); got != step.want {
			t.Errorf("after Set(%q, %q):\n%s, want\n%s", step.part, step.level, got, step.want)
		}
	}
}
