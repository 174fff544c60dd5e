package segment

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/multiformats/go-multihash"
)

// A segment that has no index file and cannot be read, all of it or a part,
// stays as it is: the next open may be able to.
func TestOpenOnReadErrors(t *testing.T) {
	for from := range 3 {
		t.Run(fmt.Sprint(from), func(t *testing.T) {
			// Three reads of the scan's window.
			var blocks []block
			for i := range 6 {
				blocks = append(blocks, newBlock(t, bytes.Repeat([]byte{byte(i)}, 500<<10), multihash.SHA2_256))
			}
			d := filled(t, blocks)
			size := len(d.files[dataName(0)].data)
			reads := 0
			d.hook = func(op, name string) fault {
				if op == "read" && name == dataName(0) {
					if reads++; reads > from {
						return notApplied
					}
				}
				return noFault
			}
			s := openTest(t, d, Options{})
			d.hook = nil
			if from > 0 {
				check(t, s, true, blocks[0])
			}
			mustPut(t, s, false, testBlock(t, 1))
			sweep(t, s, liveBlocks(t, map[int]bool{1: true})) // it does not know what it would remove
			if f := d.files[dataName(0)]; f == nil || len(f.data) != size {
				t.Fatal("the segment was removed or cut")
			}
			s = openTest(t, d.killed(), Options{})
			check(t, s, true, blocks...)
			check(t, s, true, testBlock(t, 1))
		})
	}
}
