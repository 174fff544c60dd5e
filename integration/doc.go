// Package integration builds the binary, runs it, and uses it as people do:
// with every S3 client people come with, over real sockets, with kill -9, a full
// disk and providers that vanish. Its tests carry the build tag
// `integration`, because they install nothing themselves and take minutes;
// `./test` installs the clients and runs them.
package integration
