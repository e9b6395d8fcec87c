# A Python service that is built again and again: benches/reuse changes one thing at a time.
FROM scratch
ADD rootfs.tar /
COPY host-ca.crt /usr/local/share/ca-certificates/host-ca.crt
ENV DEBIAN_FRONTEND=noninteractive PIP_CERT=/usr/local/share/ca-certificates/host-ca.crt PIP_DISABLE_PIP_VERSION_CHECK=1
ARG SECURITY=no
ARG MORE=
# The suite of updates lies beside the one that the image was made from.
RUN if [ "$SECURITY" = yes ]; then sed 's|/debian/\? |/debian-security |; s| bookworm | bookworm-security |' /etc/apt/sources.list > /etc/apt/sources.list.d/security.list; fi \
 && apt-get update && apt-get upgrade -y \
 && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv curl git $MORE \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb
# So that compiled modules hold no times.
RUN export SOURCE_DATE_EPOCH=315532800 && python3 -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir numpy==2.2.6 pandas==2.2.3
ARG VERSION=1
RUN mkdir -p /srv/app && for n in $(seq 200); do echo "print('module $n')" > /srv/app/module$n.py; done \
 && echo "print('version $VERSION')" > /srv/app/main.py
CMD ["/opt/venv/bin/python", "/srv/app/main.py"]
