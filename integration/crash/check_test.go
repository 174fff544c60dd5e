//go:build integration

package crash

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/whypfs/whypfs/buckets"
)

// checkDir opens the stores in dir, as they are after a crash, and says in what
// they differ from what events allow at that time. It writes to them.
func checkDir(ctx context.Context, dir, driver string, events []stamped, at int) (err error) {
	m := modelAt(events, at)
	if err := m.err(); err != nil {
		return fmt.Errorf("an earlier process saw: %w", err)
	}
	s, err := openStores(ctx, dir, driver)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer func() {
		if s != nil {
			err = errors.Join(err, s.close())
		}
	}()
	first, err := s.sound(ctx)
	if err != nil {
		return err
	}
	m.check(first)
	m.checkPrivate(s, first)
	if err := m.err(); err != nil {
		return err
	}
	if err := s.swept(ctx, first, m.bodies); err != nil {
		return err
	}
	if err := s.goesOn(ctx, first); err != nil {
		return err
	}
	if err := s.close(); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	if err := tidy(dir); err != nil {
		return err
	}
	if s, err = openStores(ctx, dir, driver); err != nil {
		return fmt.Errorf("open again: %w", err)
	}
	again, err := s.sound(ctx)
	if err != nil {
		return fmt.Errorf("opened again: %w", err)
	}
	return first.same(again)
}

// sound reads everything and checks all rows.
func (s *stores) sound(ctx context.Context) (state, error) {
	if err := s.kv.(interface{ Check(context.Context) error }).Check(ctx); err != nil {
		return state{}, fmt.Errorf("metadata: %w", err)
	}
	if err := s.buckets.Check(ctx); err != nil {
		return state{}, err
	}
	return s.observe(ctx)
}

// swept sweeps: nothing that lives is lost, and of the other bodies nothing stays.
func (s *stores) swept(ctx context.Context, before state, bodies map[string]bool) error {
	if _, err := s.buckets.Sweep(ctx); err != nil {
		return err
	}
	after, err := s.observe(ctx)
	if err == nil {
		err = before.same(after)
	}
	if err != nil {
		return fmt.Errorf("after a sweep: %w", err)
	}
	live, err := s.reachable(ctx)
	if err != nil {
		return err
	}
	for body := range bodies {
		c, err := leafOf(body)
		if err != nil {
			return err
		}
		if _, ok := s.node.HasBlock(ctx, c); ok && !live[string(c.Hash())] {
			return fmt.Errorf("a block of body %s is left after a sweep, and nothing needs it", body)
		}
	}
	return nil
}

// goesOn stores one more object, and one that is stored already.
func (s *stores) goesOn(ctx context.Context, st state) error {
	if !st.Buckets[public] {
		return nil
	}
	b, err := s.buckets.Bucket(ctx, public)
	if err != nil {
		return err
	}
	put := []string{newBody(1<<63, 3000)}
	for _, body := range st.Objects {
		put = append(put, body)
		break
	}
	for i, body := range put {
		key := fmt.Sprintf("new/%d", i)
		o, err := s.buckets.Put(ctx, b, key, 7, reader(body), attributes(body), buckets.Conditions{})
		if err != nil {
			return fmt.Errorf("put after recovery: %w", err)
		}
		st.Objects[public+"/"+key], st.CIDs[body] = body, o.CID.String()
	}
	return nil
}

// same says in what two observations differ.
func (st state) same(other state) error {
	if reflect.DeepEqual(st, other) {
		return nil
	}
	m := &model{buckets: map[string]bool{}, values: map[string]map[string]bool{}, versions: map[string]*versionSet{},
		uploads: map[string]*uploadModel{}, creating: map[string]int{}, cids: st.CIDs}
	m.collapse(st)
	m.check(other)
	return errors.Join(fmt.Errorf("what is seen has changed"), m.err())
}

// checkPrivate asks the gateway for what only private buckets hold.
func (m *model) checkPrivate(s *stores, st state) {
	asked := 0
	for path, body := range st.Objects {
		// Nobody can tell an empty file from another.
		if !strings.HasPrefix(path, private) || m.exposed[body] || asked == 3 || strings.HasSuffix(body, ".0") {
			continue
		}
		asked++
		m.must(!s.served(st.CIDs[body]), "private object %s is served to strangers", path)
	}
}

// tidy finds files that no store needs.
func tidy(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.Contains(d.Name(), ".tmp") {
			err = fmt.Errorf("%s was left behind", path)
		}
		return err
	})
}
