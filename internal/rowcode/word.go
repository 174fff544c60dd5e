package rowcode

import "errors"

// ErrWord says that a value has a word that its reader does not know.
var ErrWord = errors.New("row has an unknown word")

// Words are strings that values have often, each a byte or two there. Values
// keep their places in the list, so a list may only get longer.
type Words struct {
	list  []string
	index map[string]uint64
}

// NewWords makes a list.
func NewWords(list ...string) *Words {
	t := &Words{list, make(map[string]uint64, len(list))}
	for i, s := range list {
		t.index[s] = uint64(i)
	}
	return t
}

// Word writes a string that may be one of a list: twice its place and one, or
// twice its length and itself.
func (w *Writer) Word(t *Words, s string) {
	if i, found := t.index[s]; found {
		w.Uint(2*i + 1)
		return
	}
	w.Uint(2 * uint64(len(s)))
	w.Raw(s)
}

// WordMap is Map with strings that may be of a list.
func (w *Writer) WordMap(t *Words, m map[string]string) {
	w.mapped(m, func(s string) { w.Word(t, s) })
}

// Word reads what Writer.Word wrote.
func (r *Reader) Word(t *Words) string {
	n := r.Uint()
	if n%2 == 0 {
		return r.Take(n / 2)
	}
	if n /= 2; n >= uint64(len(t.list)) {
		r.fail(ErrWord)
		return ""
	}
	return t.list[n]
}

// WordMap reads what Writer.WordMap wrote; nil if it is empty.
func (r *Reader) WordMap(t *Words) map[string]string {
	return r.mapped(func() string { return r.Word(t) })
}
