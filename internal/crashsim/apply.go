package crashsim

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
)

// What each call does to the log.

// pathArg is which argument of a call is a path.
var pathArg = map[string]int{
	"open": 0, "creat": 0, "rename": 0, "unlink": 0, "mkdir": 0,
	"openat": 1, "renameat": 1, "renameat2": 1, "unlinkat": 1, "mkdirat": 1, "linkat": 1,
}

// noteFault notes a call that strace made fail.
func (r *replay) noteFault(c *Call) error {
	f := Fault{Call: c.Name, Errno: c.Errno, Begin: r.first + c.Begin}
	if arg, ok := pathArg[c.Name]; ok {
		b, err := c.text(arg)
		if err != nil {
			return err
		}
		f.Path = string(b)
	} else if o := r.at[c]; o != nil {
		f.Path = o.node.path
	}
	r.log.faults = append(r.log.faults, f)
	return nil
}

// name gives a name a meaning, and says under which id the log has that.
func (r *replay) name(dir *inode, c *Call, name string, node *inode, after int) int {
	if node == nil {
		delete(dir.entries, name)
	} else {
		dir.entries[name] = node
		node.path = filepath.Join(dir.path, name)
	}
	r.log.named++
	dir.names = append(dir.names, nameOp{span: r.span(c), id: r.log.named, name: name, node: node, after: after})
	return r.log.named
}

func (r *replay) open(c *Call) error {
	path, flags := 0, c.arg(1)
	if c.Name == "openat" {
		path, flags = 1, c.arg(2)
	} else if c.Name == "creat" {
		flags = "O_WRONLY|O_CREAT|O_TRUNC"
	}
	if c.Result < 0 {
		return nil
	}
	if c.Done() {
		delete(r.fds, c.Result)
	}
	dir, name, err := r.lookup(c, path, r.at[c], c.Name == "openat")
	if dir == nil || err != nil {
		return err
	}
	node := dir.entries[name]
	if name == "" {
		node = dir
	}
	has := func(flag string) bool { return slices.Contains(strings.Split(flags, "|"), flag) }
	switch {
	case node == nil && has("O_CREAT"):
		node = r.log.newNode(filepath.Join(dir.path, name), false)
		r.name(dir, c, name, node, 0)
	case node == nil:
		return nil // one that the trace does not know, and cannot be changed through it
	case has("O_TRUNC"):
		r.resize(c, node, 0)
	}
	if c.Done() {
		r.fds[c.Result] = &open{node: node, append: has("O_APPEND"), direct: has("O_DSYNC") || has("O_SYNC")}
	}
	return nil
}

func (r *replay) write(c *Call) error {
	decode := c.text
	if strings.Contains(c.Name, "writev") {
		decode = c.vectors
	}
	o := r.at[c]
	if o == nil && c.Result < 0 {
		return nil
	}
	data, err := decode(1)
	if err != nil {
		return err
	}
	if c.Done() && c.Result >= 0 {
		data = data[:min(int64(len(data)), c.Result)]
	}
	if o == nil {
		fd, err := c.number(0)
		s := r.span(c)
		r.log.marks = append(r.log.marks, Mark{FD: int(fd), Begin: s.begin, End: s.end, Data: data})
		return err
	}
	off := o.pos
	if o.append {
		off = o.node.size
	}
	if strings.HasPrefix(c.Name, "p") {
		if off, err = c.number(3); err != nil {
			return err
		}
	} else {
		o.pos = off + int64(len(data))
	}
	if err := bounded(off, int64(len(data))); err != nil {
		return err
	}
	d := dataOp{span: r.span(c), off: off, data: data, size: -1, direct: o.direct, unsure: c.Done() && c.Result < 0}
	if end := off + int64(len(data)); end > o.node.size {
		d.size, o.node.size = end, end
	}
	if d.data == nil {
		d.data = []byte{}
	}
	o.node.data = append(o.node.data, d)
	return nil
}

func (r *replay) read(c *Call) error {
	if r.at[c] != nil || !c.Done() || c.Result <= 0 {
		return nil
	}
	data, err := c.text(1)
	if err != nil {
		return err
	}
	fd, err := c.number(0)
	s := r.span(c)
	r.log.marks = append(r.log.marks, Mark{FD: int(fd), Read: true, Begin: s.begin, End: s.end, Data: data})
	return err
}

// bounded refuses what no file system has.
func bounded(off, n int64) error {
	if off < 0 || n < 0 || off > math.MaxInt64/4 || n > math.MaxInt64/4 {
		return fmt.Errorf("range %d+%d: %w", off, n, errSyntax)
	}
	return nil
}

func (r *replay) truncate(c *Call, o *open) error {
	size, err := c.number(1)
	if err != nil || o == nil || c.Result < 0 {
		return err
	}
	if err := bounded(size, 0); err != nil {
		return err
	}
	r.resize(c, o.node, size)
	return nil
}

func (r *replay) resize(c *Call, n *inode, size int64) {
	n.data = append(n.data, dataOp{span: r.span(c), size: size, cut: size < n.size})
	n.size = size
}

func (r *replay) allocate(c *Call) error {
	o := r.at[c]
	if o == nil || c.Result < 0 {
		return nil
	}
	off, err := c.number(2)
	if err != nil {
		return err
	}
	n, err := c.number(3)
	if err == nil {
		err = bounded(off, n)
	}
	if err != nil {
		return err
	}
	switch mode := c.arg(1); mode {
	case "0":
		if off+n > o.node.size {
			r.resize(c, o.node, off+n)
		}
	case "FALLOC_FL_KEEP_SIZE": // room, but neither data nor size
	default:
		return fmt.Errorf("fallocate %s is not understood", mode)
	}
	return nil
}

func (r *replay) move(c *Call) error {
	if c.Result < 0 {
		return nil
	}
	at := strings.Contains(c.Name, "at")
	from, to := 0, 1
	if at {
		from, to = 1, 3
	}
	if flags := c.arg(4); at && flags != "" && flags != "0" && flags != "RENAME_NOREPLACE" {
		return fmt.Errorf("flags %s are not understood", flags)
	}
	fromDir, fromName, err := r.lookup(c, from, r.at[c], at)
	if err != nil {
		return err
	}
	toDir, toName, err := r.lookup(c, to, r.at2[c], at)
	if err != nil {
		return err
	}
	if fromDir == nil && toDir == nil {
		return nil
	}
	if fromDir == nil || toDir == nil {
		return fmt.Errorf("%q to %q leaves the directory", fromName, toName)
	}
	if fromDir.entries[fromName] == nil {
		return nil // a socket, say, which no call made that is traced
	}
	op := r.name(toDir, c, toName, fromDir.entries[fromName], 0)
	if strings.HasPrefix(c.Name, "rename") {
		r.name(fromDir, c, fromName, nil, op)
	}
	return nil
}

func (r *replay) unlink(c *Call) error {
	arg := 0
	if c.Name == "unlinkat" {
		arg = 1
	}
	if c.Result < 0 {
		return nil
	}
	dir, name, err := r.lookup(c, arg, r.at[c], arg == 1)
	if err != nil || dir == nil {
		return err
	}
	r.name(dir, c, name, nil, 0)
	return nil
}

func (r *replay) mkdir(c *Call) error {
	arg := 0
	if c.Name == "mkdirat" {
		arg = 1
	}
	if c.Result < 0 {
		return nil
	}
	dir, name, err := r.lookup(c, arg, r.at[c], arg == 1)
	if err != nil || dir == nil || name == "" {
		return err
	}
	r.name(dir, c, name, r.log.newNode(filepath.Join(dir.path, name), true), 0)
	return nil
}
