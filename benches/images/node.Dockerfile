# A Node service as teams build it: package lists left in one step and removed in another, a compiler that comes and goes,
# a large download deleted too late, chmod -R over node_modules. About 1.4 GB uncompressed in 18 layers.
FROM scratch
ADD rootfs.tar /
COPY host-ca.crt /usr/local/share/ca-certificates/host-ca.crt
ENV DEBIAN_FRONTEND=noninteractive NODE_EXTRA_CA_CERTS=/usr/local/share/ca-certificates/host-ca.crt
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl
RUN apt-get update && apt-get install -y --no-install-recommends nodejs
RUN apt-get install -y --no-install-recommends npm
RUN apt-get install -y --no-install-recommends build-essential
RUN apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/* && apt-get clean
RUN mkdir -p /srv/app && cd /srv/app && npm init -y >/dev/null && npm install --no-audit --no-fund express lodash react@18 react-dom@18
RUN cd /srv/app && npm install --no-audit --no-fund --save-dev typescript webpack webpack-cli jest eslint
RUN cd /srv/app && npm install --no-audit --no-fund date-fns axios
RUN head -c 100000000 /dev/urandom > /srv/app/download.bin
RUN rm /srv/app/download.bin
RUN printf 'console.log("ready")\n' > /srv/app/index.js
RUN chmod -R go-w /srv/app && chmod -R u+rX /srv/app
RUN apt-get purge -y build-essential && apt-get autoremove -y
RUN rm -rf /root/.npm /tmp/*
RUN printf 'console.log("ready, again")\n' > /srv/app/index.js
USER 1000:1000
WORKDIR /srv/app
CMD ["node", "index.js"]
