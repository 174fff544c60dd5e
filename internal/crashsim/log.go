package crashsim

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
)

// A Log is what processes did to one directory, one after the other.
type Log struct {
	root    string
	top     *inode
	nodes   []*inode
	marks   []Mark
	faults  []Fault
	journal map[string]bool  // directories whose names change in order
	muted   map[*syncOp]bool // syncs that count for nothing
	safe    map[*inode]*certainty
	named   int // the last id of a nameOp
	end     int // the place after everything
}

// A Mark is what was written to, or read from, something outside the directory:
// a line of standard output, a message on a socket.
type Mark struct {
	FD         int
	Read       bool
	Begin, End int
	Data       []byte
}

// A Fault is a call that strace made fail.
type Fault struct {
	Call, Errno string
	Path        string // as the call has it, or the name of the file below the root
	Begin       int
}

// Faults are in the order in which they struck.
func (l *Log) Faults() []Fault { return l.faults }

// An inode is a file or directory, whatever names it has.
type inode struct {
	path  string // the name it had last, below the root
	dir   bool
	base  []byte // of a file: what it held at first
	size  int64  // as the processes see it
	data  []dataOp
	names []nameOp // of a directory, in the order in which they were done
	syncs []*syncOp

	entries map[string]*inode // of a directory, as the processes see it
}

type span struct{ begin, end int }

// doneBy says whether the operation had ended at a time.
func (s span) doneBy(at int) bool { return s.end <= at }

type dataOp struct {
	span
	off    int64
	data   []byte // of a write
	size   int64  // the file's afterwards if the operation changes it, else -1
	cut    bool   // it makes the file shorter: what is behind size is gone
	direct bool   // durable when it ends
	unsure bool   // it failed, and may have been done in part
}

type nameOp struct {
	span
	id   int
	name string
	node *inode // nil: the name goes
	// A rename has two of these. The one that takes the old name away says
	// which gives the new one; 0: it is no rename.
	after int
}

type syncOp struct {
	span
	failed bool
}

// InOrder says that names in the directory at path, and of those below it, come
// to the disk in the order in which they were changed, as a journal has it. Some
// software counts on that.
func (l *Log) InOrder(path string) {
	if l.journal == nil {
		l.journal = map[string]bool{}
	}
	l.journal[path] = true
}

// EmptyLog is the log of a directory that is empty and durable. root is its
// name in the traces, without symbolic links.
func EmptyLog(root string) *Log {
	l := &Log{root: root, muted: map[*syncOp]bool{}}
	l.top = l.newNode(".", true)
	l.settle()
	return l
}

// NewLog is the log of a directory that nothing has been done to yet. What is
// in it is durable.
func NewLog(root string) (*Log, error) {
	root, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil, err
	}
	l := &Log{root: root, muted: map[*syncOp]bool{}}
	l.top, err = l.load(root, ".")
	if err != nil {
		return nil, err
	}
	l.settle()
	return l, nil
}

func (l *Log) load(name, path string) (*inode, error) {
	st, err := os.Lstat(name)
	if err != nil {
		return nil, err
	}
	switch {
	case st.Mode().IsRegular():
		n := l.newNode(path, false)
		n.base, err = os.ReadFile(name)
		n.size = int64(len(n.base))
		return n, err
	case !st.IsDir():
		return nil, &fs.PathError{Op: "load", Path: name, Err: errors.New("neither file nor directory")}
	}
	n := l.newNode(path, true)
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		child, err := l.load(filepath.Join(name, e.Name()), filepath.Join(path, e.Name()))
		if err != nil {
			return nil, err
		}
		n.entries[e.Name()] = child
		n.names = append(n.names, nameOp{span: span{-1, -1}, name: e.Name(), node: child})
	}
	n.syncs = append(n.syncs, &syncOp{span: span{0, 0}})
	return n, nil
}

func (l *Log) newNode(path string, dir bool) *inode {
	n := &inode{path: path, dir: dir}
	if dir {
		n.entries = map[string]*inode{}
	}
	l.nodes = append(l.nodes, n)
	return n
}

// End is a time after everything in the log.
func (l *Log) End() int { return l.end }

// Marks are in the order in which they began.
func (l *Log) Marks() []Mark { return l.marks }

// A Sync is one that did not fail, of a file or of a directory.
type Sync struct {
	Path       string
	Begin, End int
	Last       Write // the last that ended before; its End is 0 if there was none

	op *syncOp
}

// A Write is one that did not fail, to a file.
type Write struct {
	Path       string
	Off, Len   int64
	Begin, End int // Never, if it had not returned
}

