package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/ipfs/boxo/ipns"
	"github.com/whypfs/whypfs/internal/durable"
)

const (
	// recordsDir holds one file for each IPNS name whose record was put here.
	// Losing it loses what the names point at until the records are put again.
	recordsDir = "names"
	// maxRecord is the size of a record by the specification.
	maxRecord = ipns.MaxRecordSize
	// maxRecords bounds what can be put here, to some 100 MB. Own names count
	// too, but are never refused.
	maxRecords = 10_000
)

var (
	// ErrBadName says that a string is not an IPNS name, the hash of a public key.
	ErrBadName = errors.New("not an IPNS name")
	// ErrBadRecord says that a record is not one of its name: its signature is
	// bad, it has expired, or it cannot be read.
	ErrBadRecord = errors.New("not a valid IPNS record")
	// ErrOldRecord says that a better record of the same name is here.
	ErrOldRecord = errors.New("a newer IPNS record is here")
	// ErrManyRecords says that no more names are taken.
	ErrManyRecords = errors.New("too many IPNS records are here")
)

// records are the IPNS records on the disk. Each is valid when it is put and
// checked again when it is read, since it may have expired.
type records struct {
	dir string
	max int

	mu    sync.Mutex // guards writing and count
	count int        // files in dir; -1 before the first put
}

func newRecords(dir string) *records {
	return &records{dir: filepath.Join(dir, recordsDir), max: maxRecords, count: -1}
}

func (r *records) file(name ipns.Name) string { return filepath.Join(r.dir, name.String()) }

// parseName reads an IPNS name in any of its spellings.
func parseName(s string) (ipns.Name, error) {
	name, err := ipns.NameFromString(s)
	if err != nil {
		return name, fmt.Errorf("%q: %w", s, ErrBadName)
	}
	return name, nil
}

// checkRecord parses a record and checks that it is name's and valid now.
func checkRecord(name ipns.Name, data []byte) (*ipns.Record, error) {
	rec, err := ipns.UnmarshalRecord(data)
	if err == nil {
		err = ipns.ValidateWithName(rec, name)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrBadRecord, err)
	}
	return rec, nil
}

// last returns the record of name that is on the disk, valid or not, or ErrNotFound.
func (r *records) last(name ipns.Name) ([]byte, error) {
	data, err := os.ReadFile(r.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("record of %s: %w", name, ErrNotFound)
	}
	return data, err
}

// remove forgets the record of name.
func (r *records) remove(name ipns.Name) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := os.Remove(r.file(name))
	if err == nil && r.count > 0 {
		r.count--
	}
	if err == nil {
		err = durable.SyncDir(r.dir)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// get returns the valid record of name, or ErrNotFound.
func (r *records) get(name ipns.Name) ([]byte, error) {
	data, err := r.last(name)
	if err != nil {
		return nil, err
	}
	if _, err := checkRecord(name, data); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return data, nil
}

// put keeps a record, durably, unless the one that is here is as good. own
// names are taken even when no more of others' are.
func (r *records) put(name ipns.Name, data []byte, own bool) error {
	if len(data) > maxRecord {
		return fmt.Errorf("%s: %d bytes: %w", name, len(data), ErrBadRecord)
	}
	if _, err := checkRecord(name, data); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	old, err := r.get(name)
	switch {
	case err == nil:
		best, err := ipns.Validator{}.Select(string(name.RoutingKey()), [][]byte{old, data})
		if err != nil {
			return fmt.Errorf("%s: %w: %w", name, ErrBadRecord, err)
		}
		if best == 0 {
			if string(old) == string(data) {
				return nil
			}
			return fmt.Errorf("%s: %w", name, ErrOldRecord)
		}
	case !errors.Is(err, ErrNotFound):
		return err
	}
	return r.write(name, data, own)
}

// write writes the file of name; mu is held.
func (r *records) write(name ipns.Name, data []byte, own bool) error {
	if err := durable.MkdirAll(r.dir, 0o700); err != nil {
		return err
	}
	if r.count < 0 {
		count := 0
		if err := r.each(func(ipns.Name, []byte) error { count++; return nil }); err != nil {
			return err
		}
		r.count = count
	}
	if err := durable.Clean(r.file(name)); err != nil {
		return err
	}
	_, err := os.Lstat(r.file(name))
	added := errors.Is(err, fs.ErrNotExist)
	if added && !own && r.count >= r.max {
		if err := r.expire(); err != nil {
			return err
		}
		if r.count >= r.max {
			return ErrManyRecords
		}
	}
	if err := durable.WriteFile(r.file(name), data, 0o600); err != nil {
		return err
	}
	if added {
		r.count++
	}
	return nil
}

// expire removes the records that are no longer valid; mu is held.
func (r *records) expire() error {
	return r.each(func(name ipns.Name, data []byte) error {
		if _, err := checkRecord(name, data); err == nil {
			return nil
		}
		if err := os.Remove(r.file(name)); err != nil {
			return err
		}
		r.count--
		return nil
	})
}

// each calls fn for every record on the disk, valid or not.
func (r *records) each(fn func(name ipns.Name, data []byte) error) error {
	entries, err := os.ReadDir(r.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		name, err := ipns.NameFromString(e.Name())
		if err != nil {
			continue
		}
		data, err := os.ReadFile(r.file(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := fn(name, data); err != nil {
			return err
		}
	}
	return nil
}

// PutNameRecord keeps the IPNS record of name, "k51…" or another spelling of
// the key's hash, for the gateway and NameRecord. It is durable when nil
// returns. With a DHT nothing is told to it: that is the publisher's to do.
func (n *Node) PutNameRecord(ctx context.Context, name string, record []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	of, err := parseName(name)
	if err == nil {
		err = n.host.names.records.put(of, record, false)
	}
	if err != nil {
		return fmt.Errorf("put IPNS record: %w", err)
	}
	return nil
}

// NameRecord returns the best valid IPNS record of name that is here or, with
// a DHT, that others have; else ErrNotFound.
func (n *Node) NameRecord(ctx context.Context, name string) ([]byte, error) {
	of, err := parseName(name)
	if err != nil {
		return nil, fmt.Errorf("IPNS record: %w", err)
	}
	data, err := n.host.names.record(ctx, of)
	if err != nil {
		return nil, fmt.Errorf("IPNS record: %w", err)
	}
	return data, nil
}
