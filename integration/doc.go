// Package integration builds the binary, runs it, and uses it as people do:
// with aws-cli, rclone and minio-go over real sockets, with kill -9, a full
// disk and providers that vanish. Its tests carry the build tag
// `integration`, because they install nothing themselves and take minutes;
// `./test` installs the clients and runs them.
package integration
