package client

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"
)

// A localFile is a file below a directory.
type localFile struct {
	path  string // from the directory, with slashes
	size  int64
	mtime int64 // ns
}

// errName says that V1's JSON cannot carry a name.
var errName = errors.New("its name is not UTF-8")

// walk lists the files below dir. It follows no symbolic link. fail is told of
// what cannot be read, and skip of what is neither a file nor a directory.
func walk(dir string, fail func(path string, err error), skip func(path string)) ([]localFile, error) {
	var files []localFile
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(dir, name)
		if relErr != nil {
			return relErr
		}
		rel = filepath.ToSlash(rel)
		switch {
		case err != nil && rel == ".":
			return err
		case err != nil:
			fail(rel, err)
			return nil
		case d.IsDir():
			return nil
		case !d.Type().IsRegular():
			skip(rel)
			return nil
		case !utf8.ValidString(rel):
			fail(rel, errName)
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went while the directory was read
		}
		if err != nil {
			fail(rel, err)
			return nil
		}
		files = append(files, localFile{rel, info.Size(), info.ModTime().UnixNano()})
		return nil
	})
	return files, err
}

// grain is the coarsest clock that file systems stamp changes with. A file that
// was changed less than that before it was read may change again without
// another time.
const grain = 2 * time.Second

// settled is the time of a file's last change, if a later change would have another; else 0.
func settled(info os.FileInfo, read time.Time) int64 {
	if read.Sub(info.ModTime()) < grain {
		return 0
	}
	return info.ModTime().UnixNano()
}
