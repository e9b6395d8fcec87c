# A Node service whose npm left everything that it downloaded.
FROM scratch
ADD rootfs.tar /
COPY host-ca.crt /usr/local/share/ca-certificates/host-ca.crt
ENV DEBIAN_FRONTEND=noninteractive NODE_EXTRA_CA_CERTS=/usr/local/share/ca-certificates/host-ca.crt
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates nodejs npm
WORKDIR /srv/app
RUN npm init -y >/dev/null && npm install --no-audit --no-fund express lodash
RUN printf 'const e = require("express"), l = require("lodash"); console.log(typeof e, l.sum([1, 2]))\n' > index.js
CMD ["node", "index.js"]
