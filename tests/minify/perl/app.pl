#!/usr/bin/env -S perl -w
use strict; use utf8; use Own; use POSIX; use Socket; use Encode; use JSON; use LWP::UserAgent; use IO::Socket::SSL;
use Digest::SHA; use Time::Local; use File::Temp; use Unicode::Normalize; use List::Util 'sum'; use Storable; use Data::Dumper;
print Own::own(), " ", JSON->new->canonical->encode({ a => 1 }), " ", sum(1, 2), "\n";
print encode('cp1252', "\x{20ac}") eq "\x80" ? "ok\n" : "no\n", Digest::SHA::sha256_hex('x'), "\n";
print strftime('%F', gmtime(1700000000)), " ", (getpwnam('nobody'))[2], " ", inet_ntoa(inet_aton('localhost')), "\n";
print `echo from a shell; ls /srv`, "\x{e9}" =~ /\w/ ? "word\n" : "none\n", NFD("\x{e9}") eq "e\x{301}" ? "nfd\n" : "no\n";
exit 8;
