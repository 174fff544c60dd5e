package checksum_test

import (
	"fmt"

	"github.com/whypfs/whypfs/internal/checksum"
)

// The checksum of an object comes from those of its parts, without its bytes.
func ExampleFullObject() {
	var parts []checksum.Part
	for _, data := range []string{"1234", "56789"} {
		h, _ := checksum.New(checksum.CRC64NVME)
		h.Write([]byte(data))
		parts = append(parts, checksum.Part{Sum: checksum.Encode(h.Sum(nil)), Size: int64(len(data))})
	}
	fmt.Println(checksum.FullObject(checksum.CRC64NVME, parts))
	// Output: rosUhgp5mIg= <nil>
}
