package main

import (
	"context"
	"fmt"
	"os"
)

func main() {
	// What a library prints must not get among the answers.
	answers := os.Stdout
	os.Stdout = os.Stderr
	if err := serve(context.Background(), os.Stdin, answers); err != nil {
		fmt.Fprintln(os.Stderr, "whypfs-filclient:", err)
		os.Exit(1)
	}
}
