package crashsim

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

const atCwd = -100

// An open file of the process that is replayed.
type open struct {
	node   *inode
	pos    int64
	append bool
	direct bool
}

// A replay follows one process through its calls.
type replay struct {
	log   *Log
	first int // place of its trace in the log
	fds   map[int64]*open
	cwd   string
	at    map[*Call]*open // what the first descriptor was when the call began
	at2   map[*Call]*open // of a rename or link, the second one
}

// Add appends what a process did, which began when all before had ended. cwd is
// where it was started.
func (l *Log) Add(cwd string, calls []Call) error {
	r := &replay{log: l, first: l.end, fds: map[int64]*open{}, cwd: cwd, at: map[*Call]*open{}, at2: map[*Call]*open{}}
	type event struct {
		at   int
		call *Call
		end  bool
	}
	var events []event
	for i := range calls {
		c := &calls[i]
		events = append(events, event{c.Begin, c, false}, event{c.End, c, true})
		l.end = max(l.end, r.first+c.Begin+1)
		if c.Done() {
			l.end = max(l.end, r.first+c.End+1)
		}
	}
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	for _, e := range events {
		var err error
		if e.end {
			err = r.ended(e.call)
		} else {
			err = r.began(e.call)
		}
		if err != nil {
			return fmt.Errorf("%s at %d: %w", e.call.Name, e.at, err)
		}
	}
	l.end++
	l.settle()
	slices.SortStableFunc(l.marks, func(a, b Mark) int { return cmp.Compare(a.Begin, b.Begin) })
	return nil
}

func (r *replay) span(c *Call) span {
	s := span{r.first + c.Begin, Never}
	if c.Done() {
		s.end = r.first + c.End
	}
	return s
}

// firstIsFD are the calls whose first argument is a descriptor, of a file or of a directory.
var firstIsFD = map[string]bool{
	"openat": true, "close": true, "dup": true, "dup2": true, "dup3": true, "fcntl": true,
	"read": true, "write": true, "pwrite64": true, "writev": true, "pwritev": true, "pwritev2": true,
	"lseek": true, "ftruncate": true, "fallocate": true, "fsync": true, "fdatasync": true,
	"renameat": true, "renameat2": true, "unlinkat": true, "mkdirat": true, "linkat": true,
}

// began notes what descriptors mean. Another thread may reuse a number as soon
// as it is being closed.
func (r *replay) began(c *Call) error {
	if !firstIsFD[c.Name] {
		return nil
	}
	fd, err := c.number(0)
	if err != nil {
		return err
	}
	r.at[c] = r.fds[fd]
	switch c.Name {
	case "close":
		delete(r.fds, fd)
	case "renameat", "renameat2", "linkat":
		if fd, err = c.number(2); err != nil {
			return err
		}
		r.at2[c] = r.fds[fd]
	}
	return nil
}

// ended does what the call did.
func (r *replay) ended(c *Call) error {
	if c.Injected {
		if err := r.noteFault(c); err != nil {
			return err
		}
	}
	if c.Injected && c.Name != "fsync" && c.Name != "fdatasync" {
		return nil
	}
	switch c.Name {
	case "open", "openat", "creat":
		return r.open(c)
	case "dup", "dup2", "dup3", "fcntl":
		return r.dup(c)
	case "write", "pwrite64", "writev", "pwritev", "pwritev2":
		return r.write(c)
	case "read":
		return r.read(c)
	case "lseek":
		if o := r.at[c]; o != nil && c.Done() && c.Result >= 0 {
			o.pos = c.Result
		}
	case "ftruncate":
		return r.truncate(c, r.at[c])
	case "fallocate":
		return r.allocate(c)
	case "fsync", "fdatasync":
		if o := r.at[c]; o != nil {
			o.node.syncs = append(o.node.syncs, &syncOp{span: r.span(c), failed: c.Result < 0})
		}
	case "rename", "renameat", "renameat2", "link", "linkat":
		return r.move(c)
	case "unlink", "rmdir", "unlinkat":
		return r.unlink(c)
	case "mkdir", "mkdirat":
		return r.mkdir(c)
	default:
		return r.unsupported(c)
	}
	return nil
}

// unsupported refuses what would change the directory in a way that the log cannot tell.
func (r *replay) unsupported(c *Call) error {
	switch c.Name {
	case "mmap":
		shared := strings.Contains(c.arg(3), "MAP_SHARED") && strings.Contains(c.arg(2), "PROT_WRITE")
		if fd, err := c.number(4); err != nil || !shared || r.fds[fd] == nil {
			return err
		}
	case "copy_file_range":
		if fd, err := c.number(2); err != nil || r.fds[fd] == nil {
			return err
		}
	case "sendfile":
		if fd, err := c.number(0); err != nil || r.fds[fd] == nil {
			return err
		}
	case "splice":
		if fd, err := c.number(2); err != nil || r.fds[fd] == nil {
			return err
		}
	case "msync", "symlink", "symlinkat", "truncate", "sync", "syncfs":
		if c.Result < 0 {
			return nil
		}
	default:
		return nil // another call that was traced besides
	}
	return fmt.Errorf("%s is not understood", c.Name)
}

func (r *replay) dup(c *Call) error {
	if c.Name == "fcntl" && !strings.HasPrefix(c.arg(1), "F_DUPFD") || !c.Done() || c.Result < 0 {
		return nil
	}
	if o := r.at[c]; o != nil {
		r.fds[c.Result] = o
	} else {
		delete(r.fds, c.Result)
	}
	return nil
}

// lookup finds the directory that a path argument names an entry of, or nil if
// it is not in the log. from is the descriptor that it is relative to.
func (r *replay) lookup(c *Call, arg int, from *open, atFD bool) (dir *inode, name string, err error) {
	b, err := c.text(arg)
	if err != nil {
		return nil, "", err
	}
	path := string(b)
	if !filepath.IsAbs(path) {
		if atFD && c.arg(arg-1) != "AT_FDCWD" {
			if from == nil || !from.node.dir {
				return nil, "", nil
			}
			return r.log.walk(from.node, path)
		}
		path = filepath.Join(r.cwd, path)
	}
	rest, ok := strings.CutPrefix(filepath.Clean(path), r.log.root)
	if !ok || rest != "" && rest[0] != '/' {
		return nil, "", nil
	}
	return r.log.walk(r.log.top, strings.TrimPrefix(rest, "/"))
}

// walk goes down from a directory to the one that holds the last name of a path.
func (l *Log) walk(dir *inode, path string) (*inode, string, error) {
	if path = filepath.Clean(path); path == "." {
		return dir, "", nil
	}
	names := strings.Split(path, "/")
	for _, name := range names[:len(names)-1] {
		next := dir.entries[name]
		if next == nil || !next.dir {
			return nil, "", nil
		}
		dir = next
	}
	return dir, names[len(names)-1], nil
}
