package s3

import (
	"strings"

	"github.com/whypfs/whypfs/buckets"
)

// metaImport is the user metadata that says that the body is a CAR, whose root
// shall be the object. It is kept like any other.
const metaImport = "import"

// importing marks an upload whose metadata asks for the import of a CAR.
func importing(a *buckets.Attributes) {
	a.CAR = strings.EqualFold(a.Meta[metaImport], "car")
}