// Syncs are all that ended, in the order in which they began.
func (l *Log) Syncs() []Sync {
	var all []Sync
	for _, n := range l.nodes {
		for _, s := range n.syncs {
			if s.failed || s.end == Never || l.muted[s] {
				continue
			}
			sync := Sync{Path: n.path, Begin: s.begin, End: s.end, op: s}
			for _, d := range n.data {
				if d.data != nil && d.end < s.begin {
					sync.Last = Write{n.path, d.off, int64(len(d.data)), d.begin, d.end}
				}
			}
			all = append(all, sync)
		}
	}
	slices.SortFunc(all, func(a, b Sync) int { return a.Begin - b.Begin })
	return all
}

// Writes are those to files, in the order in which they began.
func (l *Log) Writes() []Write {
	var all []Write
	for _, n := range l.nodes {
		for _, d := range n.data {
			if d.data != nil && !d.unsure {
				all = append(all, Write{n.path, d.off, int64(len(d.data)), d.begin, d.end})
			}
		}
	}
	slices.SortFunc(all, func(a, b Write) int { return a.Begin - b.Begin })
	return all
}

// Durable says whether a write was certainly on the disk at a time.
func (l *Log) Durable(w Write, at int) bool {
	for _, n := range l.nodes {
		for i, d := range n.data {
			if d.begin == w.Begin && d.end == w.End && n.path == w.Path {
				return l.safe[n].data[i] <= at
			}
		}
	}
	return false
}

// WrittenAfterFailure lists the writes to files that began after a sync of the
// same file had failed.
func (l *Log) WrittenAfterFailure() []Write {
	var all []Write
	for _, n := range l.nodes {
		failed := math.MaxInt
		for _, s := range n.syncs {
			if s.failed {
				failed = min(failed, s.end)
			}
		}
		for _, d := range n.data {
			if d.data != nil && d.begin > failed {
				all = append(all, Write{n.path, d.off, int64(len(d.data)), d.begin, d.end})
			}
		}
	}
	return all
}

// Without is the log as it would be if the syncs that drop picks had not been made.
func (l *Log) Without(drop func(Sync) bool) *Log {
	less := *l
	less.muted = map[*syncOp]bool{}
	for _, s := range l.Syncs() {
		if drop(s) {
			less.muted[s.op] = true
		}
	}
	less.settle()
	return &less
}

// settle works out when each operation became certain. It is called whenever
// operations were added or syncs taken away.
func (l *Log) settle() {
	l.safe = make(map[*inode]*certainty, len(l.nodes))
	for _, n := range l.nodes {
		f := l.newFlushes(n)
		c := &certainty{data: make([]int, len(n.data)), names: make([]int, len(n.names))}
		for i, d := range n.data {
			switch {
			case d.unsure:
				c.data[i] = Never
			case d.direct:
				c.data[i] = d.end
			default:
				c.data[i] = f.first(d.span)
			}
		}
		for i, op := range n.names {
			c.names[i] = f.first(op.span)
		}
		l.safe[n] = c
	}
}

// certainty says from when on each operation on an inode is on the disk.
type certainty struct{ data, names []int }

// flushes are the syncs of one inode.
type flushes struct {
	good   []*syncOp // by begin
	soon   []int     // the earliest end of a good one from here on
	failed []int     // ends of those that failed
}

func (l *Log) newFlushes(n *inode) flushes {
	var f flushes
	for _, s := range n.syncs {
		if s.failed && !n.dir {
			f.failed = append(f.failed, s.end)
		} else if s.failed {
			continue // names are in a journal, and a file system whose journal failed writes no more
		} else if !l.muted[s] && s.end != Never {
			f.good = append(f.good, s)
		}
	}
	slices.SortFunc(f.good, func(a, b *syncOp) int { return a.begin - b.begin })
	f.soon = make([]int, len(f.good))
	next := Never
	for i := len(f.good) - 1; i >= 0; i-- {
		next = min(next, f.good[i].end)
		f.soon[i] = next
	}
	return f
}

// first is when an operation became certain, or Never.
func (f flushes) first(op span) int {
	if op.begin < 0 {
		return op.begin
	}
	i, _ := slices.BinarySearchFunc(f.good, op.end, func(s *syncOp, end int) int {
		if s.begin > end {
			return 1
		}
		return -1
	})
	if op.end == Never || i == len(f.good) {
		return Never
	}
	for _, end := range f.failed {
		if end > op.begin && end <= f.soon[i] {
			return Never // it may have been dropped
		}
	}
	return f.soon[i]
}
