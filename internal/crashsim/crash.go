package crashsim

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
)

// keep says what becomes of what is not certain.
type keep int

const (
	keepAll    keep = iota // as after a kill
	keepNone               // the least there can be
	keepBefore             // what was done before some time, torn there
	keepSome               // anything, each sector and name for itself
	keepModes
)

// Crash is the directory as it may be found after the power failed at a time.
func (l *Log) Crash(at int, r *rand.Rand) Image {
	c := l.newCut(at, keepModes, r)
	return c.image()
}

// Killed is the directory as the next process finds it after all were killed at a time.
func (l *Log) Killed(at int) Image { return l.newCut(at, keepAll, nil).image() }

// Certain is the directory with nothing but what is certain at a time.
func (l *Log) Certain(at int) Image { return l.newCut(at, keepNone, nil).image() }

// A cut makes one image. Its choices depend on the log and the seed alone.
type cut struct {
	log    *Log
	at     int
	mode   keep // of names, and keepModes: of each file its own
	files  keep
	rand   *rand.Rand
	sector int64
	odds   float64 // of keeping one more thing, in keepSome
	before int     // the time of keepBefore
}

func (l *Log) newCut(at int, mode keep, r *rand.Rand) *cut {
	c := &cut{log: l, at: at, mode: mode, files: mode, rand: r, sector: pageSize}
	if r == nil {
		return c
	}
	c.mode = keep(r.IntN(int(keepModes)))
	if c.files = keepModes; r.IntN(3) == 0 {
		c.files = c.mode // the same moment everywhere
	}
	if r.IntN(2) == 0 {
		c.sector = 512
	}
	c.odds = []float64{0.1, 0.5, 0.9}[r.IntN(3)]
	// What is not synced is mostly young.
	c.before = at - int(float64(min(at, 400))*r.Float64()*r.Float64())
	return c
}

func (c *cut) image() Image {
	image := Image{}
	names := c.names()
	var add func(dir *inode, path string)
	add = func(dir *inode, path string) {
		list := names[dir]
		for _, name := range sortedKeys(list) {
			node, child := list[name], filepath.Join(path, name)
			switch {
			case node == nil:
			case node.dir:
				image[child] = nil
				add(node, child)
			default:
				image[child] = c.file(node)
			}
		}
	}
	add(c.log.top, ".")
	return image
}

func sortedKeys(m map[string]*inode) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// pick says whether something uncertain that was done at s is kept.
func (c *cut) pick(mode keep, s span) bool {
	switch mode {
	case keepAll:
		return true
	case keepNone:
		return false
	case keepBefore:
		return s.end <= c.before || s.begin <= c.before && c.rand.IntN(2) == 0
	default:
		return c.rand.Float64() < c.odds
	}
}

// A placed is a change of names and where it stands among those of its directory.
type placed struct {
	nameOp
	dir *inode
	op  int
}

// names decides what every directory holds.
func (c *cut) names() map[*inode]map[string]*inode {
	type key struct {
		dir  *inode
		name string
	}
	var all []placed
	for _, dir := range c.log.nodes {
		for i, op := range dir.names {
			if op.begin <= c.at {
				all = append(all, placed{op, dir, i})
			}
		}
	}
	// In the order in which they were done, over all directories.
	slices.SortStableFunc(all, func(a, b placed) int { return order(a.span, b.span, c.at) })
	applied := map[int]bool{0: true}
	stopped := map[key]bool{}
	ended := map[*inode]bool{} // directories of a journal that was cut off
	names := map[*inode]map[string]*inode{}
	for _, p := range all {
		k := key{p.dir, p.name}
		if c.log.safe[p.dir].names[p.op] > c.at {
			if !stopped[k] && !c.pick(c.mode, p.span) {
				stopped[k] = true
			}
			if !applied[p.after] {
				stopped[k] = true // it has not got its new name, so it has the old one
			}
			if c.log.journal[p.dir.path] {
				ended[p.dir] = ended[p.dir] || stopped[k]
				stopped[k] = ended[p.dir]
			}
			if stopped[k] {
				continue
			}
		}
		stopped[k] = false
		applied[p.id] = true
		if names[p.dir] == nil {
			names[p.dir] = map[string]*inode{}
		}
		names[p.dir][p.name] = p.node
	}
	return names
}

// order puts what had ended first, in the order of its end; the rest as it began.
func order(a, b span, at int) int {
	aDone, bDone := a.doneBy(at), b.doneBy(at)
	switch {
	case aDone && bDone:
		return a.end - b.end
	case aDone:
		return -1
	case bDone:
		return 1
	}
	return a.begin - b.begin
}

// file decides what a file holds.
func (c *cut) file(n *inode) *File {
	f := &File{Size: int64(len(n.base)), pages: map[int64][]byte{}}
	f.put(0, n.base, pageSize, func(int64) bool { return true })
	mode, sizes := c.files, c.files
	if mode == keepModes {
		mode, sizes = keep(c.rand.IntN(int(keepModes))), keep(c.rand.IntN(int(keepModes)))
	}
	ops, certain := c.done(n)
	floor := map[int64]int{} // by sector: what comes before is on the disk with what comes after
	floorSize := -1
	for i, op := range ops {
		if certain[i] && op.direct {
			for s := op.off / c.sector; s*c.sector < op.off+int64(len(op.data)); s++ {
				floor[s] = i
			}
		}
		if certain[i] && op.size >= 0 {
			floorSize = i
		}
	}
	stopped := map[int64]bool{}
	sizeStopped := false
	for i, op := range ops {
		take := func(s int64) bool {
			if certain[i] || i < floor[s] {
				return true
			}
			if !stopped[s] && !c.pick(mode, op.span) {
				stopped[s] = true
			}
			return !stopped[s]
		}
		if op.data != nil {
			f.put(op.off, op.data, c.sector, take)
		} else if op.cut {
			f.cut(op.size, c.sector, take)
		}
		if op.size < 0 {
			continue
		}
		if i > floorSize && !sizeStopped && !c.pick(sizes, op.span) {
			sizeStopped = true
		}
		switch {
		case sizeStopped:
		case op.data != nil:
			f.Size = max(f.Size, op.size)
		default:
			f.Size = op.size
		}
	}
	return f
}

// done lists what had begun, and says of what it is certain.
func (c *cut) done(n *inode) (ops []dataOp, certain []bool) {
	type one struct {
		dataOp
		certain bool
	}
	var all []one
	for i, op := range n.data {
		if op.begin <= c.at {
			all = append(all, one{op, c.log.safe[n].data[i] <= c.at})
		}
	}
	slices.SortStableFunc(all, func(a, b one) int { return order(a.span, b.span, c.at) })
	for _, o := range all {
		ops, certain = append(ops, o.dataOp), append(certain, o.certain)
	}
	return ops, certain
}
