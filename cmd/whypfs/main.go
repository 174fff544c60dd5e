// Command whypfs is the storage gateway: one binary for the node and for the
// commands that look after it.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}
