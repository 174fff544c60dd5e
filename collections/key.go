package collections

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/whypfs/whypfs/internal/rowcode"
	"github.com/whypfs/whypfs/kv"
)

// The tables of the package; doc.go says what their rows hold.
const (
	tabCollection = "col"
	tabOwned      = "colown"
	tabEntry      = "colent"
	tabOf         = "colof"
)

// present is the value of rows that say all they have to say by being there.
var present = []byte{1}

func keyCollection(uuid string) []byte          { return kv.Key(tabCollection, uuid) }
func keyEntry(uuid, path string) []byte         { return kv.Key(tabEntry, uuid, path) }
func keyOf(id uint64, uuid, path string) []byte { return kv.Key(tabOf, id, uuid, path) }
func keyOwned(c Collection) []byte {
	return kv.Key(tabOwned, c.Owner, uint64(max(c.Created.UnixMilli(), 0)), c.UUID)
}

// maxPath is the length of the longest path: a slash and an object's key.
const maxPath = 1 + 1024

// Join is the path of a name in a directory, which must begin with a slash; ""
// stands for the root. The name cannot leave the directory. What is wrong with
// them is ErrPath.
func Join(dir, name string) (string, error) {
	p, err := clean(dir)
	if err != nil {
		return "", err
	}
	name = path.Clean("/" + name)
	if name == "/" {
		return "", fmt.Errorf("%w: it ends with no name", ErrPath)
	}
	return checked(path.Join(p, name))
}

// clean is a path as the rows have it.
func clean(p string) (string, error) {
	if p == "" {
		return "/", nil
	}
	if !strings.HasPrefix(p, "/") {
		return "", fmt.Errorf("%w: paths must start with /", ErrPath)
	}
	return checked(path.Clean(p))
}

func checked(p string) (string, error) {
	if len(p) > maxPath {
		return "", fmt.Errorf("%w: it has more than %d bytes", ErrPath, maxPath)
	}
	if !utf8.ValidString(p) {
		return "", fmt.Errorf("%w: it is not UTF-8", ErrPath)
	}
	return p, nil
}

// below is what the paths below a directory begin with.
func below(dir string) string { return strings.TrimSuffix(dir, "/") + "/" }

// A ref is the value of an entry's row.
type ref struct {
	ID    uint64 // of a content or a pin
	Pin   bool
	Added time.Time
}

// refVersion is the version of the rows of entries.
const refVersion = 1

func (r ref) encode() []byte {
	w := rowcode.NewWriter(refVersion)
	kind := uint64(0)
	if r.Pin {
		kind = 1
	}
	w.Uint(kind)
	w.Fixed(r.ID)
	w.Time(r.Added)
	return w.Bytes()
}

func decodeRef(value []byte) (ref, error) {
	from := rowcode.NewReader(value, refVersion)
	kind := from.Uint()
	r := ref{ID: from.Fixed(), Pin: kind == 1, Added: from.Time()}
	if err := from.Err(); err != nil {
		return ref{}, fmt.Errorf("decode reference: %w", err)
	}
	return r, nil
}

// refAt returns what is at a path, if anything is.
func refAt(tx kv.Tx, uuid, path string) (r ref, found bool, err error) {
	raw, err := tx.Get(keyEntry(uuid, path))
	if errors.Is(err, kv.ErrNotFound) {
		return ref{}, false, nil
	}
	if err == nil {
		r, err = decodeRef(raw)
	}
	return r, err == nil, err
}

// readEntry reads the row of an entry.
func readEntry(row kv.Row) (r ref, path string, err error) {
	if err = kv.Unkey(row.Key, nil, nil, &path); err == nil {
		r, err = decodeRef(row.Value)
	}
	return r, path, err
}

// putRef puts a reference at a path, in the place of old if that is not nil.
func putRef(tx kv.Tx, uuid, path string, r ref, old *ref) error {
	var err error
	if old != nil && old.ID != r.ID {
		err = tx.Delete(keyOf(old.ID, uuid, path))
	}
	return errors.Join(err, tx.Put(keyEntry(uuid, path), r.encode()), tx.Put(keyOf(r.ID, uuid, path), present))
}

func dropRef(tx kv.Tx, uuid, path string, id uint64) error {
	return errors.Join(tx.Delete(keyEntry(uuid, path)), tx.Delete(keyOf(id, uuid, path)))
}
