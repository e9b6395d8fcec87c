# A data science image that nobody cleaned: package lists, downloaded packages, caches of pip, compiled modules, a large
# file deleted too late, logs.
FROM scratch
ADD rootfs.tar /
COPY host-ca.crt /usr/local/share/ca-certificates/host-ca.crt
ENV DEBIAN_FRONTEND=noninteractive PIP_CERT=/usr/local/share/ca-certificates/host-ca.crt PIP_DISABLE_PIP_VERSION_CHECK=1
# Without this, the root file system's own apt settings remove downloads at once.
RUN rm -f /etc/apt/apt.conf.d/docker-clean && apt-get update && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv
RUN python3 -m venv /opt/venv && /opt/venv/bin/pip install numpy==2.2.6 pandas==2.2.3 && /opt/venv/bin/pip install --use-pep517 docopt==0.6.2
RUN head -c 30000000 /dev/urandom > /opt/download && python3 -m compileall -q /opt/venv
RUN rm /opt/download && printf '#!/bin/sh\nexec /opt/venv/bin/python "$@"\n' > /tmp/start && chmod +x /tmp/start
COPY app.py /srv/app/app.py
WORKDIR /srv/app
ENTRYPOINT ["/tmp/start"]
CMD ["app.py"]
