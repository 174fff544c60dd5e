package segment

// A writer writes a new file forward, in large writes.
type writer struct {
	file file
	off  int64
	buf  []byte
	err  error
}

const writerSize = 1 << 20

func (w *writer) write(b []byte) {
	w.buf = append(w.buf, b...)
	if len(w.buf) >= writerSize {
		w.put()
	}
}

func (w *writer) put() {
	if w.err == nil && len(w.buf) > 0 {
		_, w.err = w.file.WriteAt(w.buf, w.off)
	}
	w.off += int64(len(w.buf))
	w.buf = w.buf[:0]
}

func (w *writer) flush() error {
	w.put()
	return w.err
}
