package aged_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whypfs/whypfs/internal/aged"
)

func TestValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var v aged.Value[int]
		n, takes := 0, time.Duration(0)
		var fails error
		get := func() (int, error) {
			return v.Get(10*time.Second, func() (int, error) { n++; time.Sleep(takes); return n, fails })
		}
		want := func(about string, want int) {
			t.Helper()
			if got, err := get(); got != want || err != nil {
				t.Errorf("%s: %d, %v, want %d", about, got, err, want)
			}
		}
		time.Sleep(time.Second)
		fails = errors.New("no")
		if _, err := get(); !errors.Is(err, fails) {
			t.Errorf("a count that fails: %v", err)
		}
		fails = nil
		want("after a failure", 2)
		time.Sleep(10 * time.Second)
		want("not old yet", 2)
		takes = time.Second
		time.Sleep(time.Millisecond)
		want("old", 3)
		time.Sleep(20 * time.Second)
		want("a count that took a second", 3)
		time.Sleep(time.Millisecond)
		want("after twenty", 4)
	})
}
