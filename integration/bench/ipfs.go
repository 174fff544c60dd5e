package main

import "context"

func (b bench) ipfs(ctx context.Context) error { return nil }
