<?php
date_default_timezone_set('Asia/Tokyo');
echo date('c', 1700000000), "\n", mb_strtoupper('é'), "\n", json_encode([1]), "\n", hash('sha256', 'x'), "\n";
echo (new DOMDocument())->loadXML('<a/>') ? "xml\n" : "no\n", (new PDO('sqlite::memory:'))->query('select 1')->fetchColumn(), "\n";
echo curl_version()['features'] > 0 ? "curl\n" : "no\n", shell_exec('echo from a shell');
echo (new NumberFormatter('de_DE', NumberFormatter::DECIMAL))->format(1234.5), "\n", openssl_digest('x', 'sha1'), "\n";
echo implode(' ', get_loaded_extensions()), "\n";
exit(9);
