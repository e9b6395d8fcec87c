const express = require('express'), lodash = require('lodash'), http = require('http'), child = require('child_process');
const addon = require('./build/Release/addon.node'), crypto = require('crypto'), zlib = require('zlib'), dns = require('dns');
const app = express();
app.get('/', (request, answer) => answer.json({ sum: addon.add(lodash.sum([1, 2]), 4) }));
const server = app.listen(0, '127.0.0.1', () => {
  http.get({ port: server.address().port, host: '127.0.0.1' }, (answer) => {
    answer.on('data', (data) => console.log(String(data)));
    answer.on('end', () => dns.lookup('localhost', (error) => {
      console.log(answer.statusCode, error);
      console.log(child.execSync('echo from a shell').toString().trim());
      console.log(crypto.createHash('sha256').update('x').digest('hex'), zlib.gzipSync('x').length);
      console.log(new Date(1700000000000).toLocaleString('de-DE', { timeZone: 'Asia/Tokyo' }));
      console.log(new Intl.NumberFormat('fr-FR').format(1234567.5));
      server.close();
      process.exitCode = 5;
    }));
  });
});
