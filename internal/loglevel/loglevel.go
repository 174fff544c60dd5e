// Package loglevel is the levels from which on a log is written, as a whole and
// part by part. They change while it runs.
package loglevel

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// All names all parts.
const All = "*"

// Levels are those of one log. They are safe for concurrent use.
type Levels struct {
	key  string
	base slog.LevelVar

	mu    sync.Mutex // guards parts
	parts map[string]*part
}

// part is a part of the log. It has the level of the whole unless it has its own.
type part struct{ own atomic.Pointer[slog.Level] }

// New returns levels that let through what is at least of a level. The parts of
// the log name themselves by an attribute with that key.
func New(key string, level slog.Level) *Levels {
	l := &Levels{key: key, parts: map[string]*part{}}
	l.base.Set(level)
	return l
}

// Handler returns a handler that gives to inner what the levels let through,
// whatever inner's own level is.
func (l *Levels) Handler(inner slog.Handler) slog.Handler { return handler{Handler: inner, levels: l} }

// Set sets the level of a part, given as slog names them; of All, or "", the
// level of the whole log, and of every part that had its own.
func (l *Levels) Set(name, level string) error {
	var v slog.Level
	if err := v.UnmarshalText([]byte(level)); err != nil {
		return fmt.Errorf("%q is not debug, info, warn or error", level)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if name == "" || name == All {
		l.base.Set(v)
		for _, p := range l.parts {
			p.own.Store(nil)
		}
		return nil
	}
	p := l.parts[name]
	if p == nil {
		return fmt.Errorf("%q is no part of the log; there are %s", name, strings.Join(slices.Sorted(maps.Keys(l.parts)), ", "))
	}
	p.own.Store(&v)
	return nil
}

func (l *Levels) part(name string) *part {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.parts[name] == nil {
		l.parts[name] = &part{}
	}
	return l.parts[name]
}

// handler is that of one part, or, without one, of the whole.
type handler struct {
	slog.Handler
	levels  *Levels
	part    *part
	grouped bool // attributes stand in a group, and name no part
}

func (h handler) Enabled(_ context.Context, level slog.Level) bool {
	if h.part != nil {
		if own := h.part.own.Load(); own != nil {
			return level >= *own
		}
	}
	return level >= h.levels.base.Level()
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		if a.Key == h.levels.key && !h.grouped {
			h.part = h.levels.part(a.Value.String())
		}
	}
	h.Handler = h.Handler.WithAttrs(attrs)
	return h
}

func (h handler) WithGroup(name string) slog.Handler {
	h.grouped = h.grouped || name != ""
	h.Handler = h.Handler.WithGroup(name)
	return h
}
