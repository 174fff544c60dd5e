package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// TempPattern follows the final name in the name of an unfinished file.
const TempPattern = ".tmp-*"

// WriteFile replaces the file at path, or makes it, with data.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	return place(path, perm, write(data), os.Rename)
}

// CreateFile makes the file at path with data. If the file exists it is left
// alone and the error is fs.ErrExist, whoever made it and however close the race.
func CreateFile(path string, data []byte, perm fs.FileMode) error {
	return Create(path, perm, write(data))
}

// Create makes the file at path from what fill leaves in the empty file it is
// given the name of. It answers fs.ErrExist like CreateFile.
func Create(path string, perm fs.FileMode, fill func(temp string) error) error {
	return place(path, perm, fill, link)
}

// Clean removes what crashed calls for path have left. It must not run while
// another call for the same path does.
func Clean(path string) error {
	left, err := filepath.Glob(quote(path) + TempPattern)
	if err != nil {
		return fmt.Errorf("clean %q: %w", path, err)
	}
	var errs []error
	for _, name := range left {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// MkdirAll makes dir and its missing parents, and makes their names durable.
func MkdirAll(dir string, perm fs.FileMode) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err == nil {
		if !info.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: errors.New("not a directory")}
		}
		return nil
	}
	parent := filepath.Dir(dir)
	if parent == dir {
		return err
	}
	if err := MkdirAll(parent, perm); err != nil {
		return err
	}
	if err := os.Mkdir(dir, perm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncDir(parent)
}

// place fills a temporary file beside path and gives it its name by move.
func place(path string, perm fs.FileMode, fill func(string) error, move func(from, to string) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+TempPattern)
	if err != nil {
		return err
	}
	temp := f.Name()
	defer func() {
		if err != nil {
			os.Remove(temp)
		}
	}()
	if err := errors.Join(f.Chmod(perm), f.Close()); err != nil {
		return err
	}
	if err := fill(temp); err != nil {
		return err
	}
	if err := syncFile(temp); err != nil {
		return err
	}
	if err := move(temp, path); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

func write(data []byte) func(string) error {
	return func(temp string) error {
		f, err := os.OpenFile(temp, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.Write(data)
		return errors.Join(err, f.Close())
	}
}

// syncFile opens for writing because some systems refuse to sync otherwise.
func syncFile(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// link moves like rename, but never over an existing file: a second creator
// would otherwise replace what the first has already handed out.
func link(from, to string) error {
	err := os.Link(from, to)
	if err == nil {
		if err := os.Remove(from); !errors.Is(err, fs.ErrNotExist) { // else cleaned by who opened the new file
			return err
		}
		return nil
	}
	if errors.Is(err, fs.ErrExist) {
		return err
	}
	// Some file systems have no hard links. There a lost race is not noticed.
	if _, statErr := os.Lstat(to); statErr == nil {
		return &fs.PathError{Op: "create", Path: to, Err: fs.ErrExist}
	}
	return os.Rename(from, to)
}

// quote takes the meaning from characters that Glob would interpret.
func quote(path string) string {
	var q []byte
	for i := range len(path) {
		switch path[i] {
		case '*', '?', '[', '\\':
			q = append(q, '\\')
		}
		q = append(q, path[i])
	}
	return string(q)
}
