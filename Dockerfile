# syntax=docker/dockerfile:1

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/gridpatrol . \
 && mkdir -p /out/data

# static: certificates and time zones, no shell; nonroot is uid 65532.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/gridpatrol /usr/local/bin/gridpatrol
COPY --from=build --chown=65532:65532 --chmod=0700 /out/data /data
ENV GRIDPATROL_DATA=/data \
    GRIDPATROL_LISTEN=0.0.0.0:8080 \
    GRIDPATROL_LOG_FORMAT=json
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["gridpatrol", "health"]
ENTRYPOINT ["gridpatrol"]
CMD ["serve"]
