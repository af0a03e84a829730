# FlaskScale as a container image: put a flaskscale.toml into /etc/flaskscale and publish its ports.
#   docker build -t flaskscale .
#   docker run -p 80:80 -v ./conf:/etc/flaskscale:ro flaskscale
ARG BASE=debian:12-slim

FROM ${BASE} AS build
WORKDIR /source
COPY dev ./
COPY dev.d dev.d
RUN ./dev install build container && rm -rf /var/lib/apt/lists/*
COPY . .
# The commit that `flaskscale --version` prints: the context has no repository to ask.
ARG COMMIT=""
RUN FLASKSCALE_COMMIT="$COMMIT" ./dev build release flaskscale
# The capability lets any user bind ports 80 and 443. The runtime packages are those that own the
# libraries which the program is linked with, under whatever names this Debian release gives them.
RUN install -D -s -m 755 build/release/flaskscale /image/usr/bin/flaskscale \
 && setcap cap_net_bind_service=+ep /image/usr/bin/flaskscale \
 && install -D -m 644 LICENSE /image/usr/share/doc/flaskscale/LICENSE \
 && ldd build/release/flaskscale | sed -n 's:.*=> \(/usr\)\?\(/lib/[^ ]*\) .*:*\2:p' \
  | xargs dpkg-query -S | cut -d: -f1 | sort -u > /image/packages

FROM ${BASE}
COPY --from=build /image/ /
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive xargs apt-get install -y --no-install-recommends \
      ca-certificates < /packages \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log /packages \
 && useradd --system --uid 10001 --user-group --home-dir /var/lib/flaskscale --create-home \
      --shell /usr/sbin/nologin flaskscale \
 && install -d /etc/flaskscale
USER 10001:10001
WORKDIR /var/lib/flaskscale
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["flaskscale", "status", "-c", "/etc/flaskscale/flaskscale.toml"]
ENTRYPOINT ["flaskscale", "run", "-c", "/etc/flaskscale/flaskscale.toml"]
