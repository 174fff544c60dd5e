FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /whypfs ./cmd/whypfs

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl \
	&& rm -rf /var/lib/apt/lists/* \
	&& useradd --uid 10001 --create-home --home-dir /data whypfs
COPY --from=build /whypfs /usr/local/bin/whypfs
USER whypfs
ENV WHYPFS_DATA=/data \
	WHYPFS_S3_ADDR=0.0.0.0:9000 \
	WHYPFS_API_ADDR=0.0.0.0:3004 \
	WHYPFS_GATEWAY_ADDR=0.0.0.0:8080 \
	WHYPFS_LIBP2P_ADDR=/ip4/0.0.0.0/tcp/4001,/ip4/0.0.0.0/udp/4001/quic-v1
VOLUME /data
EXPOSE 9000 3004 8080 4001/tcp 4001/udp
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD curl -fsS http://127.0.0.1:3004/readyz
ENTRYPOINT ["whypfs"]
CMD ["up"]
