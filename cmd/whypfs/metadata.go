package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/internal/durable"
	"github.com/whypfs/whypfs/kv"
)

// What can keep the metadata, as --meta names it.
const (
	metaPebble = "pebble"
	metaBolt   = "bolt"
)

// metaPaths are where in the data directory each of them keeps it.
var metaPaths = map[string]string{metaPebble: "meta", metaBolt: "meta.db"}

const (
	metaNew = ".new" // a copy that is not complete
	metaOld = ".old" // what a copy was made of
)

// metadata opens the store of the metadata that the settings ask for. If the
// data directory has the other one its rows are copied first.
type metadata struct {
	data    string
	log     *slog.Logger
	metrics prometheus.Registerer
}

func (m metadata) open(ctx context.Context, want string) (kv.Store, error) {
	have, err := m.have(want)
	if err != nil {
		return nil, err
	}
	switch {
	case want == "" && have == "":
		want = metaPebble
	case want == "":
		want = have
	case have != "" && have != want:
		if err := m.move(ctx, want, have); err != nil {
			return nil, err
		}
	}
	return m.store(ctx, want, m.path(want), m.metrics)
}

func (m metadata) path(kind string) string { return filepath.Join(m.data, metaPaths[kind]) }

// have says which store the data directory has, "" if none. Where there are
// both, a copy is complete and nothing was written since: only the other one's
// name is to be changed yet.
func (m metadata) have(want string) (string, error) {
	var found []string
	for _, kind := range []string{metaPebble, metaBolt} {
		switch _, err := os.Stat(m.path(kind)); {
		case err == nil:
			found = append(found, kind)
		case !errors.Is(err, fs.ErrNotExist):
			return "", err
		}
	}
	if len(found) == 0 {
		return "", nil
	}
	have := found[0]
	if len(found) == 1 {
		return have, nil
	}
	if want == metaBolt {
		have = metaBolt
	}
	return have, m.retire(other(have))
}

func other(kind string) string {
	if kind == metaBolt {
		return metaPebble
	}
	return metaBolt
}

// move copies the metadata into another store, which then is the one. It can be
// interrupted anywhere.
func (m metadata) move(ctx context.Context, to, from string) (err error) {
	m.log.InfoContext(ctx, "copy the metadata", "from", metaPaths[from], "to", metaPaths[to])
	temp := m.path(to) + metaNew
	if err := os.RemoveAll(temp); err != nil {
		return err
	}
	rows, err := m.copy(ctx, to, temp, from)
	if err != nil {
		return fmt.Errorf("copy the metadata to %s: %w", metaPaths[to], err)
	}
	if err := os.Rename(temp, m.path(to)); err != nil {
		return err
	}
	if err := durable.SyncDir(m.data); err != nil {
		return err
	}
	m.log.InfoContext(ctx, "copied the metadata; the old one is not used any more", "rows", rows, "old", metaPaths[from]+metaOld)
	return m.retire(from)
}

func (m metadata) copy(ctx context.Context, to, temp, from string) (rows int, err error) {
	source, err := m.store(ctx, from, m.path(from), nil)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := m.store(ctx, to, temp, nil)
	if err != nil {
		return 0, err
	}
	rows, err = kv.Copy(ctx, target, source)
	return rows, errors.Join(err, target.Close())
}

// retire takes a store out of use that there is a complete copy of.
func (m metadata) retire(kind string) error {
	old := m.path(kind) + metaOld
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	if err := os.Rename(m.path(kind), old); err != nil {
		return err
	}
	return durable.SyncDir(m.data)
}

func (m metadata) store(ctx context.Context, kind, path string, metrics prometheus.Registerer) (kv.Store, error) {
	if kind == metaBolt {
		return kv.OpenBolt(ctx, path, kv.BoltOptions{Metrics: metrics})
	}
	return kv.OpenPebble(ctx, path, kv.PebbleOptions{Log: m.log.With("pkg", "kv"), Metrics: metrics})
}
