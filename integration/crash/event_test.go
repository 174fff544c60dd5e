//go:build integration

package crash

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"

	"github.com/whypfs/whypfs/internal/crashsim"
)

// An event is a line that the workload prints.
type event struct {
	N       int    // of the operation
	What    string // begin, end, found
	Op      string `json:",omitempty"`
	Path    string `json:",omitempty"` // "bucket/key", or the bucket's name
	Body    string `json:",omitempty"`
	Version string `json:",omitempty"`
	Upload  string `json:",omitempty"`
	Part    int    `json:",omitempty"`
	CID     string `json:",omitempty"`
	Result  string `json:",omitempty"` // of an end: ok, refused (nothing changed), failed (nobody knows)
	Err     string `json:",omitempty"`
	Found   *state `json:",omitempty"`
}

// printer prints events, each in one write.
type printer struct {
	mu   sync.Mutex
	next int
	to   func(event) // instead; nil: standard output
}

func (p *printer) print(e event) {
	if p.to != nil {
		p.to(e)
		return
	}
	b, err := json.Marshal(e)
	if err == nil {
		_, err = os.Stdout.Write(append(b, '\n'))
	}
	if err != nil {
		panic(err)
	}
}

func (p *printer) begin(e event) event {
	p.mu.Lock()
	p.next++
	e.N = p.next
	p.mu.Unlock()
	e.What = "begin"
	p.print(e)
	return e
}

// stamped is an event and when it was printed.
type stamped struct {
	event
	at int
}

// eventsOf reads what the workloads in a log have printed.
func eventsOf(log *crashsim.Log) ([]stamped, error) {
	var all []stamped
	for _, m := range log.Marks() {
		if m.FD != 1 || m.Read {
			continue
		}
		var e event
		if err := json.Unmarshal(m.Data, &e); err != nil {
			return nil, fmt.Errorf("the workload printed %q: %w", m.Data, err)
		}
		all = append(all, stamped{e, m.Begin})
	}
	return all, nil
}
