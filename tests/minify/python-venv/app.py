import concurrent.futures, ctypes, ctypes.util, datetime, decimal, gettext, hashlib, json, locale, lzma, mimetypes, os, pwd
import socket, sqlite3, ssl, subprocess, sys, tempfile, unicodedata, uuid, zipfile, zoneinfo
from xml.dom import minidom

print(sys.version_info[:2])
try:
    import numpy, pandas
    print(pandas.DataFrame({"a": numpy.arange(4)}).sum().to_dict(), numpy.linalg.det(numpy.eye(3)))
    print(pandas.Timestamp(1700000000, unit="s", tz="Asia/Tokyo"))
except ImportError as error:
    print(error)
context = ssl.create_default_context()
print(len(context.get_ca_certs()) > 100, ssl.OPENSSL_VERSION_INFO[0])
data = sqlite3.connect(":memory:")
print(data.execute("select json_extract('{\"a\": 7}', '$.a')").fetchone())
name = ctypes.util.find_library("z")
print(name, ctypes.CDLL(name).zlibVersion is not None)
print(ctypes.CDLL("libc.so.6").abs(-3))
print(datetime.datetime.fromtimestamp(1700000000, zoneinfo.ZoneInfo("America/New_York")))
print(hashlib.sha3_256(b"x").hexdigest(), lzma.decompress(lzma.compress(b"y")), decimal.Decimal("0.1") + 1)
print(mimetypes.guess_type("a.odt"), unicodedata.name("é"), pwd.getpwnam("nobody").pw_uid)
print(subprocess.run("echo from a shell", shell=True, capture_output=True).stdout)
print(minidom.parseString("<a><b/></a>").documentElement.tagName, uuid.UUID(int=5))
print(socket.getaddrinfo("localhost", "https", type=socket.SOCK_STREAM)[0][4][1])
print("x".encode("cp1252"), locale.setlocale(locale.LC_ALL, ""))
with concurrent.futures.ProcessPoolExecutor(2) as pool:
    print(list(pool.map(abs, [-1, -2])))
sys.exit(6)
