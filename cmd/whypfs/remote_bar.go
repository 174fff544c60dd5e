package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
)

// A bar shows on a terminal how far a transfer is. It is drawn in one line,
// which end takes away; when off it draws nothing.
type bar struct {
	w  io.Writer
	on bool

	mu    sync.Mutex // guards the rest
	what  string     // is being done
	begun time.Time
	drawn time.Time
	shown bool
	done  int64
	total int64 // 0: not known
}

const (
	barWidth = 24
	redraw   = 100 * time.Millisecond
)

func newBar(w io.Writer, mode string) *bar {
	f, ok := w.(*os.File)
	return &bar{w: w, on: mode == "on" || mode == "auto" && ok && isatty.IsTerminal(f.Fd()), begun: time.Now()}
}

// phase begins something else: what is counted from now on.
func (b *bar) phase(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.what, b.done, b.total, b.begun = what, 0, 0, time.Now()
}

// grow adds to what there is to do.
func (b *bar) grow(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total += n
}

func (b *bar) add(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done += n
	if now := time.Now(); b.on && now.Sub(b.drawn) >= redraw {
		b.drawn, b.shown = now, true
		fmt.Fprintf(b.w, "\r\x1b[K%s", b.line(now.Sub(b.begun)))
	}
}

// line is what is drawn after some time.
func (b *bar) line(after time.Duration) string {
	rate := float64(b.done) / max(after.Seconds(), 0.001)
	if b.total <= 0 {
		return fmt.Sprintf("%s %s  %s/s", b.what, bytesText(b.done), bytesText(int64(rate)))
	}
	done := min(b.done, b.total)
	full := int(done * barWidth / b.total)
	text := fmt.Sprintf("%s [%s%s] %3d%%  %s of %s  %s/s", b.what, strings.Repeat("=", full), strings.Repeat(" ", barWidth-full),
		done*100/b.total, bytesText(done), bytesText(b.total), bytesText(int64(rate)))
	if left := b.total - done; left > 0 && rate >= 1 && after > time.Second {
		text += "  " + (time.Duration(float64(left)/rate) * time.Second).String()
	}
	return text
}

// say writes a line that stays.
func (b *bar) say(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clear()
	io.WriteString(b.w, text)
}

func (b *bar) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clear()
}

func (b *bar) clear() {
	if b.shown {
		io.WriteString(b.w, "\r\x1b[K")
		b.shown = false
	}
}
