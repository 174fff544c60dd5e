package client

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/whypfs/whypfs/internal/dirlock"
	"github.com/whypfs/whypfs/internal/durable"
)

// ErrBusy says that another process does the same.
var ErrBusy = errors.New("another process is at it")

// A Row is what is known of a local file at a host.
type Row struct {
	Path  string `json:"path"` // from the local directory, with slashes
	Size  int64  `json:"size,omitempty"`
	Mtime int64  `json:"mtime,omitempty"` // ns; 0: it may have changed since, whatever its time says
	CID   CID    `json:"cid"`
	ID    uint64 `json:"id,omitempty"`
	// Made says that an upload of ours made the content, so that we may remove it.
	Made bool `json:"made,omitempty"`
	// Begun says that an upload was begun, and nobody knows yet whether it ended;
	// Prev is what stood in its place until then.
	Begun bool   `json:"begun,omitempty"`
	Prev  uint64 `json:"prev,omitempty"`
	// Old are contents of ours that this one takes the place of, to be removed
	// once it has.
	Old  []uint64 `json:"old,omitempty"`
	Gone bool     `json:"gone,omitempty"`
}

// A Journal keeps what a host has acknowledged, a line for each change, so that
// what a kill interrupts goes on. Whoever loses it loses time: files are hashed
// again, and found at the host by their CIDs. One process has it at a time; it is
// safe for concurrent use in that.
type Journal struct {
	dir  string
	lock *dirlock.Lock

	mu   sync.Mutex
	rows map[string]Row // guarded by mu
	file *os.File       // guarded by mu
}

// JournalDir is the folder, within dir, of the journal of one job, which its
// parts tell apart from all others.
func JournalDir(dir string, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return filepath.Join(dir, "state", hex.EncodeToString(sum[:12]))
}

// OpenJournal reads the journal in a folder of its own, which need not exist.
func OpenJournal(dir string) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	lock, err := dirlock.Acquire(dir)
	if errors.Is(err, dirlock.ErrHeld) {
		return nil, fmt.Errorf("%w: it holds %s", ErrBusy, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &Journal{dir: dir, lock: lock, rows: map[string]Row{}}
	if err := j.open(); err != nil {
		return nil, fmt.Errorf("journal %s: %w", j.path(), errors.Join(err, lock.Release()))
	}
	return j, nil
}

func (j *Journal) path() string { return filepath.Join(j.dir, "journal") }

// open reads the lines and writes those that still hold into a new file.
func (j *Journal) open() error {
	if err := durable.Clean(j.path()); err != nil {
		return err
	}
	data, err := os.ReadFile(j.path())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	r := bufio.NewReader(bytes.NewReader(data))
	for {
		line, err := r.ReadBytes('\n')
		if err == io.EOF {
			break // a line without an end was being written when the process ended
		}
		var row Row
		if json.Unmarshal(line, &row) != nil {
			continue // a power cut's; what it told is found out again
		}
		j.keep(row)
	}
	var held bytes.Buffer
	enc := json.NewEncoder(&held)
	for row := range maps.Values(j.rows) {
		if err := enc.Encode(row); err != nil {
			return err
		}
	}
	if err := durable.WriteFile(j.path(), held.Bytes(), 0o600); err != nil {
		return err
	}
	j.file, err = os.OpenFile(j.path(), os.O_WRONLY|os.O_APPEND, 0)
	return err
}

func (j *Journal) keep(row Row) {
	if row.Gone {
		delete(j.rows, row.Path)
	} else {
		j.rows[row.Path] = row
	}
}

// Row returns what is known of a path.
func (j *Journal) Row(path string) (Row, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	row, ok := j.rows[path]
	return row, ok
}

// Rows returns all rows, in no order.
func (j *Journal) Rows() []Row {
	j.mu.Lock()
	defer j.mu.Unlock()
	rows := make([]Row, 0, len(j.rows))
	for row := range maps.Values(j.rows) {
		rows = append(rows, row)
	}
	return rows
}

// Put keeps a row. It is durable when Put returns.
func (j *Journal) Put(row Row) error {
	line, err := json.Marshal(row)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	j.keep(row)
	return nil
}

// Close lets go of the journal. It stays for the next time.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return errors.Join(j.file.Close(), j.lock.Release())
}

// Discard ends the journal of a job that is done.
func (j *Journal) Discard() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return errors.Join(j.file.Close(), os.RemoveAll(j.dir), j.lock.Release())
}
