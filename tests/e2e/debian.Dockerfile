# A Debian with what real images have: packages, caches left behind, setuid and capabilities, hard links, devices, files
# that are deleted, replaced and only touched later.
FROM scratch
ADD rootfs.tar /
ENV DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8
LABEL org.opencontainers.image.title="test" maintainer="nobody"
RUN apt-get update && apt-get install -y --no-install-recommends iputils-ping python3-minimal less
RUN useradd -m -u 3000000 -s /bin/bash app && install -d -o app -g app -m 2770 /srv/app
RUN head -c 50000000 /dev/urandom > /srv/app/big && ln /srv/app/big /srv/app/big.link
RUN rm /srv/app/big
RUN ln /etc/passwd /etc/passwd.link && ln -s /nowhere/at/all /dangling && ln /dangling /dangling.link \
 && mknod /srv/pipe p && mknod /srv/null c 1 3 && chmod 4711 /srv/null && printf 'x' > "/srv/a name with spaces"
RUN chmod -R go-w /usr/share/python3 /usr/lib/python3.11 && chown -R app:app /srv/app && touch -d '2001-02-03 04:05:06.789' /etc/hostname /srv/pipe
RUN rm -rf /var/lib/apt/lists/* && rm -rf /usr/share/doc && mkdir -p /usr/share/doc/new && echo new > /usr/share/doc/new/file
RUN rm -rf /etc/default && ln -s skel /etc/default && rm /etc/issue && mkdir /etc/issue && echo inside > /etc/issue/file
RUN rm -rf /etc/issue && echo again > /etc/issue && echo more >> /etc/passwd.link
RUN python3 -m compileall -q /usr/lib/python3.11/encodings && setcap cap_net_bind_service+ep /usr/bin/python3.11
VOLUME /data
EXPOSE 8080/tcp
STOPSIGNAL SIGINT
SHELL ["/bin/bash", "-c"]
ONBUILD RUN echo built upon
HEALTHCHECK --interval=30s --retries=5 CMD ["true"]
WORKDIR /srv/app
USER app
ENTRYPOINT ["/usr/bin/python3"]
CMD ["-c", "import os; print(os.getuid(), os.getcwd(), sorted(os.listdir('/srv')))"]
